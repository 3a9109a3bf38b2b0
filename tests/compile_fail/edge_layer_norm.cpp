// A LayerNorm of other features than the layer before it gives is refused by both members' names.
// expect: ashlar: Net.norm takes 32 features but Net.linear gives 16
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/layer_norm.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
using Norm = ashlar::LayerNorm<32>;
#else
using Norm = ashlar::LayerNorm<16>;
#endif

struct Net {
  ashlar::Linear<8, 16> linear;
  Norm norm;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
