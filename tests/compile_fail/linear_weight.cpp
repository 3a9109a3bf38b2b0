// The function linear takes a weight of (out, in).
// expect: ashlar: linear takes a weight (out features, in features) of static extents but its rank is 1
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>

#ifdef ASHLAR_MUST_FAIL
using Weight = ashlar::Tensor<float, 3>;
#else
using Weight = ashlar::Tensor<float, 4, 3>;
#endif

int main() { return linear(ashlar::Tensor<float, 3>{}, Weight{}).numel() == 0; }
