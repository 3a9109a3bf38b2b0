// A pool whose window is larger than the image that reaches it is refused by both members' names.
// expect: ashlar: Net.pool takes 4 or more rows but Net.conv gives 3
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/pool.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t rows = 7;
#else
inline constexpr std::size_t rows = 8;
#endif

struct Net {
  ashlar::Conv2d<1, 6, 5> conv;
  ashlar::MaxPool2d<4> pool;
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, ashlar::dyn, 1, rows, 9>(1)).numel() == 0;
}
