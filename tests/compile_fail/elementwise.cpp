// Shapes that do not fit each other are both in the sentence.
// expect: ashlar: an elementwise op cannot join shapes (2, 3) and (2): they are equal, or one is the end of the other
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/arithmetic.hpp>

#ifdef ASHLAR_MUST_FAIL
using B = ashlar::Tensor<float, 2>;
#else
using B = ashlar::Tensor<float, 3>;
#endif

int main() { return (ashlar::Tensor<float, 2, 3>{} + B{}).numel() == 0; }
