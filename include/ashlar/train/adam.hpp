// Ashlar: Adam and AdamW.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/optimizer/cpu.hpp>
#include <ashlar/train/moments.hpp>
#include <ashlar/train/optional_state.hpp>
#include <ashlar/train/runs.hpp>

#include <array>
#include <cmath>
#include <cstdint>

namespace ashlar {

namespace detail {

/// Of Adam or AdamW, whose members have the same names. step_count is already that of this step: 1, 2, ...
template <class T, bool amsgrad, class Optimizer>
kernels::AdamStep<T> adam_settings(Optimizer const& o, bool decoupled) {
  double const t = static_cast<double>(o.step_count);
  return {.lr = o.lr,
          .beta1 = o.betas[0],
          .beta2 = o.betas[1],
          .eps = o.eps,
          .weight_decay = o.weight_decay,
          .decoupled = decoupled,
          .amsgrad = amsgrad,
          .maximize = o.maximize,
          .bias_correction1 = 1 - std::pow(o.betas[0], t),
          .bias_correction2 = 1 - std::pow(o.betas[1], t)};
}

/// One step of Adam or AdamW.
template <class Net, bool amsgrad, class Optimizer>
void adam_step(Optimizer& o, bool decoupled, Net& net, Net const& grads) {
  auto const update = [&]<class T>(Run const& run) {
    auto const s = adam_settings<T, amsgrad>(o, decoupled);
    T* largest = nullptr;
    if constexpr (amsgrad) largest = elements_at<T>(*o.max_exp_avg_sq, run);
    kernels::adam<T>(run.count, s, elements_at<T>(net, run), elements_at<T>(grads, run),
                     elements_at<T>(*o.exp_avg, run), elements_at<T>(*o.exp_avg_sq, run), largest);
  };
  update_runs<Net>(update, net, *o.exp_avg, *o.exp_avg_sq);
  if constexpr (amsgrad) clear_gaps<Net>(*o.max_exp_avg_sq);
}

}  // namespace detail

/// Steps of adaptive size, from running means of the gradients and of their squares.
///
///   g += weight_decay * p;  m += (1 - b1) * (g - m);  v = b2 * v + (1 - b2) * g * g
///   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
///
/// `Adam<Net, true>` is AMSGrad: v is the largest so far, in one more State.
/// Dtype   parameters of float or double, both in one network if need be; hyperparameters are double.
/// Keys    the members' names; exp_avg.KEY and exp_avg_sq.KEY for each parameter KEY.
/// Memory  2 * sizeof(Net) and 128 bytes, inline: an object of a big network belongs on the heap, by `make` or as a
///         member of a checkpoint struct.
/// Cost    one pass over the trainable runs; allocates nothing.
/// Errors  compile time: a parameter that is neither float nor double, by name.
/// Source  Kingma and Ba (2015); torch.optim.Adam; oracle tests/golden/training/optim_units.safetensors.
/// Usage   `ashlar::Adam<MLP> optimizer{.lr = 1e-3};`  `optimizer.step(*net, *grads);`
template <class Net, bool amsgrad = false>
struct Adam {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool maximize = false;
  std::uint64_t step_count = 0;
  OptionalState<Net, amsgrad> max_exp_avg_sq{};
  Moments<Net> exp_avg{};
  Moments<Net> exp_avg_sq{};

  void step(Net& net, Net const& grads) {
    ++step_count;
    detail::adam_step<Net, amsgrad>(*this, false, net, grads);
  }
};

/// Adam with weight decay that acts on the parameter itself: p *= 1 - lr * weight_decay, before the update.
///
/// All else as in Adam.
/// Source  Loshchilov and Hutter (2019); torch.optim.AdamW; oracle tests/golden/training/optim_units.safetensors.
template <class Net, bool amsgrad = false>
struct AdamW {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool maximize = false;
  std::uint64_t step_count = 0;
  OptionalState<Net, amsgrad> max_exp_avg_sq{};
  Moments<Net> exp_avg{};
  Moments<Net> exp_avg_sq{};

  void step(Net& net, Net const& grads) {
    ++step_count;
    detail::adam_step<Net, amsgrad>(*this, true, net, grads);
  }
};

}  // namespace ashlar
