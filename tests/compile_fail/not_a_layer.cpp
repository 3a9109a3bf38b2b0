// A member that is no layer cannot stand in a struct whose members run in order.
// expect: ashlar: Net has no operator() so its members run in order, but Net.scale is not a layer
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>

#ifdef ASHLAR_MUST_FAIL
using Second = ashlar::Parameter<float, 2>;
#else
using Second = ashlar::Linear<2, 2>;
#endif

struct Net {
  ashlar::Linear<2, 2> layer;
  Second scale;
};
Net net;

int main() { return ashlar::forward(net, ashlar::Tensor<float, 2>{}).numel() == 0; }
