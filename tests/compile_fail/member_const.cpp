// Loading would write to a const member.
// expect: ashlar: Net.rate is a const double, which a network cannot hold: load writes to what it fills: leave const out, or write static constexpr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
using Rate = double const;
#else
using Rate = double;
#endif

struct Net {
  ashlar::Linear<4, 8> layer;
  Rate rate = 0.5;
  static constexpr double scale = 2;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
