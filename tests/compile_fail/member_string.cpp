// A std::string is refused, here in a struct in the network.
// expect: ashlar: Inner.member is a
// expect: which a network cannot hold: its content does not lie inside the struct
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#include <string>

#ifdef ASHLAR_MUST_FAIL
using Member = std::string;
#else
using Member = ashlar::Buffer<std::uint8_t, 8>;
#endif

struct Inner {
  ashlar::Parameter<float, 2> scale;
  Member member;
};
struct Net {
  Inner inner;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
