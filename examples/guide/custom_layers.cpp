// Example: layers of your own. None is registered anywhere.  SPDX-License-Identifier: BSL-1.0
#include "show.hpp"

#include <ashlar/ashlar.hpp>
#include <ashlar/nn/print.hpp>
#include <ashlar/nn/reshape.hpp>

#include <cmath>
#include <cstdlib>

using namespace ashlar::literals;

//! [centered]
struct CenteredLayer {  // no parameters: a struct that can be called
  auto operator()(auto const& x) const { return x - mean(x); }
};
//! [centered]

//! [my_linear]
template <std::size_t In, std::size_t Units>
struct MyLinear {  // the weight is (in, units), not transposed
  ashlar::Parameter<float, In, Units> weight;
  ashlar::Parameter<float, Units> bias;

  auto operator()(auto const& x) const { return relu(matmul(x, weight) + bias); }
  void reset_parameters(ashlar::TorchRng& rng) {  // torch.randn(in, units), torch.randn(units)
    ashlar::init::normal_(weight, 0, 1, rng);
    ashlar::init::normal_(bias, 0, 1, rng);
  }
};
//! [my_linear]

//! [scaled]
struct Scaled {  // what is computed of parameters alone is put on the tape of the input
  ashlar::Parameter<float> log_scale;
  auto operator()(auto const& x) const { return x * exp(ashlar::on_tape_of(x, log_scale)); }
};
//! [scaled]

//! [running]
struct RunningCenter {  // settings and state are members too: saved, and checked when they are loaded
  double momentum = 0.1;
  bool centered = true;
  std::int64_t batches = 0;
  ashlar::Buffer<float, 8> running_mean;

  auto operator()(auto const& x) const { return x - running_mean; }
  void update(ashlar::Tensor<float, 8> const& mean) {  // not in the forward, which is const
    for (std::size_t i = 0; i < 8; ++i) {
      running_mean(i) += static_cast<float>(momentum) * (mean(i) - running_mean(i));
    }
    ++batches;
  }
  void extra_repr(auto& r) const { r.add("momentum", momentum).add("centered", centered); }
};
//! [running]

//! [conv_shaped]
/// torch.addmm(bias, x.flatten(1), weight.flatten(1).T): no convolution, which would slide the kernel over an image,
/// but one affine map of each whole patch x[n] (in, 3, 3): y[n][o] is bias[o] plus the sum of x[n] * weight[o].
template <std::size_t In, std::size_t Out>
struct CustomLayer {
  ashlar::Parameter<float, Out, In, 3, 3> weight;
  ashlar::Parameter<float, Out> bias;

  auto operator()(auto const& x) const {  // (N, In, 3, 3) -> (N, Out)
    return linear(ashlar::Flatten{}(x), ashlar::reshape<Out, In * 9>(weight), bias);
  }
};
//! [conv_shaped]

//! [op]
/// Rounds. Its gradient would be 0 everywhere, so the way back takes it for the identity (straight through).
struct Round {
  template <class T, std::size_t... E>
  auto output(ashlar::View<T const, E...> x) const {
    return ashlar::Like<T, E...>{x.dims()};
  }
  void forward(auto y, auto x) const {
    for (std::size_t i = 0; i < x.numel(); ++i) y.data()[i] = std::nearbyint(x.data()[i]);
  }
  void pullback(auto dy, auto, auto const& x) const {
    for (std::size_t i = 0; x.grad != nullptr && i < x.numel(); ++i) x.grad[i] += dy.data()[i];
  }
};
struct RoundLayer {
  auto operator()(auto const& x) const { return ashlar::apply(Round{}, x); }
};
//! [op]

int main() {
  //! [use]
  auto net = ashlar::make<ashlar::Sequential<ashlar::Linear<8, 128>, CenteredLayer>>(ashlar::Rng{110});
  ashlar::Tensor<float, 4, 8> x;
  x.fill(0.5f);
  bool ok = std::abs(mean(net(x)).item()) < 1e-6f;  // 0, but for rounding

  ashlar::TorchRng rng(111);  // torch.manual_seed(111)
  auto mine = ashlar::make<MyLinear<5, 3>>(rng);
  ashlar::Tensor<float, 2, 5> rows;
  ashlar::init::uniform_(rows, 0, 1, rng);
  show("MyLinear(5, 3)", mine(rows));
  //! [use]

  //! [save]
  auto center = ashlar::make<RunningCenter>();
  center->momentum = 0.5;
  center->update({1, 2, 3, 4, 5, 6, 7, 8});
  ashlar::save("center.ashlar", *center);
  auto again = ashlar::load<RunningCenter>("center.ashlar");
  //! [save]
  std::printf("%s, batches %d\n", ashlar::structure(again).c_str(), static_cast<int>(again->batches));
  ok = ok && again->momentum == 0.5 && again->centered && again->batches == 1 && again->running_mean(7) == 4;

  auto custom = ashlar::make<CustomLayer<5, 10>>();
  custom->weight.fill(2);
  custom->bias.fill(1);
  ashlar::Tensor<float, 1, 5, 3, 3> patch;
  patch.fill(1);
  show("CustomLayer(5, 10)", custom(patch));  // 1 + 5 * 3 * 3 * 2 = 91
  auto grads = ashlar::zeros_like(custom);
  ashlar::Tape tape(*custom, *grads);
  tape.backward(sum(tape(patch)));
  ok = ok && custom(patch)(0, 9) == 91 && grads->weight(9, 4, 2, 2) == 1 && grads->bias(0) == 1;

  auto scaled = ashlar::make<Scaled>();
  auto scaled_grads = ashlar::zeros_like(scaled);
  ashlar::Tape scaled_tape(*scaled, *scaled_grads);
  scaled_tape.backward(sum(scaled_tape(x)));  // d/ds of the sum of x e^s, which is the sum of x where s is 0
  ok = ok && scaled_grads->log_scale() == 16;

  using Rounded = ashlar::Sequential<ashlar::Linear<2, 1>, RoundLayer>;
  auto rounded = ashlar::make<Rounded>(ashlar::Rng{0});
  auto rounded_grads = ashlar::zeros_like(rounded);
  ashlar::Tape rounded_tape(*rounded, *rounded_grads);
  ashlar::Tensor<float, 1, 2> const two{2, 3};
  float const y = rounded_tape.backward(sum(rounded_tape(two)));
  show("gradient through Round", rounded_grads[0_c].weight);
  return ok && y == std::nearbyint(y) && rounded_grads[0_c].weight(0, 1) == 3 ? EXIT_SUCCESS : EXIT_FAILURE;
}
