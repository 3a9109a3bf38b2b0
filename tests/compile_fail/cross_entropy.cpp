// Logits and targets of cross_entropy have one number of rows.
// expect: ashlar: cross_entropy of an input (3, 5) takes targets (3) but got (4)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/loss.hpp>

#ifdef ASHLAR_MUST_FAIL
using Targets = ashlar::Tensor<std::int64_t, 4>;
#else
using Targets = ashlar::Tensor<std::int64_t, 3>;
#endif

int main() { return cross_entropy(ashlar::Tensor<float, 3, 5>{}, Targets{}).numel() == 0; }
