// A layer that cannot follow itself is refused in a std::array, by the index.
// expect: ashlar: Net.stack.1 takes 128 features but Net.stack.0 gives 256
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#include <array>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = 128;
#else
inline constexpr std::size_t width = 256;
#endif

struct Net {
  std::array<ashlar::Linear<width, 256>, 3> stack;
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, width>{}).numel() == 0;
}
