// A member with a constructor is refused by its name.
// expect: ashlar: Net.inner is a Inner, which a network cannot hold: it has constructors, virtual functions or private members
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

struct Inner {
  ashlar::Parameter<float, 4> layer;
#ifdef ASHLAR_MUST_FAIL
  Inner() {}
#endif
};
struct Net {
  Inner inner;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
