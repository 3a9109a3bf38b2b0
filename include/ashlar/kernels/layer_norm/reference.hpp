// kernels/layer_norm/reference.hpp: normalisation of rows and its pullback as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cmath>
#include <cstddef>

namespace ashlar::kernels::reference {

/// Mean of a row, and 1 / sqrt(biased variance + eps).
struct RowScale {
  double mean;
  double inverse;
};
template <class T>
RowScale row_scale(std::size_t n, T const* x, double eps) noexcept {
  double mean = 0;
  double variance = 0;
  for (std::size_t i = 0; i < n; ++i) mean += static_cast<double>(x[i]) / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) {
    double const d = static_cast<double>(x[i]) - mean;
    variance += d * d / static_cast<double>(n);
  }
  return {mean, 1 / std::sqrt(variance + eps)};
}

/// y[r][i] = (x[r][i] - mean of r) * inverse of r * weight[i] + bias[i], in double. weight and bias may be null.
template <class T>
void layer_norm(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T const* bias,
                T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    RowScale const s = row_scale(n, x + r * n, eps);
    for (std::size_t i = 0; i < n; ++i) {
      double const w = weight != nullptr ? static_cast<double>(weight[i]) : 1;
      double const b = bias != nullptr ? static_cast<double>(bias[i]) : 0;
      y[r * n + i] = static_cast<T>((static_cast<double>(x[r * n + i]) - s.mean) * s.inverse * w + b);
    }
  }
}

/// The derivative of y[j] by x[i] of one row is weight[j] * inverse * ((i == j) - 1 / n - h[i] * h[j] / n), h the
/// normalised x. Adds; weight and any of the results may be null.
template <class T>
void layer_norm_backward(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T const* dy, T* dx,
                         T* dweight, T* dbias) noexcept {
  for (std::size_t r = 0; r < rows; ++r, x += n, dy += n) {
    RowScale const s = row_scale(n, x, eps);
    auto const h = [&](std::size_t i) { return (static_cast<double>(x[i]) - s.mean) * s.inverse; };
    for (std::size_t i = 0; i < n; ++i) {
      if (dweight != nullptr) dweight[i] += static_cast<T>(static_cast<double>(dy[i]) * h(i));
      if (dbias != nullptr) dbias[i] += dy[i];
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j) {
        double const w = weight != nullptr ? static_cast<double>(weight[j]) : 1;
        double const derivative = (i == j ? 1.0 : 0.0) - (1 + h(i) * h(j)) / static_cast<double>(n);
        sum += static_cast<double>(dy[j]) * w * s.inverse * derivative;
      }
      if (dx != nullptr) dx[r * n + i] += static_cast<T>(sum);
    }
  }
}

}  // namespace ashlar::kernels::reference
