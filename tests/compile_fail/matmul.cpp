// Inner extents of a product must be one.
// expect: ashlar: matmul got 3 columns on the left but 4 rows on the right
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/matmul.hpp>

#ifdef ASHLAR_MUST_FAIL
using B = ashlar::Tensor<float, 4, 5>;
#else
using B = ashlar::Tensor<float, 3, 5>;
#endif

int main() { return matmul(ashlar::Tensor<float, ashlar::dyn, 3>(2), B{}).numel() == 0; }
