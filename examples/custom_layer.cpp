// Example: layers, an op with its own pullback, and a training step, all outside the library.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

#include <cstdlib>
#include <iostream>

//! [layer]
/// relu(x * weight + bias), with the weight the other way round than Linear's. A layer is a struct that can be called.
template <std::size_t In, std::size_t Out>
struct MyLinear {
  ashlar::Parameter<float, In, Out> weight;  // (In, Out)
  ashlar::Parameter<float, Out> bias;        // (Out)

  auto operator()(auto const& x) const { return relu(matmul(x, weight) + bias); }

  void reset_parameters(ashlar::TorchRng& rng) {
    ashlar::init::normal_(weight, 0, 0.1, rng);
    ashlar::init::zeros_(bias);
  }
};
//! [layer]

//! [op]
/// y = x^3, with its own way back.
struct Cube {
  template <class X>
  auto output(X x) const {
    return ashlar::Like<float, X::dims_type::extents[0], X::dims_type::extents[1]>{x.dims()};
  }
  void forward(auto y, auto x) const {
    for (std::size_t i = 0; i < x.numel(); ++i) y.data()[i] = x.data()[i] * x.data()[i] * x.data()[i];
  }
  void pullback(auto dy, auto, auto const& x) const {  // adds to x.grad
    for (std::size_t i = 0; x.grad != nullptr && i < x.numel(); ++i) {
      x.grad[i] += dy.data()[i] * 3 * x.data()[i] * x.data()[i];
    }
  }
};
//! [op]

struct Net {
  MyLinear<4, 8> first;
  MyLinear<8, 2> second;
  auto operator()(auto const& x) const { return second(ashlar::apply(Cube{}, first(x))); }
};

int main() {
  //! [step]
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  auto grads = ashlar::zeros_like(net);
  auto optimizer = ashlar::make<ashlar::Adam<Net>>();
  ashlar::Tape tape(*net, *grads);

  ashlar::Tensor<float, 3, 4> x{1, 2, 3, 4, -1, 0, 1, 2, 0.5f, 0.5f, -0.5f, 1};
  ashlar::Tensor<float, 3, 2> target{1, 0, 0, 1, 1, 1};
  float loss = 0;
  for (int step = 0; step < 200; ++step) {
    ashlar::zero_grad(*grads);
    loss = tape.backward(ashlar::mse_loss(tape(x), target));
    optimizer->step(*net, *grads);
  }
  //! [step]
  float const before = ashlar::mse_loss(ashlar::make<Net>(ashlar::Rng{1})(x), target).item();
  std::cout << "loss " << before << " -> " << loss << '\n';
  return loss < before ? EXIT_SUCCESS : EXIT_FAILURE;
}
