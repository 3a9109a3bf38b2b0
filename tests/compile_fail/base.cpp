// A network that inherits its members is refused.
// expect: ashlar: Net inherits from another struct, whose members cannot be seen: make that a member
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

struct Base {
  ashlar::Linear<4, 3> first;
};
#ifdef ASHLAR_MUST_FAIL
struct Net : Base {
#else
struct Net {
#endif
  ashlar::Linear<3, 2> second;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
