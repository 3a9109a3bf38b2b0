// Ashlar: learning-rate schedules.  SPDX-License-Identifier: BSL-1.0
//
// Each schedule is a closed form of the number of steps, PyTorch's last_epoch. PyTorch computes some of them from the
// rate before, so the last bits may differ (1e-12 relative in the recorded schedules); in return two numbers are the
// whole state, a resumed schedule is bit-identical, and no rounding adds up.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>

namespace ashlar {
namespace detail {

/// Learns the optimizer's rate, if it has not been told one, and sets the rate of the steps done so far.
template <class Scheduler, class Optimizer>
void start_schedule(Scheduler& s, Optimizer& optimizer) {
  if (s.base_lr == 0) s.base_lr = optimizer.lr;
  optimizer.lr = s.get_lr();
}
template <class Scheduler, class Optimizer>
void step_schedule(Scheduler& s, Optimizer& optimizer) {
  if (s.base_lr == 0) s.base_lr = optimizer.lr;
  ++s.last_epoch;
  optimizer.lr = s.get_lr();
}
inline double power(double base, std::uint64_t exponent) { return std::pow(base, static_cast<double>(exponent)); }

}  // namespace detail

/// The rate times gamma after every step_size steps.
///
/// What all schedules share:
/// Keys    the members' names, PyTorch's; base_lr and last_epoch are the state.
/// Init    base_lr 0 means: the optimizer's own lr, taken at `start` or else at the first `step`.
/// Usage   `scheduler.start(optimizer)` once, as PyTorch's constructor does: needed by those that begin with another
///         rate than base_lr (LinearLR, ConstantLR, OneCycleLR, SequentialLR of them, LambdaLR). Then
///         `scheduler.step(optimizer)` after each epoch, or after each batch, as the schedule is meant. Nothing is
///         needed after a load.
/// Source  torch.optim.lr_scheduler; oracle tests/golden/training/lr_schedules.json.
struct StepLR {
  std::uint64_t step_size = 1;
  double gamma = 0.1;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    return base_lr * detail::power(gamma, epoch / std::max<std::uint64_t>(step_size, 1));
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// The rate times gamma at each of N milestones, in any order.
template <std::size_t N>
struct MultiStepLR {
  std::array<std::uint64_t, N> milestones{};
  double gamma = 0.1;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    auto const passed = std::count_if(milestones.begin(), milestones.end(), [&](auto m) { return m <= epoch; });
    return base_lr * detail::power(gamma, static_cast<std::uint64_t>(passed));
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// The rate times gamma at each step.
struct ExponentialLR {
  double gamma = 0.9;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const { return base_lr * detail::power(gamma, epoch); }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// Half a cosine from base_lr down to eta_min in T_max steps, and up again in the next T_max.
struct CosineAnnealingLR {
  std::uint64_t T_max = 1;
  double eta_min = 0;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    // The period in integers: the cosine of a large angle would carry the rounding of the angle.
    std::uint64_t const half = std::max<std::uint64_t>(T_max, 1);
    double const phase = static_cast<double>(epoch % (2 * half)) / static_cast<double>(half);
    return eta_min + (base_lr - eta_min) * (1 + std::cos(std::numbers::pi * phase)) / 2;
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// Half a cosine from base_lr down to eta_min, over and over: in T_0 steps, then T_mult times as many, and so on.
///
/// Source  Loshchilov and Hutter (2017). PyTorch's T_cur and T_i follow from last_epoch and are not kept; it takes
///         parts of an epoch, this does not.
struct CosineAnnealingWarmRestarts {
  std::uint64_t T_0 = 1;
  std::uint64_t T_mult = 1;
  double eta_min = 0;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    std::uint64_t period = std::max<std::uint64_t>(T_0, 1);
    if (T_mult <= 1) epoch %= period;
    while (epoch >= period) {
      epoch -= period;
      bool const is_endless = T_mult > std::numeric_limits<std::uint64_t>::max() / period;
      period = is_endless ? std::numeric_limits<std::uint64_t>::max() : period * T_mult;
    }
    double const phase = static_cast<double>(epoch) / static_cast<double>(period);
    return eta_min + (base_lr - eta_min) * (1 + std::cos(std::numbers::pi * phase)) / 2;
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// factor times the rate for total_iters steps, then the rate.
struct ConstantLR {
  double factor = 1.0 / 3;
  std::uint64_t total_iters = 5;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const { return epoch < total_iters ? base_lr * factor : base_lr; }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// From base_lr to 0 in total_iters steps, as (1 - done)^power, then 0.
struct PolynomialLR {
  std::uint64_t total_iters = 5;
  double power = 1;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    if (total_iters == 0) return base_lr;
    double const left = static_cast<double>(total_iters - std::min(epoch, total_iters));
    return base_lr * std::pow(left / static_cast<double>(total_iters), power);
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// From start_factor to end_factor times the rate in total_iters equal steps, then constant: a warm-up.
struct LinearLR {
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  std::uint64_t total_iters = 5;
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    if (epoch >= total_iters) return base_lr * end_factor;
    double const done = static_cast<double>(epoch) / static_cast<double>(total_iters);
    return base_lr * (start_factor + (end_factor - start_factor) * done);
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// The rate times Factor(step), where Factor is a function known to the compiler: `LambdaLR<inverse_sqrt>`.
template <auto Factor>
struct LambdaLR {
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const { return base_lr * Factor(epoch); }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }
};

/// One schedule until the milestone, then another, which counts its steps from there; both from the same base_lr.
/// For three, let the second be a SequentialLR. Only its own base_lr and last_epoch count, not those of its parts.
///
/// Usage   `SequentialLR<LinearLR, CosineAnnealingLR>{.milestone = 5, .first = {...}, .second = {.T_max = 15}}`
template <class First, class Second>
struct SequentialLR {
  std::uint64_t milestone = 0;
  First first{};
  Second second{};
  double base_lr = 0;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    if (epoch < milestone) return of(first).lr_at(epoch);
    return of(second).lr_at(epoch - milestone);
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  void start(auto& optimizer) { detail::start_schedule(*this, optimizer); }
  void step(auto& optimizer) { detail::step_schedule(*this, optimizer); }

 private:
  template <class Part>
  Part of(Part part) const {
    part.base_lr = base_lr;
    return part;
  }
};

/// Up from max_lr / div_factor to max_lr, then down to a final_div_factor-th of where it began, over total_steps steps;
/// momentum (of Adam: beta1) goes the other way if cycle_momentum.
///
/// After total_steps - 1 steps the rate stays at its end, where PyTorch throws.
/// Source  Smith and Topin (2018); torch.optim.lr_scheduler.OneCycleLR. `linear` is anneal_strategy="linear".
struct OneCycleLR {
  double max_lr = 0;
  std::uint64_t total_steps = 0;
  double pct_start = 0.3;
  bool linear = false;
  bool cycle_momentum = true;
  bool three_phase = false;  ///< down to where it began, as long as up; then on to the end
  double base_momentum = 0.85;
  double max_momentum = 0.95;
  double div_factor = 25;
  double final_div_factor = 1e4;
  std::uint64_t last_epoch = 0;

  [[nodiscard]] double lr_at(std::uint64_t epoch) const {
    double const initial = max_lr / div_factor;
    double const last = initial / final_div_factor;
    return three_phase ? at(epoch, initial, max_lr, initial, last) : at(epoch, initial, max_lr, last, last);
  }
  [[nodiscard]] double momentum_at(std::uint64_t epoch) const {
    return at(epoch, max_momentum, base_momentum, max_momentum, max_momentum);
  }
  [[nodiscard]] double get_lr() const { return lr_at(last_epoch); }
  [[nodiscard]] double get_momentum() const { return momentum_at(last_epoch); }

  void start(auto& optimizer) {
    optimizer.lr = get_lr();
    if (!cycle_momentum) return;
    if constexpr (requires { optimizer.betas[0]; }) {
      optimizer.betas[0] = get_momentum();
    } else {
      static_assert(
          requires { optimizer.momentum; }, "ashlar: OneCycleLR cycles momentum, which this optimizer does not have");
      optimizer.momentum = get_momentum();
    }
  }
  void step(auto& optimizer) {
    ++last_epoch;
    start(optimizer);
  }

 private:
  /// a -> b -> c, and with three_phase -> d, at the steps where PyTorch ends its phases.
  [[nodiscard]] double at(std::uint64_t epoch, double a, double b, double c, double d) const {
    double const total = static_cast<double>(total_steps);
    double const end = total - 1;
    double const up = pct_start * total - 1;
    double const now = std::min(static_cast<double>(epoch), end);
    if (now <= up) return between(a, b, part(now, 0, up));
    if (!three_phase) return between(b, c, part(now, up, end));
    double const down = 2 * pct_start * total - 2;
    return now <= down ? between(b, c, part(now, up, down)) : between(c, d, part(now, down, end));
  }
  static double part(double now, double begin, double end) { return begin < end ? (now - begin) / (end - begin) : 1; }
  [[nodiscard]] double between(double from, double to, double done) const {
    if (linear) return (to - from) * done + from;
    return to + (from - to) / 2 * (std::cos(std::numbers::pi * done) + 1);
  }
};

}  // namespace ashlar
