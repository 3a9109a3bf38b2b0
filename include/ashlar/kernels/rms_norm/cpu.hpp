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
  T const* const none = nullptr;
  return 1 / std::sqrt(row_sum<Moment::square>(n, x, none, 0) / static_cast<double>(n) + eps);
}

}  // namespace detail

/// y = x / sqrt(mean of x^2 + eps) * weight, the mean that of each row: x, y (rows, n), weight (n) or null.
///
/// Before  y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T>
void rms_norm(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
    T const* const no_bias = nullptr;
    detail::row_normalized(n, x, T(0), static_cast<T>(detail::inverse_rms(n, x, eps)), weight, no_bias, y);
  }
}

/// Pullback of rms_norm; computes the mean again. Adds to dx and dweight; either may be null, and so may weight.
template <class T>
void rms_norm_backward(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T const* dy, T* dx,
                       T* dweight) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += n, dy += n) {
    double const inverse = detail::inverse_rms(n, x, eps);
    T const scale = static_cast<T>(inverse);
    T* const no_bias = nullptr;
    if (dweight != nullptr) detail::row_gradients(n, x, dy, T(0), scale, dweight, no_bias);
    if (dx == nullptr) continue;
    double const product = detail::row_sums(n, x, dy, weight, 0).product;
    T const slope = static_cast<T>(inverse * inverse * product / static_cast<double>(n));
    detail::row_sloped(n, x, dy, weight, T(0), scale, T(0), slope, dx + r * n);
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
