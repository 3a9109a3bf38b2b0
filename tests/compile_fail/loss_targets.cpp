// Targets of cross_entropy are class indices or probabilities.
// expect: ashlar: cross_entropy takes targets of i64, or probabilities of f32, but got i32
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/loss.hpp>

#ifdef ASHLAR_MUST_FAIL
using Targets = ashlar::Tensor<std::int32_t, 3>;
#else
using Targets = ashlar::Tensor<std::int64_t, 3>;
#endif

int main() { return cross_entropy(ashlar::Tensor<float, 3, 4>{}, Targets{}).numel() == 0; }
