// A BatchNorm of other channels than the convolution before it gives is refused by both members' names.
// expect: ashlar: Net.norm takes 8 channels but Net.conv gives 6
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t channels = 8;
#else
inline constexpr std::size_t channels = 6;
#endif

struct Net {
  ashlar::Conv2d<3, 6, 5> conv;
  ashlar::BatchNorm2d<channels> norm;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
