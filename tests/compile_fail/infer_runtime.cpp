// Behind a Flatten of an image whose size only the value knows.
// expect: ashlar: Sequential.2 is Linear<infer, 10> but its input features are known only at run time: write the number
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = ashlar::infer;
#else
inline constexpr std::size_t width = 784;
#endif

/// An image of one channel and of any size.
struct Image {
  auto operator()(auto const& x) const { return x; }
  static constexpr ashlar::FlowStep flow(ashlar::Flow const&) {
    ashlar::Extents e{4, {}};
    e[0] = e[2] = e[3] = ashlar::dyn;
    e[1] = 1;
    return {ashlar::Flow::all(e)};
  }
};
using Net = ashlar::Sequential<Image, ashlar::Flatten, ashlar::Linear<width, 10>>;

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
