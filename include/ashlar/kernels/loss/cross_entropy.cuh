// kernels/loss/cross_entropy.cuh: cross-entropy on the GPU.
// SPDX-License-Identifier: BSL-1.0
//
// The rows are those of device/rows.cuh or, with an inner that is not 1, of device/strided_rows.cuh: logits (N,
// classes, d...) have N * d rows, and inner is d. Their losses, and the weights of their targets, are added in double
// by reduce/fold.cuh, in an order that the sizes alone fix. What counts is the bandwidth for the logits: 4 bytes an
// element forward, 12 backward.
#pragma once

#include <ashlar/kernels/loss/settings.hpp>
#include <ashlar/kernels/reduce/fold.cuh>
#include <ashlar/kernels/softmax/cuda.cuh>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace ashlar::kernels::cuda {
namespace detail {

template <class T>
ASHLAR_DEVICE T weight_of(T const* weight, std::size_t c) {
  return weight != nullptr ? weight[c] : T(1);
}

/// The loss of a row whose target is no class: the host does not see it, and nothing is read for it.
template <class T>
inline constexpr T no_loss = std::numeric_limits<T>::quiet_NaN();

/// Stages 0 and 1: log-sum-exp; stage 2: the sum over the classes of weight * (norm - x), for label smoothing, or of
/// weight * q * (norm - x) for targets that are probabilities q. Stores log_norm and each row's loss.
template <class T, bool Probabilities>
struct CrossEntropyRow : ExpSum<T> {
  static constexpr unsigned stages = 3;
  std::size_t classes;
  std::size_t inner;
  std::int64_t const* target;  // (rows) or null
  T const* probability;        // (rows, classes) or null
  T const* weight;
  std::int64_t ignore_index;
  T smoothing;
  T* log_norm;
  T* losses;

  template <unsigned S>
  ASHLAR_DEVICE T take(T a, std::size_t row, std::size_t at, std::size_t i, T const* before) const {
    if constexpr (S < 2) {
      return ExpSum<T>::template take<S>(a, row, at, i, before);
    } else if constexpr (Probabilities) {
      T const q = probability[at] * (T(1) - smoothing) + smoothing / static_cast<T>(classes);
      return a + weight_of(weight, i) * q * (this->norm(before) - this->x[at]);
    } else {
      return smoothing != T(0) ? a + weight_of(weight, i) * (this->norm(before) - this->x[at]) : a;
    }
  }
  ASHLAR_DEVICE void finish(std::size_t row, T const* result) const {
    T const norm = this->norm(result);
    log_norm[row] = norm;
    if constexpr (Probabilities) {
      losses[row] = result[2];
    } else {
      T one = T(0);
      if (target[row] != ignore_index) {
        auto const t = static_cast<std::size_t>(target[row]);
        one = t < classes ? weight_of(weight, t) * (norm - this->x[place(row, t)]) : T(no_loss<T>);
        if (smoothing != T(0)) one = (T(1) - smoothing) * one + smoothing / static_cast<T>(classes) * result[2];
      }
      losses[row] = one;
    }
  }

 private:
  [[nodiscard]] ASHLAR_DEVICE std::size_t place(std::size_t row, std::size_t c) const {
    return device::RowPlaces{classes, inner}.of(row, c);
  }
};

/// Sum of the losses, and of the weights of the targets that count.
struct LossAndWeight {
  double loss;
  double weight;
};
template <class T>
struct AddLosses {
  using Value = LossAndWeight;
  std::size_t classes;
  T const* losses;
  std::int64_t const* target;  // null: each row counts 1
  T const* weight;
  std::int64_t ignore_index;
  ASHLAR_DEVICE Value none() const { return {0, 0}; }
  ASHLAR_DEVICE Value take(Value a, std::size_t i) const {
    a.loss += static_cast<double>(losses[i]);
    if (target == nullptr) {
      a.weight += 1;
    } else if (auto const t = static_cast<std::size_t>(target[i]); target[i] != ignore_index && t < classes) {
      a.weight += static_cast<double>(weight_of(weight, t));
    }
    return a;
  }
  ASHLAR_DEVICE Value join(Value a, Value b) const { return {a.loss + b.loss, a.weight + b.weight}; }
};
template <class T>
struct StoreLossAndWeight {
  bool mean;
  T* out;  // null: the losses are there already
  double* counted;
  ASHLAR_DEVICE void operator()(LossAndWeight const& value) const {
    if (counted != nullptr) *counted = value.weight;
    if (out != nullptr) *out = static_cast<T>(mean ? value.loss / value.weight : value.loss);
  }
};

/// What the losses of the rows become. losses is out with Reduction::none, else memory of `launcher` with room behind
/// it for fold.
template <class T, class Launcher>
void finish_losses(Launcher& launcher, std::size_t rows, std::size_t classes, Reduction reduction, T const* losses,
                   std::int64_t const* target, T const* weight, std::int64_t ignore_index, T* out, double* counted,
                   LossAndWeight* parts) {
  bool const each = reduction == Reduction::none;
  if (each && counted == nullptr) return;
  fold(launcher, rows, AddLosses<T>{classes, losses, target, weight, ignore_index},
       StoreLossAndWeight<T>{reduction == Reduction::mean, each ? nullptr : out, counted}, parts);
}

/// Memory for the losses of the rows and for the parts of their fold.
template <class T>
struct LossMemory {
  LossAndWeight* parts;
  T* losses;
};
template <class T, class Launcher>
LossMemory<T> loss_memory(Launcher& launcher, std::size_t rows, Reduction reduction, T* out) {
  std::size_t const parts = fold_parts(rows);
  bool const each = reduction == Reduction::none;
  auto* const memory =
      static_cast<LossAndWeight*>(launcher.workspace(parts * sizeof(LossAndWeight) + (each ? 0 : rows * sizeof(T))));
  return {memory, each ? out : reinterpret_cast<T*>(memory + parts)};
}

/// Pullback for class indices. One stage: the sum of the weights, where label smoothing needs it.
template <class T>
struct CrossEntropyPullbackRow {
  using Value = T;
  static constexpr unsigned stages = 1;
  std::size_t classes;
  T const* logits;
  std::int64_t const* target;
  T const* weight;
  std::int64_t ignore_index;
  Reduction reduction;
  T smoothing;
  T const* log_norm;
  double const* counted;
  T const* dout;
  T* dlogits;

  template <unsigned S>
  ASHLAR_DEVICE T none() const {
    return T(0);
  }
  template <unsigned S>
  ASHLAR_DEVICE T take(T a, std::size_t, std::size_t, std::size_t i, T const*) const {
    return smoothing != T(0) ? a + weight_of(weight, i) : a;
  }
  template <unsigned S>
  ASHLAR_DEVICE T join(T a, T b) const {
    return a + b;
  }
  ASHLAR_DEVICE void write(std::size_t row, std::size_t at, std::size_t i, T const* result) const {
    if (target[row] == ignore_index) return;
    auto const t = static_cast<std::size_t>(target[row]);
    if (t >= classes) return;
    T scale = reduction == Reduction::none ? dout[row] : *dout;
    if (reduction == Reduction::mean) scale = static_cast<T>(static_cast<double>(scale) / *counted);
    T const hard = scale * (T(1) - smoothing) * weight_of(weight, t);
    T const soft = scale * smoothing / static_cast<T>(classes);
    T d = (hard + soft * result[0]) * scalar::exp(logits[at] - log_norm[row]);
    if (i == t) d -= hard;
    if (smoothing != T(0)) d -= soft * weight_of(weight, i);
    dlogits[at] += d;
  }
  ASHLAR_DEVICE void finish(std::size_t, T const*) const {}
};

/// Pullback for probabilities. One stage: the sum of weight * q.
template <class T>
struct ProbabilitiesPullbackRow {
  using Value = T;
  static constexpr unsigned stages = 1;
  std::size_t classes;
  T const* logits;
  T const* target;
  T const* weight;
  Reduction reduction;
  T smoothing;
  T by;
  T const* log_norm;
  T const* dout;
  T* dlogits;
  T* dtarget;

  ASHLAR_DEVICE T share(std::size_t at, std::size_t i) const {
    return weight_of(weight, i) * (target[at] * (T(1) - smoothing) + smoothing / static_cast<T>(classes));
  }
  template <unsigned S>
  ASHLAR_DEVICE T none() const {
    return T(0);
  }
  template <unsigned S>
  ASHLAR_DEVICE T take(T a, std::size_t, std::size_t at, std::size_t i, T const*) const {
    return a + share(at, i);
  }
  template <unsigned S>
  ASHLAR_DEVICE T join(T a, T b) const {
    return a + b;
  }
  ASHLAR_DEVICE void write(std::size_t row, std::size_t at, std::size_t i, T const* result) const {
    T const scale = (reduction == Reduction::none ? dout[row] : *dout) / by;
    if (dlogits != nullptr) {
      dlogits[at] += scale * (result[0] * scalar::exp(logits[at] - log_norm[row]) - share(at, i));
    }
    if (dtarget != nullptr) {
      dtarget[at] += scale * weight_of(weight, i) * (T(1) - smoothing) * (log_norm[row] - logits[at]);
    }
  }
  ASHLAR_DEVICE void finish(std::size_t, T const*) const {}
};

struct FirstBadTarget {
  using Value = std::size_t;
  std::size_t rows;
  std::size_t classes;
  std::int64_t const* target;
  std::int64_t ignore_index;
  ASHLAR_DEVICE std::size_t none() const { return rows; }
  ASHLAR_DEVICE std::size_t take(std::size_t a, std::size_t i) const {
    bool const good = target[i] >= 0 && static_cast<std::uint64_t>(target[i]) < classes;
    return good || target[i] == ignore_index || i > a ? a : i;
  }
  ASHLAR_DEVICE std::size_t join(std::size_t a, std::size_t b) const { return a < b ? a : b; }
};
struct StoreRow {
  std::size_t* out;
  ASHLAR_DEVICE void operator()(std::size_t row) const { *out = row; }
};

}  // namespace detail

/// *out: index of the first target that is neither in [0, classes) nor ignore_index; rows if all are good.
template <class Launcher>
void first_bad_target(Launcher& launcher, std::size_t rows, std::size_t classes, std::int64_t const* target,
                      std::int64_t ignore_index, std::size_t* out) {
  fold(launcher, rows, detail::FirstBadTarget{rows, classes, target, ignore_index}, detail::StoreRow{out});
}

/// Cross-entropy of logits (rows, classes) against class indices (rows).
///
/// Before  settings.weight is a device pointer.
/// After   out holds one value, or rows with Reduction::none (0 for an ignored row, NaN where the target is no class:
///         first_bad_target finds it); log_norm (rows) holds the log-sum-exp of each row and *counted the sum of the
///         counted targets' weights, which the pullback takes.
template <class T, class Launcher>
void cross_entropy(Launcher& launcher, std::size_t rows, std::size_t classes, T const* logits,
                   std::int64_t const* target, CrossEntropy<T> const& settings, T* out, T* log_norm, double* counted,
                   std::size_t inner = 1) {
  auto const memory = detail::loss_memory(launcher, rows, settings.reduction, out);
  device::for_each_strided_row(launcher, rows, classes, inner,
                               detail::CrossEntropyRow<T, false>{{logits},
                                                                 classes,
                                                                 inner,
                                                                 target,
                                                                 nullptr,
                                                                 settings.weight,
                                                                 settings.ignore_index,
                                                                 static_cast<T>(settings.label_smoothing),
                                                                 log_norm,
                                                                 memory.losses});
  detail::finish_losses(launcher, rows, classes, settings.reduction, memory.losses, target, settings.weight,
                        settings.ignore_index, out, counted, memory.parts);
}

/// dlogits += pullback of cross_entropy. log_norm and counted are what it stored; dout has one value, or rows with
/// Reduction::none.
template <class T, class Launcher>
void cross_entropy_pullback(Launcher& launcher, std::size_t rows, std::size_t classes, T const* logits,
                            std::int64_t const* target, CrossEntropy<T> const& settings, T const* log_norm,
                            double const* counted, T const* dout, T* dlogits, std::size_t inner = 1) {
  device::for_each_strided_row(launcher, rows, classes, inner,
                               detail::CrossEntropyPullbackRow<T>{
                                   classes, logits, target, settings.weight, settings.ignore_index, settings.reduction,
                                   static_cast<T>(settings.label_smoothing), log_norm, counted, dout, dlogits});
}

/// Cross-entropy of logits (rows, classes) against class probabilities (rows, classes); the mean divides by rows.
/// log_norm (rows) is stored for the pullback. ignore_index has no meaning here.
template <class T, class Launcher>
void cross_entropy_probabilities(Launcher& launcher, std::size_t rows, std::size_t classes, T const* logits,
                                 T const* target, CrossEntropy<T> const& settings, T* out, T* log_norm,
                                 std::size_t inner = 1) {
  auto const memory = detail::loss_memory(launcher, rows, settings.reduction, out);
  device::for_each_strided_row(launcher, rows, classes, inner,
                               detail::CrossEntropyRow<T, true>{{logits},
                                                                classes,
                                                                inner,
                                                                nullptr,
                                                                target,
                                                                settings.weight,
                                                                settings.ignore_index,
                                                                static_cast<T>(settings.label_smoothing),
                                                                log_norm,
                                                                memory.losses});
  detail::finish_losses(launcher, rows, classes, settings.reduction, memory.losses, nullptr, settings.weight,
                        settings.ignore_index, out, nullptr, memory.parts);
}

/// dlogits += and dtarget += pullback of cross_entropy_probabilities; either may be null.
template <class T, class Launcher>
void cross_entropy_probabilities_pullback(Launcher& launcher, std::size_t rows, std::size_t classes, T const* logits,
                                          T const* target, CrossEntropy<T> const& settings, T const* log_norm,
                                          T const* dout, T* dlogits, T* dtarget = nullptr, std::size_t inner = 1) {
  T const by = settings.reduction == Reduction::mean ? static_cast<T>(rows) : T(1);
  device::for_each_strided_row(launcher, rows, classes, inner,
                               detail::ProbabilitiesPullbackRow<T>{
                                   classes, logits, target, settings.weight, settings.reduction,
                                   static_cast<T>(settings.label_smoothing), by, log_norm, dout, dlogits, dtarget});
}

}  // namespace ashlar::kernels::cuda
