// Two members may not have one key.
// expect: ashlar: Net has two members with the key block
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
using Second = ashlar::Named<"block", ashlar::Parameter<float, 4>>;
#else
using Second = ashlar::Named<"block 2", ashlar::Parameter<float, 4>>;
#endif

struct Net {
  ashlar::Parameter<float, 4> block;
  Second second;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
