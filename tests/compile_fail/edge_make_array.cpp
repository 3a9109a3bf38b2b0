// make finds that what is in a std::array cannot follow itself, before anything is called.
// expect: ashlar: Net.body.1.0 takes 128 features but Net.body.0 gives 256
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = 128;
#else
inline constexpr std::size_t width = 256;
#endif

struct Net {
  std::array<ashlar::Sequential<ashlar::Linear<width, 256>, ashlar::ReLU>, 3> body;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
