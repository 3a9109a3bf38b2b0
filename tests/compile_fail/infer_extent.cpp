// An extent of a tensor is filled in through a layer only.
// expect: ashlar: Scale.factor has an extent that is infer, and nothing says what fills it in: give Scale a with_input, or write the number
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = ashlar::infer;
#else
inline constexpr std::size_t width = 256;
#endif

struct Scale {
  ashlar::Parameter<float, width> factor;
  auto operator()(auto const& x) const { return x * factor; }
};

int main() { auto net = ashlar::make<ashlar::Sequential<ashlar::Linear<20, 256>, Scale>>(ashlar::Rng{1}); }
