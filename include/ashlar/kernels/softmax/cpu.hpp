// kernels/softmax/cpu.hpp: softmax and log_softmax over the last dimension and their pullbacks, on the host.
// Rows are independent and computed alike: callers may split them.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/kernels/scalar_math.hpp>
#include <ashlar/kernels/simd/simd.hpp>
#include <ashlar/kernels/softmax/reference.hpp>

#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

template <class T>
inline constexpr T ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

}  // namespace detail
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#define ASHLAR_BODY <ashlar/kernels/softmax/body.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// y = softmax(x) over the last dimension: x (rows, classes) -> y (rows, classes); y may be x.
template <class T>
void softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  if (classes == 0) return;
  ASHLAR_DISPATCH(softmax(rows, classes, x, y));
}

/// y = log_softmax(x) over the last dimension; y may be x.
template <class T>
void log_softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  if (classes == 0) return;
  ASHLAR_DISPATCH(log_softmax(rows, classes, x, y));
}

/// out[r] = log of the sum of exp over row r of x (rows, classes); classes > 0.
template <class T>
void log_sum_exp(std::size_t rows, std::size_t classes, T const* x, T* out) noexcept {
  ASHLAR_DISPATCH(log_sum_exp(rows, classes, x, out));
}

/// dx[i] += factor * exp(x[i] - shift), the pullback of a log-sum-exp `shift`.
template <class T>
void add_exp(std::size_t n, T const* x, T shift, T factor, T* dx) noexcept {
  ASHLAR_DISPATCH(add_exp(n, x, shift, factor, dx));
}

/// dx += y * (dy - sum(dy * y)), where y = softmax(x).
template <class T>
void softmax_pullback(std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx) noexcept {
  reference::softmax_pullback(rows, classes, y, dy, dx);
}

/// dx += dy - exp(y) * sum(dy), where y = log_softmax(x).
template <class T>
void log_softmax_pullback(std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    T total = T(0);
    for (std::size_t c = 0; c < classes; ++c) total += dy[r * classes + c];
    for (std::size_t c = 0; c < classes; ++c) dx[r * classes + c] += dy[r * classes + c];
    add_exp(classes, y + r * classes, T(0), -total, dx + r * classes);
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
