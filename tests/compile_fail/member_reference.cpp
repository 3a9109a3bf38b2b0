// A reference is refused.
// expect: ashlar: Net has a reference as a member, which means nothing in a file: hold the value
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
using Member = float&;
#else
using Member = float;
#endif

struct Net {
  ashlar::Parameter<float, 4> layer;
  Member member;
};

int main() { auto net = ashlar::make<Net>(); }
