// A member that inherits its members is refused by its name.
// expect: ashlar: Net.inner is a Inner, which a network cannot hold: it inherits from another struct, whose members cannot be seen: make that a member
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

struct Empty {};
struct Inner
#ifdef ASHLAR_MUST_FAIL
    : Empty
#endif
{
  ashlar::Linear<4, 3> first;
};
struct Net {
  Inner inner;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
