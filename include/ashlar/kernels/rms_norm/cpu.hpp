// kernels/rms_norm/cpu.hpp: rows divided by their root mean square, and the pullback, on the host, one thread.
// Must agree with reference.hpp; tests/kernels/group_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that n alone fixes: a row has the same bits in every batch.
#pragma once

#include <ashlar/kernels/layer_norm/cpu.hpp>

#include <cmath>
#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// 1 / sqrt(mean of x^2 + eps).
template <class T>
double inverse_rms(std::size_t n, T const* x, double eps) noexcept {
  double const squares =
      sum_of_row(n, [=](std::size_t i) { return static_cast<double>(x[i]) * static_cast<double>(x[i]); });
  return 1 / std::sqrt(squares / static_cast<double>(n) + eps);
}

}  // namespace detail

/// y = x / sqrt(mean of x^2 + eps) * weight, the mean that of each row: x, y (rows, n), weight (n) or null.
///
/// Before  y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T>
void rms_norm(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
    T const inverse = static_cast<T>(detail::inverse_rms(n, x, eps));
    for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * inverse;
    for (std::size_t i = 0; weight != nullptr && i < n; ++i) y[i] *= weight[i];
  }
}

/// Pullback of rms_norm; computes the mean again. Adds to dx and dweight; either may be null, and so may weight.
template <class T>
void rms_norm_backward(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T const* dy, T* dx,
                       T* dweight) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += n, dy += n) {
    double const inverse = detail::inverse_rms(n, x, eps);
    T const scale = static_cast<T>(inverse);
    for (std::size_t i = 0; dweight != nullptr && i < n; ++i) dweight[i] += dy[i] * (x[i] * scale);
    if (dx == nullptr) continue;
    auto const g = [=](std::size_t i) { return weight != nullptr ? dy[i] * weight[i] : dy[i]; };
    double const product =
        detail::sum_of_row(n, [=](std::size_t i) { return static_cast<double>(g(i)) * static_cast<double>(x[i]); });
    T const slope = static_cast<T>(inverse * inverse * product / static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i) dx[r * n + i] += scale * (g(i) - x[i] * slope);
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
