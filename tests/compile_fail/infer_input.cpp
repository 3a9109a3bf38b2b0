// An input whose features only the value knows gives no number.
// expect: ashlar: Sequential.0 is Linear<infer, 256> but an Input of shape (?, ?) does not give its input features
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t features = ashlar::dyn;
#else
inline constexpr std::size_t features = 20;
#endif

using Input = ashlar::Tensor<float, ashlar::dyn, features>;
using Net = ashlar::Inferred<ashlar::Sequential<ashlar::Linear<ashlar::infer, 256>, ashlar::ReLU>, Input>;

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
