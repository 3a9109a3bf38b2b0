// Input and target of a loss have one shape.
// expect: ashlar: l1_loss takes input and target of one shape but they are (3, 4) and (3, 5)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/loss.hpp>

#ifdef ASHLAR_MUST_FAIL
using Target = ashlar::Tensor<float, 3, 5>;
#else
using Target = ashlar::Tensor<float, 3, 4>;
#endif

int main() { return l1_loss(ashlar::Tensor<float, 3, 4>{}, Target{}).numel() == 0; }
