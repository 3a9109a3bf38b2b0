// A layer called by hand says what it takes.
// expect: ashlar: Linear<20, 256> takes 20 features but the input has 21
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>

#ifdef ASHLAR_MUST_FAIL
using Input = ashlar::Tensor<float, ashlar::dyn, 21>;
#else
using Input = ashlar::Tensor<float, ashlar::dyn, 20>;
#endif

ashlar::Linear<20, 256> layer;

int main() { return layer(Input(1)).numel() == 0; }
