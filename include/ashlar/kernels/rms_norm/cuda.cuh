// kernels/rms_norm/cuda.cuh: rows divided by their root mean square, and the pullback, on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// As layer_norm/cuda.cuh, with one stage less: bandwidth, 8 bytes an element forward and 16 backward.
#pragma once

#include <ashlar/kernels/device/rows.cuh>
#include <ashlar/kernels/reduce/rows.cuh>
#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// Stage 0: the sum of squares; stage 1: of dy * weight * x, for the pullback.
template <bool Backward, class T>
struct RmsNormRow {
  using Value = double;
  static constexpr unsigned stages = Backward ? 2 : 1;
  std::size_t n;
  T const* x;
  double eps;
  T const* weight;
  T const* dy;
  T* out;       // y, or dx, which may be null
  T* inverses;  // (rows), or null

  ASHLAR_DEVICE T g(std::size_t at, std::size_t i) const { return weight != nullptr ? dy[at] * weight[i] : dy[at]; }
  template <unsigned S>
  ASHLAR_DEVICE double none() const {
    return 0;
  }
  template <unsigned S>
  ASHLAR_DEVICE double take(double a, std::size_t, std::size_t at, std::size_t i, double const*) const {
    double const v = static_cast<double>(x[at]);
    return S == 0 ? a + v * v : a + static_cast<double>(g(at, i)) * v;
  }
  template <unsigned S>
  ASHLAR_DEVICE double join(double a, double b) const {
    return a + b;
  }
  ASHLAR_DEVICE double inverse(double const* result) const {
    return 1 / scalar::sqrt(result[0] / static_cast<double>(n) + eps);
  }
  ASHLAR_DEVICE void write(std::size_t, std::size_t at, std::size_t i, double const* result) const {
    double const by = inverse(result);
    if constexpr (Backward) {
      if (out == nullptr) return;
      T const slope = static_cast<T>(by * by * result[1] / static_cast<double>(n));
      out[at] += static_cast<T>(by) * (g(at, i) - x[at] * slope);
    } else {
      T const value = x[at] * static_cast<T>(by);
      out[at] = weight != nullptr ? value * weight[i] : value;
    }
  }
  ASHLAR_DEVICE void finish(std::size_t row, double const* result) const {
    if (inverses != nullptr) inverses[row] = static_cast<T>(inverse(result));
  }
};

template <class T>
struct RmsNormWeightTerm {
  T const* x;
  T const* dy;
  T const* inverses;
  std::size_t n;
  ASHLAR_DEVICE T operator()(std::size_t r, std::size_t i) const {
    return dy[r * n + i] * (x[r * n + i] * inverses[r]);
  }
};

}  // namespace detail

/// y = x / sqrt(mean of x^2 + eps) * weight, the mean that of each row: x, y (rows, n), weight (n) or null.
///
/// Before  y overlaps no input.
template <class T, class Launcher>
void rms_norm(Launcher& launcher, std::size_t rows, std::size_t n, T const* x, double eps, T const* weight, T* y) {
  device::for_each_row(launcher, rows, n, detail::RmsNormRow<false, T>{n, x, eps, weight, nullptr, y, nullptr});
}

/// Pullback of rms_norm; computes the mean again. Adds to dx and dweight; either may be null, and so may weight.
template <class T, class Launcher>
void rms_norm_backward(Launcher& launcher, std::size_t rows, std::size_t n, T const* x, double eps, T const* weight,
                       T const* dy, T* dx, T* dweight) {
  if (rows == 0 || (dx == nullptr && dweight == nullptr)) return;
  auto* const inverses = static_cast<T*>(launcher.workspace((rows + rows_parts(rows, n)) * sizeof(T)));
  device::for_each_row(launcher, rows, n, detail::RmsNormRow<true, T>{n, x, eps, weight, dy, dx, inverses});
  if (dweight != nullptr) {
    sum_rows<true>(launcher, rows, n, detail::RmsNormWeightTerm<T>{x, dy, inverses, n}, dweight, inverses + rows);
  }
}

}  // namespace ashlar::kernels::cuda
