// Ashlar: SGD, gradient descent with momentum.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/optimizer/cpu.hpp>
#include <ashlar/train/moments.hpp>
#include <ashlar/train/runs.hpp>

#include <cstdint>

namespace ashlar {

namespace detail {

template <class T, class Optimizer>
kernels::SgdStep<T> sgd_settings(Optimizer const& o, bool first) {
  return {.lr = o.lr,
          .momentum = o.momentum,
          .dampening = o.dampening,
          .weight_decay = o.weight_decay,
          .nesterov = o.nesterov,
          .maximize = o.maximize,
          .first = first};
}

}  // namespace detail

/// Gradient descent, with momentum, Nesterov's variant, and weight decay.
///
///   g += weight_decay * p;  b = momentum * b + (1 - dampening) * g  (at first b = g)
///   p -= lr * (nesterov ? g + momentum * b : b)
///
/// Dtype   parameters of float or double, both in one network if need be; hyperparameters are double.
/// Keys    the members' names; momentum_buffer.KEY for each parameter KEY.
/// Memory  sizeof(Net) and 64 bytes, inline: an object of a big network belongs on the heap, by `make` or as a member
///         of a checkpoint struct.
/// Cost    one pass over the trainable runs; allocates nothing.
/// Errors  compile time: a parameter that is neither float nor double, by name.
/// Source  torch.optim.SGD; oracle tests/golden/training/optim_units.safetensors.
/// Usage   `ashlar::SGD<MLP> optimizer{.lr = 0.1, .momentum = 0.9};`  `optimizer.step(*net, *grads);`
template <class Net>
struct SGD {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
  std::uint64_t step_count = 0;
  Moments<Net> momentum_buffer{};

  void step(Net& net, Net const& grads) {
    bool const first = step_count++ == 0;
    auto const update = [&]<class T>(Run const& run) {
      kernels::sgd<T>(run.count, detail::sgd_settings<T>(*this, first), detail::elements_at<T>(net, run),
                      detail::elements_at<T>(grads, run), detail::elements_at<T>(*momentum_buffer, run));
    };
    detail::update_runs<Net>(update, net, *momentum_buffer);
  }
};

}  // namespace ashlar
