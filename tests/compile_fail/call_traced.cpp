// A forward for plain tensors alone infers; training says what to write.
// expect: ashlar: Net has an operator() that takes no traced value: to train it write auto operator()(auto const& x) const
// errors: 1
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/reduce.hpp>

using Input = ashlar::Tensor<float, 3, 4>;

struct Net {
  ashlar::Linear<4, 8> layer;
#ifdef ASHLAR_MUST_FAIL
  auto operator()(Input const& x) const { return layer(x); }
#else
  auto operator()(auto const& x) const { return layer(x); }
#endif
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  auto grads = ashlar::zeros_like(net);
  ashlar::Tape tape(*net, *grads);
  auto const y = tape(Input{});
  return net(Input{}).numel() != y.numel();
}
