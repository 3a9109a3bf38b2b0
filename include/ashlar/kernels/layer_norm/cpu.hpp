// kernels/layer_norm/cpu.hpp: normalisation of rows and its pullback on the host, one thread.
// Must agree with reference.hpp; tests/kernels/layer_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that n alone fixes: a row has the same bits in every batch.
#pragma once

#include <ashlar/kernels/isa.hpp>

#include <cmath>
#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Sum of f(i), i < n, in four parts that do not wait for each other.
template <class F>
double sum_of_row(std::size_t n, F const& f) noexcept {
  double part[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (std::size_t j = 0; j < 4; ++j) part[j] += f(i + j);
  }
  for (; i < n; ++i) part[i % 4] += f(i);
  return (part[0] + part[1]) + (part[2] + part[3]);
}

/// Mean of a row, and 1 / sqrt(biased variance + eps).
struct RowScale {
  double mean;
  double inverse;
};
template <class T>
RowScale row_scale(std::size_t n, T const* x, double eps) noexcept {
  double const mean = sum_of_row(n, [=](std::size_t i) { return static_cast<double>(x[i]); }) / static_cast<double>(n);
  double const squares = sum_of_row(n, [=](std::size_t i) {
    double const d = static_cast<double>(x[i]) - mean;
    return d * d;
  });
  return {mean, 1 / std::sqrt(squares / static_cast<double>(n) + eps)};
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
    T const mean = static_cast<T>(s.mean);
    T const inverse = static_cast<T>(s.inverse);
    for (std::size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * inverse;
    if (weight != nullptr) {
      for (std::size_t i = 0; i < n; ++i) y[i] *= weight[i];
    }
    if (bias != nullptr) {
      for (std::size_t i = 0; i < n; ++i) y[i] += bias[i];
    }
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
    if (dweight != nullptr) {
      for (std::size_t i = 0; i < n; ++i) dweight[i] += dy[i] * ((x[i] - center) * inverse);
    }
    if (dbias != nullptr) {
      for (std::size_t i = 0; i < n; ++i) dbias[i] += dy[i];
    }
    if (dx == nullptr) continue;
    // dx += inverse * (g - mean of g - h * mean of g * h), g = dy * weight, h = (x - mean) * inverse
    auto const g = [=](std::size_t i) { return weight != nullptr ? dy[i] * weight[i] : dy[i]; };
    double const sum = detail::sum_of_row(n, [=](std::size_t i) { return static_cast<double>(g(i)); });
    double const product = detail::sum_of_row(
        n, [=](std::size_t i) { return static_cast<double>(g(i)) * (static_cast<double>(x[i]) - s.mean); });
    T const offset = static_cast<T>(sum / static_cast<double>(n));
    T const by_x = static_cast<T>(s.inverse * s.inverse * product / static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i) dx[r * n + i] += inverse * (g(i) - offset - (x[i] - center) * by_x);
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
