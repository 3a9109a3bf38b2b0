// kernels/rms_norm/reference.hpp: rows divided by their root mean square, and the pullback, as plain loops, the oracle
// of cpu.hpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cmath>
#include <cstddef>

namespace ashlar::kernels::reference {

/// 1 / sqrt(mean of x^2 + eps).
template <class T>
double inverse_rms(std::size_t n, T const* x, double eps) noexcept {
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i)
    mean += static_cast<double>(x[i]) * static_cast<double>(x[i]) / static_cast<double>(n);
  return 1 / std::sqrt(mean + eps);
}

/// y[r][i] = x[r][i] * inverse of r * weight[i], in double. weight may be null.
template <class T>
void rms_norm(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    double const inverse = inverse_rms(n, x + r * n, eps);
    for (std::size_t i = 0; i < n; ++i) {
      double const w = weight != nullptr ? static_cast<double>(weight[i]) : 1;
      y[r * n + i] = static_cast<T>(static_cast<double>(x[r * n + i]) * inverse * w);
    }
  }
}

/// The derivative of y[j] by x[i] of one row is weight[j] * inverse * ((i == j) - h[i] * h[j] / n), h = x * inverse.
/// Adds; weight and any of the results may be null.
template <class T>
void rms_norm_backward(std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T const* dy, T* dx,
                       T* dweight) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    double const inverse = inverse_rms(n, x + r * n, eps);
    auto const h = [&](std::size_t i) { return static_cast<double>(x[r * n + i]) * inverse; };
    for (std::size_t i = 0; i < n; ++i) {
      if (dweight != nullptr) dweight[i] += static_cast<T>(static_cast<double>(dy[r * n + i]) * h(i));
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j) {
        double const w = weight != nullptr ? static_cast<double>(weight[j]) : 1;
        sum += static_cast<double>(dy[r * n + j]) * w * inverse *
               ((i == j ? 1.0 : 0.0) - h(i) * h(j) / static_cast<double>(n));
      }
      if (dx != nullptr) dx[r * n + i] += static_cast<T>(sum);
    }
  }
}

}  // namespace ashlar::kernels::reference
