// kernels/reduce/cuda.cuh: sums and tests over a flat block on the GPU; results are stored through the last pointer.
// SPDX-License-Identifier: BSL-1.0
//
// Every order is fixed by the sizes alone (fold.cuh, rows.cuh): the same input gives the same bits on every GPU.
#pragma once

#include <ashlar/kernels/reduce/fold.cuh>
#include <ashlar/kernels/reduce/rows.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

template <class T>
struct SumOf {
  using Value = double;
  T const* x;
  ASHLAR_DEVICE double none() const { return 0; }
  ASHLAR_DEVICE double take(double a, std::size_t i) const { return a + static_cast<double>(x[i]); }
  ASHLAR_DEVICE double join(double a, double b) const { return a + b; }
};

template <class T>
struct SumOfSquares {
  using Value = double;
  T const* x;
  ASHLAR_DEVICE double none() const { return 0; }
  ASHLAR_DEVICE double take(double a, std::size_t i) const {
    double const v = static_cast<double>(x[i]);
    return a + v * v;
  }
  ASHLAR_DEVICE double join(double a, double b) const { return a + b; }
};

template <class T>
struct AllFinite {
  using Value = int;
  T const* x;
  ASHLAR_DEVICE int none() const { return 1; }
  ASHLAR_DEVICE int take(int a, std::size_t i) const { return x[i] - x[i] == T(0) ? a : 0; }
  ASHLAR_DEVICE int join(int a, int b) const { return a & b; }
};

template <class T>
struct Largest {
  T value;
  bool set;
  std::size_t index;
};
/// The first of equals, and the first NaN before all.
template <class T>
struct Argmax {
  using Value = Largest<T>;
  T const* x;
  ASHLAR_DEVICE Value none() const { return {T(0), false, 0}; }
  ASHLAR_DEVICE Value take(Value a, std::size_t i) const { return join(a, {x[i], true, i}); }
  ASHLAR_DEVICE Value join(Value a, Value b) const {
    if (!b.set || !a.set) return a.set ? a : b;
    bool const a_nan = a.value != a.value;
    bool const b_nan = b.value != b.value;
    bool const equal = a_nan ? b_nan : a.value == b.value;
    if (equal) return a.index < b.index ? a : b;
    return a_nan || (!b_nan && a.value > b.value) ? a : b;
  }
};

/// *out = value / by, in double and rounded once.
template <class T>
struct StoreQuotient {
  double by;
  T* out;
  ASHLAR_DEVICE void operator()(double value) const { *out = static_cast<T>(value / by); }
};
template <class T>
struct StoreValue {
  T* out;
  template <class Value>
  ASHLAR_DEVICE void operator()(Value value) const {
    *out = static_cast<T>(value);
  }
};
struct StoreNot {
  bool* out;
  ASHLAR_DEVICE void operator()(int value) const { *out = value == 0; }
};
struct StoreIndex {
  std::size_t* out;
  template <class T>
  ASHLAR_DEVICE void operator()(Largest<T> const& value) const {
    *out = value.index;
  }
};

}  // namespace detail

/// *out = sum of x[0..n), added in double.
template <class T, class Launcher>
void sum(Launcher& launcher, std::size_t n, T const* x, T* out) {
  fold(launcher, n, detail::SumOf<T>{x}, detail::StoreValue<T>{out});
}

/// *out = sum / n; NaN for n = 0, as in PyTorch.
template <class T, class Launcher>
void mean(Launcher& launcher, std::size_t n, T const* x, T* out) {
  fold(launcher, n, detail::SumOf<T>{x}, detail::StoreQuotient<T>{static_cast<double>(n), out});
}

/// *out = sum of x[i]^2 in double: for norms and gradient clipping.
template <class T, class Launcher>
void sum_of_squares(Launcher& launcher, std::size_t n, T const* x, double* out) {
  fold(launcher, n, detail::SumOfSquares<T>{x}, detail::StoreValue<double>{out});
}

/// *out: every element is neither infinite nor NaN.
template <class T, class Launcher>
void all_finite(Launcher& launcher, std::size_t n, T const* x, bool* out) {
  fold(launcher, n, detail::AllFinite<T>{x}, detail::StoreValue<bool>{out});
}

/// *out: an element is infinite or NaN.
template <class T, class Launcher>
void any_non_finite(Launcher& launcher, std::size_t n, T const* x, bool* out) {
  fold(launcher, n, detail::AllFinite<T>{x}, detail::StoreNot{out});
}

/// *out = index of the largest element; the first of equals, and the first NaN before all (as torch.argmax).
template <class T, class Launcher>
void argmax(Launcher& launcher, std::size_t n, T const* x, std::size_t* out) {
  fold(launcher, n, detail::Argmax<T>{x}, detail::StoreIndex{out});
}

}  // namespace ashlar::kernels::cuda
