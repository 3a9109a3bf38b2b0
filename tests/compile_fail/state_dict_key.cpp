// A key that is not in a state_dict is refused in a sentence, not by Hana.
// expect: ashlar: the state_dict of Net has nothing with the key layer.wieght; did you mean layer.weight?
// forbid: hana::at_key
// errors: 1

#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/state_dict.hpp>

#ifdef ASHLAR_MUST_FAIL
#define KEY "layer.wieght"_s
#else
#define KEY "layer.weight"_s
#endif
using namespace ashlar::literals;

struct Net {
  ashlar::Linear<2, 2> layer;
};
Net net;

int main() { return ashlar::state_dict(net)[KEY](0, 0) == 1; }
