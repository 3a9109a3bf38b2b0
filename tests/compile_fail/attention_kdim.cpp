// A MultiheadAttention whose keys have features of their own takes those, and not the features of the query.
// expect: ashlar: MultiheadAttention takes 3 features but the input has 4
// forbid: static assertion failed
// errors: 1
#include <ashlar/nn/multihead_attention.hpp>

#ifdef ASHLAR_MUST_FAIL
using Key = ashlar::Tensor<float, 5, 1, 4>;
#else
using Key = ashlar::Tensor<float, 5, 1, 3>;
#endif

int main() {
  constexpr ashlar::MultiheadAttentionOptions options{.kdim = 3};
  ashlar::Tensor<float, 2, 1, 4> const query;
  ashlar::Tensor<float, 5, 1, 4> const value;
  (void)ashlar::MultiheadAttention<4, 2, options>{}(query, Key(), value);
}
