// A std::vector keeps its elements elsewhere.
// expect: ashlar: Net.member is a vector<float, allocator<float>>, which a network cannot hold: its content does not lie inside the struct
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#include <vector>

#ifdef ASHLAR_MUST_FAIL
using Member = std::vector<float>;
#else
using Member = ashlar::Buffer<float, 3>;
#endif

struct Net {
  ashlar::Parameter<float, 4> layer;
  Member member;
};

int main() { return static_cast<int>(ashlar::manifest<Net>().size()) < 0; }
