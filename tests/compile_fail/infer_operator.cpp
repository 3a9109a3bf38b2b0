// With an operator() of its own nobody knows what comes before the member; the layer before it is offered.
// expect: ashlar: MLP.output is Linear<infer, 10>, and only a Sequential can fill in its input features: write the number for infer, or decltype(hidden)::out_features
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = ashlar::infer;
#else
inline constexpr std::size_t width = 256;
#endif

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::Linear<width, 10> output;
  auto operator()(auto const& x) const { return output(relu(hidden(x))); }
};

int main() {
  auto net = ashlar::make<MLP>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, ashlar::dyn, 20>(1)).numel() == 0;
}
