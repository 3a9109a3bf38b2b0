// kernels/layer_norm/cpu.hpp: normalisation of rows and its pullback on the host, one thread.
// Must agree with reference.hpp; tests/kernels/layer_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that n and the level fix: a row has the same bits in every batch.
#pragma once

#include <ashlar/kernels/batch_norm/cpu.hpp>
#include <ashlar/kernels/layer_norm/sums.hpp>

#include <cmath>
#include <cstddef>

#define ASHLAR_BODY <ashlar/kernels/layer_norm/body.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Sum of M over n elements that lie side by side.
template <Moment M, class T>
double row_sum(std::size_t n, T const* x, T const* dy, double center) noexcept {
  return plane_sum<M>(Planes{1, 1, n}, 0, x, dy, center);
}

/// Mean of a row, and 1 / sqrt(biased variance + eps).
struct RowScale {
  double mean;
  double inverse;
};
template <class T>
RowScale row_scale(std::size_t n, T const* x, double eps) noexcept {
  T const* const none = nullptr;
  double const mean = row_sum<Moment::sum>(n, x, none, 0) / static_cast<double>(n);
  double const squares = row_sum<Moment::square>(n, x, none, mean);
  return {mean, 1 / std::sqrt(squares / static_cast<double>(n) + eps)};
}

template <class T>
void row_normalized(std::size_t n, T const* x, T center, T scale, T const* weight, T const* bias, T* y) noexcept {
  ASHLAR_DISPATCH(normalize_row(n, x, center, scale, weight, bias, y));
}
template <class T>
void row_gradients(std::size_t n, T const* x, T const* dy, T center, T scale, T* dweight, T* dbias) noexcept {
  ASHLAR_DISPATCH(add_row_gradients(n, x, dy, center, scale, dweight, dbias));
}
template <class T>
RowSums row_sums(std::size_t n, T const* x, T const* dy, T const* weight, double center) noexcept {
  ASHLAR_DISPATCH(sums_of_row(n, x, dy, weight, center));
}
template <class T>
void row_sloped(std::size_t n, T const* x, T const* dy, T const* weight, T center, T scale, T offset, T slope,
                T* dx) noexcept {
  ASHLAR_DISPATCH(add_row_slopes(n, x, dy, weight, center, scale, offset, slope, dx));
}

}  // namespace detail

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, mean and biased variance those of each row: x, y (rows, n),
/// weight, bias (n) or null.
///
/// Before  y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T>
void layer_norm(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T const* bias,
                T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += n, y += n) {
    detail::RowScale const s = detail::row_scale(n, x, eps);
    detail::row_normalized(n, x, static_cast<T>(s.mean), static_cast<T>(s.inverse), weight, bias, y);
  }
}

/// Pullback of layer_norm; computes the statistics again. Adds to dx, dweight and dbias; any of them may be null, and
/// so may weight.
template <class T>
void layer_norm_backward(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T const* dy, T* dx,
                         T* dweight, T* dbias) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += n, dy += n) {
    detail::RowScale const s = detail::row_scale(n, x, eps);
    T const center = static_cast<T>(s.mean);
    T const inverse = static_cast<T>(s.inverse);
    detail::row_gradients(n, x, dy, center, inverse, dweight, dbias);
    if (dx == nullptr) continue;
    // dx += inverse * (g - mean of g - h * mean of g * h), g = dy * weight, h = (x - mean) * inverse
    RowSums const sums = detail::row_sums(n, x, dy, weight, s.mean);
    T const offset = static_cast<T>(sums.sum / static_cast<double>(n));
    T const slope = static_cast<T>(s.inverse * s.inverse * sums.product / static_cast<double>(n));
    detail::row_sloped(n, x, dy, weight, center, inverse, offset, slope, dx + r * n);
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
