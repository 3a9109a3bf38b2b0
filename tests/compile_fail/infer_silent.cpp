// A layer without `flow` does not say what it gives to the one behind it.
// expect: ashlar: Sequential.1 is Linear<infer, 10> but 0, Twice, has no flow that says what it gives: write the number
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = ashlar::infer;
#else
inline constexpr std::size_t width = 20;
#endif

struct Twice {
  ashlar::Linear<20, 20> layer;
  auto operator()(auto const& x) const { return layer(layer(x)); }
};
using Net = ashlar::Sequential<Twice, ashlar::Linear<width, 10>>;
Net net;

int main() { return ashlar::forward(net, ashlar::Tensor<float, ashlar::dyn, 20>(1)).numel() == 0; }
