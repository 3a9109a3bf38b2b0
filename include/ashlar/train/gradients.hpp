// Ashlar: what is done to gradients between backward and step.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/reduce/cpu.hpp>
#include <ashlar/train/runs.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>

namespace ashlar {

/// All gradients become zero. Buffers, constants and scalars stay.
template <class Net>
void zero_grad(Net& grads) {
  detail::for_each_in<Net>(trainable_runs<Net>(), [&]<class T>(Run const& run) {
    std::memset(detail::elements_at<T>(grads, run), 0, run.count * sizeof(T));
  });
}

namespace detail {

/// Sum of |x[i]|^p in double, or the maximum of |x[i]| if p is infinite; x (n). NaN in, NaN out.
template <class T>
double power_sum(std::size_t n, T const* x, double p) {
  if (p == 2) return kernels::sum_of_squares(n, x);
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double const v = std::abs(static_cast<double>(x[i]));
    if (!std::isinf(p)) total += p == 1 ? v : std::pow(v, p);
    else if (!(v <= total)) total = v;
    if (std::isnan(total)) break;
  }
  return total;
}

inline void check_norm_type(double p) {
  if (p > 0) return;
  throw Error(Errc::value,
              "the norm of gradients takes a norm_type above 0, or infinity, but it is " + std::to_string(p));
}

}  // namespace detail

/// The norm of all gradients as one vector; `norm_type` p is 2, 1, any positive number, or infinity.
///
/// Errors  value, if norm_type is not positive.
/// Dtype   sums are taken in double. PyTorch sums in the gradients' type and is that much less exact.
/// Source  torch.nn.utils.get_total_norm
template <class Net>
[[nodiscard]] double grad_norm(Net const& grads, double norm_type = 2) {
  detail::check_norm_type(norm_type);
  double total = 0;
  detail::for_each_in<Net>(trainable_tensors<Net>(), [&]<class T>(Run const& run) {
    double const part = detail::power_sum(run.count, detail::elements_at<T>(grads, run), norm_type);
    if (std::isinf(norm_type) && !std::isnan(part)) total = part > total ? part : total;
    else total += part;
  });
  if (norm_type == 2) return std::sqrt(total);
  return std::isinf(norm_type) || norm_type == 1 ? total : std::pow(total, 1 / norm_type);
}

/// Scales all gradients by max_norm / (norm + 1e-6) if that is below 1. Returns the norm before.
///
/// Errors  value, if norm_type is not positive, or if error_if_nonfinite and the norm is infinite or NaN: the gradients
///         are then as they were. Without it they become 0 or NaN, as in PyTorch; look at the norm.
/// Source  torch.nn.utils.clip_grad_norm_
template <class Net>
double clip_grad_norm_(Net& grads, double max_norm, double norm_type = 2, bool error_if_nonfinite = false) {
  double const norm = ashlar::grad_norm(grads, norm_type);
  if (error_if_nonfinite && !std::isfinite(norm)) {
    throw Error(Errc::value, "the norm of the gradients is " + std::to_string(norm) + ", so they were not clipped");
  }
  double const scale = max_norm / (norm + 1e-6);
  if (scale >= 1) return norm;
  auto const multiply = [&]<class T>(Run const& run) {
    T* const g = detail::elements_at<T>(grads, run);
    for (std::size_t i = 0; i < run.count; ++i) g[i] *= static_cast<T>(scale);
  };
  detail::for_each_in<Net>(trainable_tensors<Net>(), multiply);
  return norm;
}

/// Each gradient into [-clip_value, clip_value]; NaN stays NaN.
/// Source  torch.nn.utils.clip_grad_value_
template <class Net>
void clip_grad_value_(Net& grads, double clip_value) {
  detail::for_each_in<Net>(trainable_tensors<Net>(), [&]<class T>(Run const& run) {
    T* const g = detail::elements_at<T>(grads, run);
    T const most = static_cast<T>(clip_value);
    for (std::size_t i = 0; i < run.count; ++i) g[i] = g[i] > most ? most : g[i] < -most ? -most : g[i];
  });
}

}  // namespace ashlar
