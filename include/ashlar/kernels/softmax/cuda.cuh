// kernels/softmax/cuda.cuh: softmax and log_softmax over a dimension and their pullbacks, on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_rows_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// device/rows.cuh and strided_rows.cuh have the roofline: bandwidth, 8 bytes an element (12 the pullbacks), and two
// exponentials. Where `inner` is not 1, the elements of a row are that far apart, as those of dimension 1 of (outer,
// classes, inner), and rows are outer * inner.
#pragma once

#include <ashlar/kernels/device/strided_rows.cuh>
#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// The larger; a NaN if there is one.
template <class T>
ASHLAR_DEVICE T larger(T a, T b) {
  return a > b || a != a ? a : b;
}

/// Stage 0: the largest element; stage 1: the sum of exp(x - largest).
template <class T>
struct ExpSum {
  using Value = T;
  static constexpr unsigned stages = 2;
  T const* x;

  template <unsigned S>
  ASHLAR_DEVICE T none() const {
    return S == 0 ? -static_cast<T>(__builtin_huge_val()) : T(0);
  }
  template <unsigned S>
  ASHLAR_DEVICE T take(T a, std::size_t, std::size_t at, std::size_t, T const* before) const {
    if constexpr (S == 0) {
      return larger(a, x[at]);
    } else {
      return a + scalar::exp(x[at] - before[0]);
    }
  }
  template <unsigned S>
  ASHLAR_DEVICE T join(T a, T b) const {
    if constexpr (S == 0) {
      return larger(a, b);
    } else {
      return a + b;
    }
  }
  ASHLAR_DEVICE void write(std::size_t, std::size_t, std::size_t, T const*) const {}
  ASHLAR_DEVICE void finish(std::size_t, T const*) const {}
  /// log of the sum of exp, of the results; -infinity if all elements are.
  ASHLAR_DEVICE static T norm(T const* result) {
    return scalar::isinf(result[0]) && result[0] < T(0) ? result[0] : result[0] + scalar::log(result[1]);
  }
};

template <class T>
struct SoftmaxRow : ExpSum<T> {
  T* y;
  ASHLAR_DEVICE void write(std::size_t, std::size_t at, std::size_t, T const* result) const {
    y[at] = scalar::exp(this->x[at] - result[0]) / result[1];
  }
};

template <class T>
struct LogSoftmaxRow : ExpSum<T> {
  T* y;
  ASHLAR_DEVICE void write(std::size_t, std::size_t at, std::size_t, T const* result) const {
    y[at] = this->x[at] - result[0] - scalar::log(result[1]);
  }
};

template <class T>
struct LogSumExpRow : ExpSum<T> {
  T* out;
  ASHLAR_DEVICE void finish(std::size_t row, T const* result) const { out[row] = this->norm(result); }
};

/// One stage: the sum of dy * y, or of dy.
template <bool Log, class T>
struct SoftmaxPullbackRow {
  using Value = T;
  static constexpr unsigned stages = 1;
  T const* y;
  T const* dy;
  T* dx;

  template <unsigned S>
  ASHLAR_DEVICE T none() const {
    return T(0);
  }
  template <unsigned S>
  ASHLAR_DEVICE T take(T a, std::size_t, std::size_t at, std::size_t, T const*) const {
    return Log ? a + dy[at] : a + dy[at] * y[at];
  }
  template <unsigned S>
  ASHLAR_DEVICE T join(T a, T b) const {
    return a + b;
  }
  ASHLAR_DEVICE void write(std::size_t, std::size_t at, std::size_t, T const* result) const {
    dx[at] += Log ? dy[at] - scalar::exp(y[at]) * result[0] : y[at] * (dy[at] - result[0]);
  }
  ASHLAR_DEVICE void finish(std::size_t, T const*) const {}
};

}  // namespace detail

/// y = softmax(x) over the classes: x (rows, classes) -> y (rows, classes); y may be x.
template <class T, class Launcher>
void softmax(Launcher& launcher, std::size_t rows, std::size_t classes, T const* x, T* y, std::size_t inner = 1) {
  if (classes != 0) device::for_each_strided_row(launcher, rows, classes, inner, detail::SoftmaxRow<T>{{x}, y});
}

/// y = log_softmax(x) over the classes; y may be x.
template <class T, class Launcher>
void log_softmax(Launcher& launcher, std::size_t rows, std::size_t classes, T const* x, T* y, std::size_t inner = 1) {
  if (classes != 0) device::for_each_strided_row(launcher, rows, classes, inner, detail::LogSoftmaxRow<T>{{x}, y});
}

/// out[r] = log of the sum of exp over row r of x (rows, classes); classes > 0.
template <class T, class Launcher>
void log_sum_exp(Launcher& launcher, std::size_t rows, std::size_t classes, T const* x, T* out) {
  device::for_each_row(launcher, rows, classes, detail::LogSumExpRow<T>{{x}, out});
}

/// dx += y * (dy - sum(dy * y)), where y = softmax(x).
template <class T, class Launcher>
void softmax_pullback(Launcher& launcher, std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx,
                      std::size_t inner = 1) {
  device::for_each_strided_row(launcher, rows, classes, inner, detail::SoftmaxPullbackRow<false, T>{y, dy, dx});
}

/// dx += dy - exp(y) * sum(dy), where y = log_softmax(x).
template <class T, class Launcher>
void log_softmax_pullback(Launcher& launcher, std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx,
                          std::size_t inner = 1) {
  device::for_each_strided_row(launcher, rows, classes, inner, detail::SoftmaxPullbackRow<true, T>{y, dy, dx});
}

}  // namespace ashlar::kernels::cuda
