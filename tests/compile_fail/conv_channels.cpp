// A convolution that is called by hand refuses an input of other channels.
// expect: ashlar: Conv2d takes 3 channels but the input has 4
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/conv.hpp>

#ifdef ASHLAR_MUST_FAIL
using Input = ashlar::Tensor<float, ashlar::dyn, 4, 8, 8>;
#else
using Input = ashlar::Tensor<float, ashlar::dyn, 3, 8, 8>;
#endif

int main() { return ashlar::Conv2d<3, 6, 5>{}(Input(1)).numel() == 0; }
