// Nothing is converted silently.
// expect: ashlar: an elementwise op got f32 and f64: nothing is converted silently
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/arithmetic.hpp>

#ifdef ASHLAR_MUST_FAIL
using B = ashlar::Tensor<double, 3>;
#else
using B = ashlar::Tensor<float, 3>;
#endif

int main() { return (ashlar::Tensor<float, 2, 3>{} + B{}).numel() == 0; }
