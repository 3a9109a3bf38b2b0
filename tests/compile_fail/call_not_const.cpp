// A forward that is not const is refused where the network is called.
// expect: ashlar: Net has an operator() that is not const: a forward does not change its network
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

struct Net {
  ashlar::Linear<4, 8> layer;
#ifdef ASHLAR_MUST_FAIL
  auto operator()(auto const& x) { return layer(x); }
#else
  auto operator()(auto const& x) const { return layer(x); }
#endif
};

int main() { return ashlar::make<Net>(ashlar::Rng{1})(ashlar::Tensor<float, 3, 4>{}).numel() == 0; }
