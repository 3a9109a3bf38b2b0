// A chain that is a member of a struct with its own operator() is checked too.
// expect: ashlar: Body.second takes 128 features but Body.first gives 256
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = 128;
#else
inline constexpr std::size_t width = 256;
#endif

struct Body {
  ashlar::Linear<20, 256> first;
  ashlar::Linear<width, 10> second;
};
struct Net {
  Body body;
  auto operator()(auto const& x) const { return ashlar::forward(body, x); }
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
