// make finds a wrong edge between a layer and a chain inside a network, before anything is called.
// expect: ashlar: Net.body.first takes 128 features but Net.input gives 256
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

struct Body {
  ashlar::Linear<width, 64> first;
  ashlar::ReLU relu;
};
struct Net {
  ashlar::Linear<20, 256> input;
  Body body;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
