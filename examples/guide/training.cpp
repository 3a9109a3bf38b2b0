// Example: a training loop, with what one adds to it, resumed from a checkpoint; a loss and an optimizer of one's own.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>

//! [types]
struct Net {
  ashlar::Linear<2, 32> hidden;
  ashlar::Tanh tanh;
  ashlar::Dropout dropout{.p = 0.1};
  ashlar::Linear<32, 3> output;
};
struct Run {  // everything that training changes; it is a plain struct too
  Net model;
  ashlar::AdamW<Net> optimizer{.lr = 0.01, .weight_decay = 1e-4};
  ashlar::CosineAnnealingLR scheduler{.T_max = 60};
  ashlar::ExponentialAverage<Net> average{.decay = 0.9};
  ashlar::Rng rng{1};
  std::uint64_t epoch = 0;
};
//! [types]

using Points = ashlar::Tensor<float, ashlar::dyn, 2>;
using Labels = ashlar::Tensor<std::int64_t, ashlar::dyn>;

/// Points in three stripes, drawn from the run's own generator: a resumed run sees the same ones.
static void draw(ashlar::Rng& rng, Points& x, Labels& y) {
  for (std::size_t i = 0; i < x.size(0); ++i) {
    x(i, 0) = 2 * rng.uniform() - 1;
    x(i, 1) = 2 * rng.uniform() - 1;
    float const sum = x(i, 0) + x(i, 1);
    y(i) = sum < -0.5f ? 0 : sum < 0.5f ? 1 : 2;
  }
}

//! [loop]
static float train(Run& run, std::uint64_t epochs) {
  auto grads = ashlar::zeros_like(run.model);
  ashlar::Tape tape(run.model, *grads, run.rng);  // training mode; rng is what dropout draws from
  Points x(64);
  Labels y(64);
  float loss = 0;
  for (; run.epoch < epochs; ++run.epoch) {
    ashlar::zero_grad(*grads);
    for (int part = 0; part < 2; ++part) {  // gradients add up until zero_grad, as in PyTorch
      draw(run.rng, x, y);
      loss = tape.backward(ashlar::cross_entropy(tape(x), y) / 2);
    }
    ashlar::clip_grad_norm_(*grads, 1.0);
    run.optimizer.step(run.model, *grads);
    run.average.update(run.model);
    run.scheduler.step(run.optimizer);
  }
  return loss;
}
//! [loop]

//! [evaluate]
static double accuracy(Net const& net, Points const& x, Labels const& y) {
  auto const best = ashlar::argmax(ashlar::forward(net, x));  // evaluation mode: a plain call has no tape
  double right = 0;
  for (std::size_t i = 0; i < y.numel(); ++i) right += best(i) == y(i);
  return right / static_cast<double>(y.numel());
}
//! [evaluate]

//! [loss]
auto smooth_hinge(auto const& logits, auto const& target) {  // of ops, so its gradient follows
  return mean(square(relu(1 - logits * target)));
}
//! [loss]

//! [optimizer]
template <class Net>
struct SignSGD {  // State: a tensor for each parameter, stored as a buffer
  double lr = 1e-3;
  ashlar::State<Net> momentum{};

  void step(Net& net, Net const& grads) {
    auto p = ashlar::named_parameters(net);
    auto m = ashlar::named_parameters(momentum.value);
    auto const g = ashlar::named_parameters(grads);
    for (std::size_t k = 0; k < p.size(); ++k) {
      auto const weight = p[k].template as<float>();
      auto const kept = m[k].template as<float>();
      auto const grad = g[k].template as<float>();
      for (std::size_t i = 0; i < weight.size(); ++i) {
        kept[i] = 0.9f * kept[i] + 0.1f * grad[i];
        weight[i] -= static_cast<float>(lr) * static_cast<float>((kept[i] > 0) - (kept[i] < 0));
      }
    }
  }
};
//! [optimizer]

int main() {
  auto run = ashlar::make<Run>(ashlar::Rng{0});
  auto const whole = ashlar::clone(*run);
  train(*whole, 60);

  //! [resume]
  train(*run, 25);
  ashlar::save("run.ashlar", *run);
  auto resumed = ashlar::load<Run>("run.ashlar");
  train(*resumed, 60);  // the very bits of a run that was never interrupted
  //! [resume]

  ashlar::Rng rng{2};
  Points x(500);
  Labels y(500);
  draw(rng, x, y);
  bool const same = ashlar::bitwise_equal(ashlar::forward(resumed->model, x), ashlar::forward(whole->model, x));
  double const of_average = accuracy(*resumed->average.average, x, y);

  auto net = ashlar::make<ashlar::Sequential<ashlar::Linear<2, 1>>>(ashlar::Rng{3});
  auto grads = ashlar::zeros_like(net);
  auto own = ashlar::make<SignSGD<ashlar::Sequential<ashlar::Linear<2, 1>>>>();
  own->lr = 0.01;
  ashlar::Tensor<float, 4, 2> const corners{1, 1, 1, 0.5f, -1, -1, -0.5f, -1};
  ashlar::Tensor<float, 4, 1> const sign{1, 1, -1, -1};
  ashlar::Tape tape(*net, *grads);
  float first = 0, last = 0;
  for (int i = 0; i < 200; ++i) {
    ashlar::zero_grad(*grads);
    last = tape.backward(smooth_hinge(tape(corners), sign));
    own->step(*net, *grads);
    if (i == 0) first = last;
  }

  std::cout << "resumed is uninterrupted, bit for bit: " << (same ? "yes" : "no") << '\n'
            << "the average reads nine of ten rightly: " << (of_average > 0.9 ? "yes" : "no") << '\n'
            << "a loss and an optimizer of one's own train: " << (last < first / 2 ? "yes" : "no") << '\n';
  return same && of_average > 0.9 && last < first / 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
