// A convolution that cannot take the channels that the one before gives is refused by both members' names.
// expect: ashlar: Net.second takes 8 channels but Net.relu gives 6
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t channels = 8;
#else
inline constexpr std::size_t channels = 6;
#endif

struct Net {
  ashlar::Conv2d<3, 6, 5> first;
  ashlar::ReLU relu;
  ashlar::Conv2d<channels, 16, 5> second;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
