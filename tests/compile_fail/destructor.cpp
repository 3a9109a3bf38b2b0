// A destructor would run on bytes of a file.
// expect: ashlar: Net is not a plain struct: a network has no constructors, destructor, virtual functions or private members
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

struct Net {
  ashlar::Parameter<float, 4> layer;
#ifdef ASHLAR_MUST_FAIL
  ~Net() {}
#endif
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
