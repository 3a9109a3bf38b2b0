// The first layer of a Sequential has nothing before it.
// expect: ashlar: Sequential.0 is Linear<infer, 256> but nothing before it gives its input features: use Inferred<Net, Input>
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = ashlar::infer;
#else
inline constexpr std::size_t width = 20;
#endif

using Net = ashlar::Sequential<ashlar::Linear<width, 256>, ashlar::ReLU, ashlar::Linear<ashlar::infer, 10>>;

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, ashlar::dyn, 20>(1)).numel() == 0;
}
