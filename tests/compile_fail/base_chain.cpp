// A struct whose layers lie in a base has none of its own to run.
// expect: ashlar: Net inherits from another struct, whose members cannot be seen: make that a member
// errors: 1
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>

struct Layers {
  ashlar::Linear<4, 8> layer;
};
#ifdef ASHLAR_MUST_FAIL
struct Net : Layers {};
#else
using Net = Layers;
#endif

auto run(Net const& net, ashlar::Tensor<float, 3, 4> const& x) { return ashlar::forward(net, x).numel(); }

int main() {}
