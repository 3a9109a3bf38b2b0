// kernels/batch_norm/cpu.hpp: normalisation of channels and its pullbacks on the host, one thread.
// Must agree with reference.hpp; tests/kernels/batch_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that the shape alone fixes: same input, same bits.
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/isa.hpp>

#include <cmath>
#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Sum of f(i) over the values of channel c, in four parts that do not wait for each other.
template <class F>
double sum_of_channel(Planes const& planes, std::size_t c, F const& f) noexcept {
  double part[4] = {};
  std::size_t const area = planes.area;
  for (std::size_t n = 0; n < planes.images; ++n) {
    std::size_t const at = (n * planes.channels + c) * area;
    std::size_t i = 0;
    for (; i + 4 <= area; i += 4) {
      for (std::size_t j = 0; j < 4; ++j) part[j] += f(at + i + j);
    }
    for (; i < area; ++i) part[(n + i) % 4] += f(at + i);
  }
  return (part[0] + part[1]) + (part[2] + part[3]);
}

/// 1 / sqrt(variance + eps), in double.
template <class S>
double inverse_deviation(S variance, double eps) noexcept {
  return 1 / std::sqrt(static_cast<double>(variance) + eps);
}

}  // namespace detail

/// Mean and biased variance of each channel of x, as planes; planes.per_channel() > 0.
template <class T>
void channel_moments(Planes const& planes, T const* x, double* mean, double* variance) noexcept {
  double const n = static_cast<double>(planes.per_channel());
  for (std::size_t c = 0; c < planes.channels; ++c) {
    double const m = detail::sum_of_channel(planes, c, [=](std::size_t i) { return static_cast<double>(x[i]); }) / n;
    mean[c] = m;
    variance[c] = detail::sum_of_channel(planes, c,
                                         [=](std::size_t i) {
                                           double const d = static_cast<double>(x[i]) - m;
                                           return d * d;
                                         }) /
                  n;
  }
}

/// y = (x - mean) / sqrt(variance + eps) * weight + bias; x, y as planes, the others (channels). weight and bias may be
/// null. S is T or double.
///
/// Before  y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T, class S>
void batch_norm(Planes const& planes, T const* x, S const* mean, S const* variance, double eps, T const* weight,
                T const* bias, T* y) noexcept {
  for (std::size_t n = 0; n < planes.images; ++n) {
    for (std::size_t c = 0; c < planes.channels; ++c) {
      double const inverse = detail::inverse_deviation(variance[c], eps);
      T const scale = static_cast<T>(weight != nullptr ? inverse * static_cast<double>(weight[c]) : inverse);
      T const shift = bias != nullptr ? bias[c] : T(0);
      T const center = static_cast<T>(mean[c]);
      std::size_t const at = (n * planes.channels + c) * planes.area;
      for (std::size_t i = at; i < at + planes.area; ++i) y[i] = (x[i] - center) * scale + shift;
    }
  }
}

/// Pullback of batch_norm. Batch: mean and variance are channel_moments of x, and depend on it. Adds to dx, dweight and
/// dbias; any of them may be null, and so may weight.
template <bool Batch, class T, class S>
void batch_norm_backward(Planes const& planes, T const* x, S const* mean, S const* variance, double eps,
                         T const* weight, T const* dy, T* dx, T* dweight, T* dbias) noexcept {
  double const n = static_cast<double>(planes.per_channel());
  bool const sums = Batch || dweight != nullptr || dbias != nullptr;
  for (std::size_t c = 0; c < planes.channels; ++c) {
    double const inverse = detail::inverse_deviation(variance[c], eps);
    double const center = static_cast<double>(mean[c]);
    double sum = 0;
    double product = 0;  // of dy and the normalised x
    if (sums) {
      sum = detail::sum_of_channel(planes, c, [=](std::size_t i) { return static_cast<double>(dy[i]); });
      product = inverse * detail::sum_of_channel(planes, c, [=](std::size_t i) {
                  return static_cast<double>(dy[i]) * (static_cast<double>(x[i]) - center);
                });
    }
    if (dweight != nullptr) dweight[c] += static_cast<T>(product);
    if (dbias != nullptr) dbias[c] += static_cast<T>(sum);
    if (dx == nullptr) continue;
    double const scale = weight != nullptr ? inverse * static_cast<double>(weight[c]) : inverse;
    // dx += scale * (dy - sum / n - h * product / n), h = (x - mean) * inverse
    T const by_dy = static_cast<T>(scale);
    T const by_x = static_cast<T>(Batch ? -scale * inverse * product / n : 0);
    T const offset = static_cast<T>(Batch ? -scale * sum / n : 0);
    T const mean_of_x = static_cast<T>(center);
    for (std::size_t image = 0; image < planes.images; ++image) {
      std::size_t const at = (image * planes.channels + c) * planes.area;
      for (std::size_t i = at; i < at + planes.area; ++i) {
        dx[i] += by_dy * dy[i] + (by_x * (x[i] - mean_of_x) + offset);
      }
    }
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
