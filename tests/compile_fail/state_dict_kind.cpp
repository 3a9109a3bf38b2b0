// A scalar has a key, but is in no state_dict.
// expect: ashlar: epoch of Net is a scalar, which a state_dict does not list; get has it
// forbid: hana::at_key
// errors: 1

#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/state_dict.hpp>

#ifdef ASHLAR_MUST_FAIL
#define KEY "epoch"_s
#else
#define KEY "layer.bias"_s
#endif
using namespace ashlar::literals;

struct Net {
  ashlar::Linear<2, 2> layer;
  int epoch = 0;
};
Net net;

int main() {
  auto const dict = ashlar::state_dict(net);
  return dict[KEY](0) == 1;
}
