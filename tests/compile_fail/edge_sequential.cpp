// A wrong edge in a Sequential is named by the indices.
// expect: ashlar: Net.body.2 takes 128 features but Net.body.1 gives 256
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
  ashlar::Sequential<ashlar::Linear<20, 256>, ashlar::ReLU, ashlar::Linear<width, 10>> body;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
