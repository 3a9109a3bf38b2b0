// A key to freeze that names no parameter is refused.
// expect: ashlar: Net has no parameter with the key bakbone, which is to be frozen
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/manifest.hpp>

#ifdef ASHLAR_MUST_FAIL
#define KEY "bakbone"
#else
#define KEY "backbone"
#endif

struct Net {
  ashlar::Linear<2, 2> backbone;
  ashlar::Linear<2, 2> head;
};
struct Checkpoint {
  ashlar::Frozen<Net, KEY> model;
};

int main() { return static_cast<int>(ashlar::manifest<Checkpoint>().size()) < 0; }
