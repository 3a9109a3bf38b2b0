// kernels/loss/cpu.hpp: losses and their pullbacks on the host, one thread.
// Sums run in double, in one fixed order: same input, same bits.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/loss/elementwise.hpp>
#include <ashlar/kernels/loss/settings.hpp>
#include <ashlar/kernels/scalar_math.hpp>
#include <ashlar/kernels/softmax/cpu.hpp>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// Loss of n pairs (x[i], target[i]). out takes n values with Reduction::none, else one.
/// The mean of nothing is NaN, as in PyTorch.
template <class Loss, class T>
void loss(Loss const& f, std::size_t n, T const* x, T const* target, Reduction reduction, T* out) noexcept {
  if (reduction == Reduction::none) {
    for (std::size_t i = 0; i < n; ++i) out[i] = f(x[i], target[i]);
    return;
  }
  double part[4] = {};
  for (std::size_t i = 0; i < n; ++i) part[i % 4] += static_cast<double>(f(x[i], target[i]));
  double const total = (part[0] + part[1]) + (part[2] + part[3]);
  *out = static_cast<T>(reduction == Reduction::mean ? total / static_cast<double>(n) : total);
}

/// dx += dout * f', and dtarget likewise; either may be null. dout has n values with Reduction::none, else one.
template <class Loss, class T>
void loss_pullback(Loss const& f, std::size_t n, T const* x, T const* target, Reduction reduction, T const* dout, T* dx,
                   T* dtarget = nullptr) noexcept {
  bool const each = reduction == Reduction::none;
  T const shared = each || n == 0 ? T(0) : (reduction == Reduction::mean ? *dout / static_cast<T>(n) : *dout);
  if (dx != nullptr) {
    for (std::size_t i = 0; i < n; ++i) dx[i] += (each ? dout[i] : shared) * f.derivative(x[i], target[i]);
  }
  if (dtarget != nullptr) {
    for (std::size_t i = 0; i < n; ++i) {
      dtarget[i] += (each ? dout[i] : shared) * f.target_derivative(x[i], target[i]);
    }
  }
}

/// BCE with logits and a weight of positive targets for each of the last dimension's `columns` elements:
/// x, target (rows, columns), pos_weight (columns), or null for ones.
template <class T>
void bce_with_logits(std::size_t rows, std::size_t columns, T const* x, T const* target, T const* pos_weight,
                     Reduction reduction, T* out) noexcept {
  double total = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      std::size_t const i = r * columns + c;
      T const one =
          BceWithLogitsLoss{pos_weight == nullptr ? 1.0 : static_cast<double>(pos_weight[c])}(x[i], target[i]);
      if (reduction == Reduction::none) out[i] = one;
      total += static_cast<double>(one);
    }
  }
  if (reduction == Reduction::sum) *out = static_cast<T>(total);
  if (reduction == Reduction::mean) *out = static_cast<T>(total / static_cast<double>(rows * columns));
}

/// Pullback of bce_with_logits: dx and dtarget are added to, either may be null.
template <class T>
void bce_with_logits_pullback(std::size_t rows, std::size_t columns, T const* x, T const* target, T const* pos_weight,
                              Reduction reduction, T const* dout, T* dx, T* dtarget = nullptr) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      std::size_t const i = r * columns + c;
      T scale = reduction == Reduction::none ? dout[i] : *dout;
      if (reduction == Reduction::mean) scale /= static_cast<T>(rows * columns);
      BceWithLogitsLoss const f{pos_weight == nullptr ? 1.0 : static_cast<double>(pos_weight[c])};
      if (dx != nullptr) dx[i] += scale * f.derivative(x[i], target[i]);
      if (dtarget != nullptr) dtarget[i] += scale * f.target_derivative(x[i], target[i]);
    }
  }
}

/// Index of the first target that is neither in [0, classes) nor ignore_index; rows if all are good.
inline std::size_t first_bad_target(std::size_t rows, std::size_t classes, std::int64_t const* target,
                                    std::int64_t ignore_index = -100) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    bool const good = target[r] >= 0 && static_cast<std::uint64_t>(target[r]) < classes;
    if (!good && target[r] != ignore_index) return r;
  }
  return rows;
}

/// True if every target is in [0, classes) or ignore_index; else *first_bad, if given, is its row.
inline bool targets_in_range(std::size_t rows, std::size_t classes, std::int64_t const* target,
                             std::int64_t ignore_index = -100, std::size_t* first_bad = nullptr) noexcept {
  std::size_t const bad = first_bad_target(rows, classes, target, ignore_index);
  if (first_bad != nullptr) *first_bad = bad;
  return bad == rows;
}

/// Cross-entropy of logits (rows, classes) against class indices (rows).
///
/// Before  targets_in_range(rows, classes, target, settings.ignore_index).
/// After   out holds one value, or rows with Reduction::none (0 for an ignored row); log_norm (rows) holds the
///         log-sum-exp of each row, which the pullback takes; the result is the sum of the counted targets'
///         weights, by which the mean divides and which the pullback takes. All ignored: the mean is NaN.
template <class T>
double cross_entropy(std::size_t rows, std::size_t classes, T const* logits, std::int64_t const* target,
                     CrossEntropy<T> const& settings, T* out, T* log_norm) noexcept {
  T const smoothing = static_cast<T>(settings.label_smoothing);
  double total = 0;
  double counted = 0;
  log_sum_exp(rows, classes, logits, log_norm);
  for (std::size_t r = 0; r < rows; ++r) {
    T const* row = logits + r * classes;
    T const norm = log_norm[r];
    T one = T(0);
    if (target[r] != settings.ignore_index) {
      std::size_t const t = static_cast<std::size_t>(target[r]);
      T const w = settings.weight != nullptr ? settings.weight[t] : T(1);
      counted += static_cast<double>(w);
      one = w * (norm - row[t]);
      if (smoothing != T(0)) {
        T all = T(0);
        for (std::size_t c = 0; c < classes; ++c) {
          all += (settings.weight != nullptr ? settings.weight[c] : T(1)) * (norm - row[c]);
        }
        one = (T(1) - smoothing) * one + smoothing / static_cast<T>(classes) * all;
      }
    }
    if (settings.reduction == Reduction::none) out[r] = one;
    total += static_cast<double>(one);
  }
  if (settings.reduction == Reduction::mean) *out = static_cast<T>(total / counted);
  if (settings.reduction == Reduction::sum) *out = static_cast<T>(total);
  return counted;
}

/// dlogits += pullback of cross_entropy. log_norm and counted are what cross_entropy stored and returned;
/// dout has one value, or rows with Reduction::none.
template <class T>
void cross_entropy_pullback(std::size_t rows, std::size_t classes, T const* logits, std::int64_t const* target,
                            CrossEntropy<T> const& settings, T const* log_norm, double counted, T const* dout,
                            T* dlogits) noexcept {
  T const smoothing = static_cast<T>(settings.label_smoothing);
  T weights = static_cast<T>(classes);
  if (settings.weight != nullptr && smoothing != T(0)) {
    weights = T(0);
    for (std::size_t c = 0; c < classes; ++c) weights += settings.weight[c];
  }
  for (std::size_t r = 0; r < rows; ++r) {
    if (target[r] == settings.ignore_index) continue;
    std::size_t const t = static_cast<std::size_t>(target[r]);
    T const* row = logits + r * classes;
    T* drow = dlogits + r * classes;
    T scale = settings.reduction == Reduction::none ? dout[r] : *dout;
    if (settings.reduction == Reduction::mean) scale = static_cast<T>(static_cast<double>(scale) / counted);
    T const w = settings.weight != nullptr ? settings.weight[t] : T(1);
    T const hard = scale * (T(1) - smoothing) * w;
    T const soft = scale * smoothing / static_cast<T>(classes);
    T const factor = smoothing != T(0) ? hard + soft * weights : hard;
    add_exp(classes, row, log_norm[r], factor, drow);
    drow[t] -= hard;
    if (smoothing != T(0)) {
      for (std::size_t c = 0; c < classes; ++c) {
        drow[c] -= soft * (settings.weight != nullptr ? settings.weight[c] : T(1));
      }
    }
  }
}

/// Cross-entropy of logits (rows, classes) against class probabilities (rows, classes); the mean divides by rows.
/// log_norm (rows) is stored for the pullback. ignore_index has no meaning here.
template <class T>
void cross_entropy_probabilities(std::size_t rows, std::size_t classes, T const* logits, T const* target,
                                 CrossEntropy<T> const& settings, T* out, T* log_norm) noexcept {
  T const smoothing = static_cast<T>(settings.label_smoothing);
  double total = 0;
  log_sum_exp(rows, classes, logits, log_norm);
  for (std::size_t r = 0; r < rows; ++r) {
    T const* row = logits + r * classes;
    T const norm = log_norm[r];
    T one = T(0);
    for (std::size_t c = 0; c < classes; ++c) {
      T const q = target[r * classes + c] * (T(1) - smoothing) + smoothing / static_cast<T>(classes);
      one += (settings.weight != nullptr ? settings.weight[c] : T(1)) * q * (norm - row[c]);
    }
    if (settings.reduction == Reduction::none) out[r] = one;
    total += static_cast<double>(one);
  }
  if (settings.reduction == Reduction::mean) *out = static_cast<T>(total / static_cast<double>(rows));
  if (settings.reduction == Reduction::sum) *out = static_cast<T>(total);
}

/// dlogits += and dtarget += pullback of cross_entropy_probabilities; either may be null.
template <class T>
void cross_entropy_probabilities_pullback(std::size_t rows, std::size_t classes, T const* logits, T const* target,
                                          CrossEntropy<T> const& settings, T const* log_norm, T const* dout, T* dlogits,
                                          T* dtarget = nullptr) noexcept {
  T const smoothing = static_cast<T>(settings.label_smoothing);
  for (std::size_t r = 0; r < rows; ++r) {
    T scale = settings.reduction == Reduction::none ? dout[r] : *dout;
    if (settings.reduction == Reduction::mean) scale /= static_cast<T>(rows);
    T share = T(0);
    for (std::size_t c = 0; c < classes; ++c) {
      std::size_t const i = r * classes + c;
      T const w = settings.weight != nullptr ? settings.weight[c] : T(1);
      T const q = w * (target[i] * (T(1) - smoothing) + smoothing / static_cast<T>(classes));
      share += q;
      if (dlogits != nullptr) dlogits[i] -= scale * q;
      if (dtarget != nullptr) dtarget[i] += scale * w * (T(1) - smoothing) * (log_norm[r] - logits[i]);
    }
    if (dlogits != nullptr) {
      add_exp(classes, logits + r * classes, log_norm[r], scale * share, dlogits + r * classes);
    }
  }
}

/// Negative log-likelihood of log-probabilities (rows, classes), taken as they are. Returns what cross_entropy does.
template <class T>
double nll(std::size_t rows, std::size_t classes, T const* log_probability, std::int64_t const* target,
           CrossEntropy<T> const& settings, T* out) noexcept {
  double total = 0;
  double counted = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    T one = T(0);
    if (target[r] != settings.ignore_index) {
      std::size_t const t = static_cast<std::size_t>(target[r]);
      T const w = settings.weight != nullptr ? settings.weight[t] : T(1);
      counted += static_cast<double>(w);
      one = -w * log_probability[r * classes + t];
    }
    if (settings.reduction == Reduction::none) out[r] = one;
    total += static_cast<double>(one);
  }
  if (settings.reduction == Reduction::mean) *out = static_cast<T>(total / counted);
  if (settings.reduction == Reduction::sum) *out = static_cast<T>(total);
  return counted;
}

/// dlog_probability += pullback of nll.
template <class T>
void nll_pullback(std::size_t rows, std::size_t classes, std::int64_t const* target, CrossEntropy<T> const& settings,
                  double counted, T const* dout, T* dlog_probability) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    if (target[r] == settings.ignore_index) continue;
    std::size_t const t = static_cast<std::size_t>(target[r]);
    T scale = settings.reduction == Reduction::none ? dout[r] : *dout;
    if (settings.reduction == Reduction::mean) scale = static_cast<T>(static_cast<double>(scale) / counted);
    dlog_probability[r * classes + t] -= scale * (settings.weight != nullptr ? settings.weight[t] : T(1));
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
