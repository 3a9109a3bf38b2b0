// A key that a network does not have is refused when it is known to the compiler.
// expect: ashlar: Net has nothing with the key layer.wieght; did you mean layer.weight?
// forbid: boost::pfr
// errors: 1

#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/lookup.hpp>

#ifdef ASHLAR_MUST_FAIL
#define KEY "layer.wieght"
#else
#define KEY "layer.weight"
#endif

struct Net {
  ashlar::Linear<2, 2> layer;
};
Net net;

int main() { return ashlar::get<KEY>(net)(0, 0) == 1; }
