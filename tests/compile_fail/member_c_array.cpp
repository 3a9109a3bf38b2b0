// A C array is refused, and the sentence says what to take.
// expect: ashlar: Net has a C array as a member: use std::array, Parameter, Buffer or Constant
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
using Member = float[3];
#else
using Member = std::array<float, 3>;
#endif

struct Net {
  ashlar::Parameter<float, 4> layer;
  Member member;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
