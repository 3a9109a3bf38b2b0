// A layer that is called by itself has nobody to fill it in.
// expect: ashlar: nothing fills in the input features of Linear<infer, 10>: write the number, put it in a Sequential, or use Inferred
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

using Layer = ashlar::Linear<width, 10>;
Layer layer;

int main() {
  auto const made = ashlar::make<Layer>(ashlar::Rng{1});
  return layer(ashlar::Tensor<float, ashlar::dyn, 20>(1)).numel() == made(ashlar::Tensor<float, 20>{}).numel();
}
