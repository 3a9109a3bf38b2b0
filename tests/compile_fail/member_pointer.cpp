// A pointer is refused.
// expect: ashlar: Net.member is a float*, which a network cannot hold: a pointer means nothing in a file
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
using Member = float*;
#else
using Member = ashlar::Parameter<float>;
#endif

struct Net {
  ashlar::Parameter<float, 4> layer;
  Member member;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
