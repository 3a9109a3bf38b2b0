// Ashlar: RMSprop and Adagrad.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/optimizer/cpu.hpp>
#include <ashlar/train/moments.hpp>
#include <ashlar/train/optional_state.hpp>
#include <ashlar/train/runs.hpp>

#include <algorithm>
#include <cstdint>

namespace ashlar {

namespace detail {

template <class T, bool centered, class Optimizer>
kernels::RmspropStep<T> rmsprop_settings(Optimizer const& o) {
  return {.lr = o.lr,
          .alpha = o.alpha,
          .eps = o.eps,
          .weight_decay = o.weight_decay,
          .momentum = o.momentum,
          .centered = centered,
          .maximize = o.maximize};
}

template <class T, class Optimizer>
kernels::AdagradStep<T> adagrad_settings(Optimizer const& o) {
  double const decay = 1 + (static_cast<double>(o.step_count) - 1) * o.lr_decay;
  return {.lr = o.lr / decay, .eps = o.eps, .weight_decay = o.weight_decay, .maximize = o.maximize};
}

}  // namespace detail

/// Gradients divided by the root of the running mean of their squares.
///
///   g += weight_decay * p;  s = alpha * s + (1 - alpha) * g * g;  d = g / (sqrt(s) + eps)
///   b = momentum * b + d;  p -= lr * (momentum > 0 ? b : d)
///
/// `RMSprop<Net, true>` is the centered variant: s less the square of the running mean of g, in one more State.
/// Dtype   parameters of float or double; hyperparameters are double.
/// Keys    the members' names; square_avg.KEY, momentum_buffer.KEY for each parameter KEY.
/// Memory  2 * sizeof(Net) and 128 bytes, inline (see Adam).
/// Cost    one pass over the trainable runs; allocates nothing.
/// Errors  compile time: a parameter that is neither float nor double, by name.
/// Source  torch.optim.RMSprop; oracle tests/golden/training/optim_units.safetensors.
template <class Net, bool centered = false>
struct RMSprop {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool maximize = false;
  std::uint64_t step_count = 0;
  OptionalState<Net, centered> grad_avg{};
  Moments<Net> square_avg{};
  Moments<Net> momentum_buffer{};

  void step(Net& net, Net const& grads) {
    ++step_count;
    auto const update = [&]<class T>(Run const& run) {
      auto const s = detail::rmsprop_settings<T, centered>(*this);
      T* mean = nullptr;
      if constexpr (centered) mean = detail::elements_at<T>(*grad_avg, run);
      kernels::rmsprop<T>(run.count, s, detail::elements_at<T>(net, run), detail::elements_at<T>(grads, run),
                          detail::elements_at<T>(*square_avg, run), mean,
                          detail::elements_at<T>(*momentum_buffer, run));
    };
    detail::update_runs<Net>(update, net, *square_avg, *momentum_buffer);
    if constexpr (centered) detail::clear_gaps<Net>(*grad_avg);
  }
};

/// Gradients divided by the root of the sum of all their squares so far.
///
///   g += weight_decay * p;  s += g * g;  p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)
///
/// Dtype   parameters of float or double; hyperparameters are double.
/// Keys    the members' names; sum.KEY for each parameter KEY.
/// Memory  sizeof(Net) and 64 bytes, inline (see Adam).
/// Cost    one pass over the trainable runs; allocates nothing.
/// Errors  compile time: a parameter that is neither float nor double, by name.
/// Source  Duchi et al. (2011); torch.optim.Adagrad; oracle tests/golden/training/optim_units.safetensors.
template <class Net>
struct Adagrad {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;  ///< of the sums; read by the first step
  double eps = 1e-10;
  bool maximize = false;
  std::uint64_t step_count = 0;
  Moments<Net> sum{};

  void step(Net& net, Net const& grads) {
    bool const first = step_count++ == 0;
    auto const update = [&]<class T>(Run const& run) {
      T* const sums = detail::elements_at<T>(*sum, run);
      if (first && initial_accumulator_value != 0) {
        std::fill_n(sums, run.count, static_cast<T>(initial_accumulator_value));
      }
      auto const s = detail::adagrad_settings<T>(*this);
      kernels::adagrad<T>(run.count, s, detail::elements_at<T>(net, run), detail::elements_at<T>(grads, run), sums);
    };
    detail::update_runs<Net>(update, net, *sum);
  }
};

}  // namespace ashlar
