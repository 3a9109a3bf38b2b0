// kernels/loss/elementwise.hpp: losses of one input and one target element each, with PyTorch's values.
// SPDX-License-Identifier: BSL-1.0
//
// A functor has  T operator()(T x, T t)        the loss of one element
//           and  T derivative(T x, T t)        with respect to the input x
//           and  T target_derivative(T x, T t) with respect to the target t,
//           and  name, that of its function in PyTorch.
#pragma once

#include <ashlar/kernels/scalar_math.hpp>

namespace ashlar::kernels {

/// How the losses of the elements become the result: not at all, their mean, their sum.
enum class Reduction { none, mean, sum };

/// (x - t)^2
struct MseLoss {
  static constexpr char name[] = "mse_loss";
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x, T t) const noexcept { return (x - t) * (x - t); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T t) const noexcept { return T(2) * (x - t); }
  template <class T> ASHLAR_HOST_DEVICE T target_derivative(T x, T t) const noexcept { return T(-2) * (x - t); }
};

/// |x - t|; the gradient at 0 is 0.
struct L1Loss {
  static constexpr char name[] = "l1_loss";
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x, T t) const noexcept { return scalar::abs(x - t); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T t) const noexcept {
    return T((x - t > T(0)) - (x - t < T(0)));
  }
  template <class T> ASHLAR_HOST_DEVICE T target_derivative(T x, T t) const noexcept { return -derivative(x, t); }
};

/// Half the square over beta within beta, else |x - t| - beta / 2; beta 0 is L1.
struct SmoothL1Loss {
  static constexpr char name[] = "smooth_l1_loss";
  double beta = 1;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x, T t) const noexcept {
    T const z = scalar::abs(x - t);
    T const b = static_cast<T>(beta);
    return z < b ? T(0.5) * z * z / b : z - T(0.5) * b;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T t) const noexcept {
    T const d = x - t;
    T const b = static_cast<T>(beta);
    if (b == T(0)) return L1Loss{}.derivative(x, t);
    if (d <= -b) return T(-1);
    if (d >= b) return T(1);
    return d / b;
  }
  template <class T> ASHLAR_HOST_DEVICE T target_derivative(T x, T t) const noexcept { return -derivative(x, t); }
};

/// Half the square within delta, else delta * (|x - t| - delta / 2).
struct HuberLoss {
  static constexpr char name[] = "huber_loss";
  double delta = 1;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x, T t) const noexcept {
    T const z = scalar::abs(x - t);
    T const b = static_cast<T>(delta);
    return z <= b ? T(0.5) * z * z : b * (z - T(0.5) * b);
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T t) const noexcept {
    T const d = x - t;
    T const b = static_cast<T>(delta);
    if (d <= -b) return -b;
    if (d >= b) return b;
    return d;
  }
  template <class T> ASHLAR_HOST_DEVICE T target_derivative(T x, T t) const noexcept { return -derivative(x, t); }
};

/// Binary cross-entropy of a logit x and a target probability t; positive targets count pos_weight times.
struct BceWithLogitsLoss {
  static constexpr char name[] = "binary_cross_entropy_with_logits";
  double pos_weight = 1;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x, T t) const noexcept {
    T const w = T(1) + (static_cast<T>(pos_weight) - T(1)) * t;
    T const tail = scalar::log1p(scalar::exp(-scalar::abs(x))) + (x < T(0) ? -x : T(0));
    return (T(1) - t) * x + w * tail;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T t) const noexcept {
    T const w = static_cast<T>(pos_weight) * t;
    T const z = scalar::exp(-scalar::abs(x));
    T const s = x < T(0) ? z / (T(1) + z) : T(1) / (T(1) + z);
    return (w + T(1) - t) * s - w;
  }
  template <class T> ASHLAR_HOST_DEVICE T target_derivative(T x, T t) const noexcept {
    (void)t;
    T const p = static_cast<T>(pos_weight);
    T const log = (p - T(1)) * scalar::log1p(scalar::exp(-scalar::abs(x)));
    return x < T(0) ? log - p * x : log - x;  // for x of -infinity too
  }
};

/// Binary cross-entropy of a probability x; logarithms are clamped at -100, as in PyTorch.
struct BceLoss {
  static constexpr char name[] = "binary_cross_entropy";
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x, T t) const noexcept {
    T const p = scalar::log(x);
    T const q = scalar::log(T(1) - x);
    return (t - T(1)) * (q < T(-100) ? T(-100) : q) - t * (p < T(-100) ? T(-100) : p);
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T t) const noexcept {
    T const scale = (T(1) - x) * x;
    T const least = T(1e-12f);  // of float in double too, as in PyTorch
    return (x - t) / (scale < least ? least : scale);
  }
  template <class T> ASHLAR_HOST_DEVICE T target_derivative(T x, T t) const noexcept {
    (void)t;
    return scalar::log(T(1) - x) - scalar::log(x);
  }
};

/// Kullback-Leibler term t * (log t - x); x is a log-probability, and t too if log_target.
struct KlDivLoss {
  static constexpr char name[] = "kl_div";
  bool log_target = false;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x, T t) const noexcept {
    if (log_target) return scalar::exp(t) * (t - x);
    return (t == T(0) ? T(0) : t * scalar::log(t)) - t * x;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T t) const noexcept {
    return log_target ? -scalar::exp(t) : -t;
  }
  template <class T> ASHLAR_HOST_DEVICE T target_derivative(T x, T t) const noexcept {
    if (log_target) return scalar::exp(t) * (t - x + T(1));
    return scalar::log(t) + t / t - x;  // NaN at 0, as in PyTorch
  }
};

}  // namespace ashlar::kernels
