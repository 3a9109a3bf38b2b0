// A class with virtual functions is not a plain struct.
// expect: ashlar: Net is not a plain struct: a network has no constructors, destructor, virtual functions or private members
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

struct Net {
  ashlar::Parameter<float, 4> layer;
#ifdef ASHLAR_MUST_FAIL
  virtual int f() { return 0; }
#else
  int f() { return 0; }
#endif
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
