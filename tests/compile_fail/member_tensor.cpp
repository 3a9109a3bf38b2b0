// A Tensor is a value of a computation, not a member of a network.
// expect: which a network cannot hold: use Parameter, Buffer or Constant for what is stored
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
using Member = ashlar::Tensor<float, 3>;
#else
using Member = ashlar::Parameter<float, 3>;
#endif

struct Net {
  ashlar::Parameter<float, 4> layer;
  Member member;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
