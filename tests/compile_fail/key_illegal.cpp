// A key with a dot would be taken for a path.
// expect: ashlar: Net has a member with the key block.0: a key is not empty and has no dot and no control character
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
using Block = ashlar::Named<"block.0", ashlar::Parameter<float, 4>>;
#else
using Block = ashlar::Named<"block 0", ashlar::Parameter<float, 4>>;
#endif

struct Net {
  Block block;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
