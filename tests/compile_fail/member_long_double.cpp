// A number that no file format has is refused.
// expect: ashlar: Net.member is a long double, which a network cannot hold: no file format has such a number
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
using Member = long double;
#else
using Member = double;
#endif

struct Net {
  ashlar::Parameter<float, 4> layer;
  Member member;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
