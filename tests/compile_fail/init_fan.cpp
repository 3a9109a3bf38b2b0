// A bias has no fan in and fan out, so it cannot be drawn by Xavier's rule.
// expect: ashlar: fan in and fan out need a tensor of at least 2 dimensions
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/initialise.hpp>
#include <ashlar/nn/linear.hpp>

int main() {
  static ashlar::Linear<4, 8> layer;
  ashlar::TorchRng rng(0);
#ifdef ASHLAR_MUST_FAIL
  ashlar::init::xavier_uniform_(layer.bias, rng);
#else
  ashlar::init::xavier_uniform_(layer.weight, rng);
#endif
}
