// The bias of linear has as many elements as the weight has rows.
// expect: ashlar: linear has 4 out features but its bias has 3
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>

#ifdef ASHLAR_MUST_FAIL
using Bias = ashlar::Tensor<float, 3>;
#else
using Bias = ashlar::Tensor<float, 4>;
#endif

int main() { return linear(ashlar::Tensor<float, 3>{}, ashlar::Tensor<float, 4, 3>{}, Bias{}).numel() == 0; }
