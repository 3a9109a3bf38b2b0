// Example: layers and blocks.  SPDX-License-Identifier: BSL-1.0
#include "show.hpp"

#include <ashlar/ashlar.hpp>

#include <cstdlib>

//! [mlp]
struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::Linear<256, 10> out;
  auto operator()(auto const& x) const { return out(relu(hidden(x))); }
};
//! [mlp]

//! [sequential]
using Plain = ashlar::Sequential<ashlar::Linear<20, 256>, ashlar::ReLU, ashlar::Linear<256, 10>>;

template <class A, class B, class C>
struct MySequential {  // one of your own, with PyTorch's keys: 0.weight, 0.bias, 2.weight, 2.bias
  ashlar::Named<"0", A> first;
  ashlar::Named<"1", B> second;
  ashlar::Named<"2", C> third;
  auto operator()(auto const& x) const { return third(second(first(x))); }
};
//! [sequential]

//! [fixed]
struct FixedHiddenMLP {
  ashlar::Constant<float, 20, 20> rand_weight;  // never trained, yet a part of the network and of its file
  ashlar::Linear<20, 20> linear;

  auto operator()(auto const& in) const {
    auto x = linear(in);
    x = relu(matmul(x, rand_weight) + 1);
    x = linear(x);  // the same layer again: one weight, and a gradient that is the sum of both uses
    while (sum(abs(x)).item() > 1) x = x / 2;
    return sum(x);
  }
  void reset_parameters(ashlar::TorchRng& rng) {
    ashlar::init::uniform_(rand_weight, 0, 1, rng);  // torch.rand(20, 20)
    ashlar::initialise(linear, rng);
  }
};
//! [fixed]

//! [nested]
struct NestMLP {  // no operator(): its members run in order
  ashlar::Sequential<ashlar::Linear<20, 64>, ashlar::ReLU, ashlar::Linear<64, 32>, ashlar::ReLU> net;
  ashlar::Linear<32, 16> linear;
};
using Chimera = ashlar::Sequential<NestMLP, ashlar::Linear<16, 20>, FixedHiddenMLP>;
//! [nested]

/// What torch.manual_seed(seed); net = Net(); net(torch.rand(2, 20)) prints.
template <class Net>
void seed_and_show(char const* name, std::uint64_t seed) {
  ashlar::TorchRng rng(seed);
  auto net = ashlar::make<Net>(rng);
  ashlar::Tensor<float, 2, 20> x;
  ashlar::init::uniform_(x, 0, 1, rng);
  show(name, net(x));
}

int main() {
  seed_and_show<MLP>("MLP", 101);
  seed_and_show<Plain>("Sequential", 102);
  seed_and_show<MySequential<ashlar::Linear<20, 256>, ashlar::ReLU, ashlar::Linear<256, 10>>>("MySequential", 103);
  seed_and_show<FixedHiddenMLP>("FixedHiddenMLP", 104);
  seed_and_show<NestMLP>("NestMLP", 105);
  seed_and_show<Chimera>("Chimera", 106);

  //! [gradients]
  auto net = ashlar::make<Chimera>(ashlar::Rng{106});
  auto grads = ashlar::zeros_like(net);
  ashlar::Tape tape(*net, *grads);
  ashlar::Tensor<float, 2, 20> x;
  x.fill(0.5f);
  tape.backward(tape(x));  // through all three blocks, as many halvings as there were
  //! [gradients]
  using namespace ashlar::literals;
  bool const flows = sum(abs(grads[0_c].net[0_c].weight)).item() > 0 && sum(abs(grads[2_c].rand_weight)).item() == 0;

  //! [reload]
  auto fixed = ashlar::make<FixedHiddenMLP>(ashlar::Rng{104});
  ashlar::save("fixed.ashlar", *fixed);
  auto again = ashlar::load<FixedHiddenMLP>("fixed.ashlar");
  bool const same = ashlar::bitwise_equal(again(x), fixed(x));  // the constant came back too

  auto lost = ashlar::make<FixedHiddenMLP>(ashlar::Rng{0});  // another constant, and the weights of a state_dict
  lost->linear = fixed->linear;
  bool const differs = !ashlar::bitwise_equal(lost(x), fixed(x));
  //! [reload]

  std::printf("gradients flow: %s, the constant is kept: %s, without it: %s\n", flows ? "yes" : "no",
              same ? "yes" : "no", differs ? "another network" : "the same");
  return flows && same && differs ? EXIT_SUCCESS : EXIT_FAILURE;
}
