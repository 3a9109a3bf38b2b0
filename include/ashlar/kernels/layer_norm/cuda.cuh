// kernels/layer_norm/cuda.cuh: normalisation of rows and its pullback on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that n alone fixes (device/rows.cuh): two or four additions of doubles an element of
// 8 or 16 bytes. At 1/64 of the float rate (RTX 4070 mobile: 0.24 TF/s) that is 0.06e12 elements a second, 0.5 TB/s:
// twice the bandwidth there, and no limit on an H200.
#pragma once

#include <ashlar/kernels/device/rows.cuh>
#include <ashlar/kernels/reduce/rows.cuh>
#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// Stage 0: the sum; stage 1: the squares about the mean.
template <class T>
struct RowMoments {
  using Value = double;
  static constexpr unsigned stages = 2;
  T const* x;
  std::size_t n;
  double eps;

  template <unsigned S>
  ASHLAR_DEVICE double none() const {
    return 0;
  }
  template <unsigned S>
  ASHLAR_DEVICE double take(double a, std::size_t, std::size_t at, std::size_t, double const* before) const {
    if constexpr (S == 0) {
      return a + static_cast<double>(x[at]);
    } else {
      double const d = static_cast<double>(x[at]) - mean(before);
      return a + d * d;
    }
  }
  template <unsigned S>
  ASHLAR_DEVICE double join(double a, double b) const {
    return a + b;
  }
  ASHLAR_DEVICE double mean(double const* result) const { return result[0] / static_cast<double>(n); }
  ASHLAR_DEVICE double inverse(double const* result) const {
    return 1 / scalar::sqrt(result[1] / static_cast<double>(n) + eps);
  }
};

template <class T>
struct LayerNormRow : RowMoments<T> {
  T const* weight;
  T const* bias;
  T* y;
  ASHLAR_DEVICE void write(std::size_t, std::size_t at, std::size_t i, double const* result) const {
    T value = (this->x[at] - static_cast<T>(this->mean(result))) * static_cast<T>(this->inverse(result));
    if (weight != nullptr) value *= weight[i];
    if (bias != nullptr) value += bias[i];
    y[at] = value;
  }
  ASHLAR_DEVICE void finish(std::size_t, double const*) const {}
};

/// Center and inverse deviation of a row, for the pullback of the weight.
template <class S>
struct RowScale {
  S center;
  S inverse;
};

/// Each element of a row has a weight of its own.
struct WeightOfElement {
  ASHLAR_DEVICE std::size_t of(std::size_t, std::size_t i) const { return i; }
};

/// Pullback of LayerNorm and GroupNorm, whose rows' elements have weight place.of(row, i). Stage 2: the sum of g = dy *
/// weight; stage 3: of g * (x - mean).
template <class T, class Place, class Scale>
struct NormPullbackRow : RowMoments<T> {
  static constexpr unsigned stages = 4;
  Place place;
  T const* weight;
  T const* dy;
  T* dx;  // or null
  RowScale<Scale>* scales;  // (rows)

  ASHLAR_DEVICE T g(std::size_t row, std::size_t at, std::size_t i) const {
    return weight != nullptr ? dy[at] * weight[place.of(row, i)] : dy[at];
  }
  template <unsigned S>
  ASHLAR_DEVICE double take(double a, std::size_t row, std::size_t at, std::size_t i, double const* before) const {
    if constexpr (S < 2) {
      return RowMoments<T>::template take<S>(a, row, at, i, before);
    } else if constexpr (S == 2) {
      return a + static_cast<double>(g(row, at, i));
    } else {
      return a + static_cast<double>(g(row, at, i)) * (static_cast<double>(this->x[at]) - this->mean(before));
    }
  }
  /// dx += inverse * (g - mean of g - h * mean of g * h), h = (x - mean) * inverse
  ASHLAR_DEVICE void write(std::size_t row, std::size_t at, std::size_t i, double const* result) const {
    if (dx == nullptr) return;
    double const size = static_cast<double>(this->n);
    double const inverse = this->inverse(result);
    T const offset = static_cast<T>(result[2] / size);
    T const by_x = static_cast<T>(inverse * inverse * result[3] / size);
    T const centered = this->x[at] - static_cast<T>(this->mean(result));
    dx[at] += static_cast<T>(inverse) * (g(row, at, i) - offset - centered * by_x);
  }
  ASHLAR_DEVICE void finish(std::size_t row, double const* result) const {
    scales[row] = {static_cast<Scale>(this->mean(result)), static_cast<Scale>(this->inverse(result))};
  }
};

template <class T>
struct LayerNormWeightTerm {
  T const* x;
  T const* dy;
  RowScale<T> const* scales;
  std::size_t n;
  ASHLAR_DEVICE T operator()(std::size_t r, std::size_t i) const {
    return dy[r * n + i] * ((x[r * n + i] - scales[r].center) * scales[r].inverse);
  }
};

}  // namespace detail

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, mean and biased variance those of each row: x, y (rows, n),
/// weight, bias (n) or null.
///
/// Before  y overlaps no input.
template <class T, class Launcher>
void layer_norm(Launcher& launcher, std::size_t rows, std::size_t n, T const* x, double eps, T const* weight,
                T const* bias, T* y) {
  device::for_each_row(launcher, rows, n, detail::LayerNormRow<T>{{x, n, eps}, weight, bias, y});
}

/// Pullback of layer_norm; computes the statistics again. Adds to dx, dweight and dbias; any of them may be null, and
/// so may weight.
template <class T, class Launcher>
void layer_norm_backward(Launcher& launcher, std::size_t rows, std::size_t n, T const* x, double eps, T const* weight,
                         T const* dy, T* dx, T* dweight, T* dbias) {
  if (rows == 0) return;
  auto* const scales = static_cast<detail::RowScale<T>*>(
      launcher.workspace(rows * sizeof(detail::RowScale<T>) + rows_parts(rows, n) * sizeof(T)));
  T* const parts = reinterpret_cast<T*>(scales + rows);
  if (dx != nullptr || dweight != nullptr) {
    device::for_each_row(
        launcher, rows, n,
        detail::NormPullbackRow<T, detail::WeightOfElement, T>{{x, n, eps}, {}, weight, dy, dx, scales});
  }
  if (dweight != nullptr) {
    sum_rows<true>(launcher, rows, n, detail::LayerNormWeightTerm<T>{x, dy, scales, n}, dweight, parts);
  }
  if (dbias != nullptr) sum_rows<true>(launcher, rows, n, ElementOf<T>{dy, n}, dbias, parts);
}

}  // namespace ashlar::kernels::cuda
