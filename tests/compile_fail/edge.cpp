// A layer that cannot take what the one before gives is refused, by both members' names and numbers.
// expect: ashlar: MLP.output takes 128 features but MLP.relu gives 256
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

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<width, 10> output;
};

int main() { auto net = ashlar::make<MLP>(ashlar::Rng{1}); }
