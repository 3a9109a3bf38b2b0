// Attention refuses keys of other features than the queries.
// expect: ashlar: attention takes a k with the features of q, 8, but it has 4
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/attention.hpp>

#ifdef ASHLAR_MUST_FAIL
using K = ashlar::Tensor<float, 2, 5, 4>;
#else
using K = ashlar::Tensor<float, 2, 5, 8>;
#endif

int main() {
  auto const y = ashlar::scaled_dot_product_attention(ashlar::Tensor<float, 2, 3, 8>{}, K{}, K{});
  return y.numel() == 0;
}
