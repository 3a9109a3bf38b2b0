// What a Flatten makes of an image whose extents the compiler knows is checked against the Linear behind it.
// expect: ashlar: Net.out takes 400 features but Net.flatten gives 96
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t features = 400;
#else
inline constexpr std::size_t features = 96;
#endif

struct Net {
  ashlar::Conv2d<1, 6, 5> conv;
  ashlar::Flatten flatten;
  ashlar::Linear<features, 10> out;
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, ashlar::dyn, 1, 8, 8>(1)).numel() == 0;
}
