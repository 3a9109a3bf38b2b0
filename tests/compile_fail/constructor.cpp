// A network has no constructors: make and load write its members.
// expect: ashlar: Net is not a plain struct: a network has no constructors, destructor, virtual functions or private members
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

struct Net {
  ashlar::Linear<2, 2> layer;
#ifdef ASHLAR_MUST_FAIL
  Net() {}
#endif
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
