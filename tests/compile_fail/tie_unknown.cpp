// A tie to nothing is refused.
// expect: ashlar: Net.head is tied to embedding but nothing stored has that key
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
using Head = ashlar::Tied<"embedding">;
#else
using Head = ashlar::Tied<"embed">;
#endif

struct Net {
  ashlar::Parameter<float, 4> embed;
  Head head;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
