// kernels/softmax/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// A row's sums run lane by lane and end in the tree of sum_each: an order that its length gives, not its place.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/softmax/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// exp of a vector; double goes element by element.
template <class T>
ASHLAR_INLINE typename Simd<T>::V exp_any(typename Simd<T>::V x) noexcept {
  if constexpr (sizeof(T) == 4) {
    return exp_of(x);
  } else {
    for (std::size_t i = 0; i < Simd<T>::lanes; ++i) x[i] = scalar::exp(x[i]);
    return x;
  }
}

/// Sum of the lanes, with the tree of sum_each.
template <class T>
ASHLAR_INLINE T sum_of(typename Simd<T>::V v) noexcept {
  T const zero = T(0);
  T out;
  add_sums<T, Simd<T>::lanes, 1>(&v, &zero, &out);
  return out;
}

/// Largest element but NaN.
template <class T>
ASHLAR_INLINE T maximum(std::size_t n, T const* x) noexcept {
  using S = Simd<T>;
  T largest = x[0];
  std::size_t i = 0;
  if (n >= S::lanes) {
    typename S::V m = S::load(x);
    for (i = S::lanes; i + S::lanes <= n; i += S::lanes) {
      typename S::V const v = S::load(x + i);
      m = v > m ? v : m;
    }
    typename S::V const last = S::load(x + n - S::lanes);
    m = last > m ? last : m;
    largest = m[0];
    for (std::size_t j = 1; j < S::lanes; ++j) largest = m[j] > largest || largest != largest ? m[j] : largest;
  } else {
    for (i = 1; i < n; ++i) largest = x[i] > largest || largest != largest ? x[i] : largest;
  }
  return largest;
}

/// Sum of exp(x - shift); y, unless null, takes the terms.
template <bool Store, class T>
ASHLAR_INLINE T exp_sum(std::size_t n, T const* x, T shift, [[maybe_unused]] T* y) noexcept {
  using S = Simd<T>;
  typename S::V total{};
  std::size_t i = 0;
  for (; i + S::lanes <= n; i += S::lanes) {
    typename S::V const e = exp_any<T>(S::load(x + i) - shift);
    if constexpr (Store) S::store(y + i, e);
    total = total + e;
  }
  if (i < n) {
    typename S::V e = exp_any<T>(S::load(x + i, n - i) - shift);
    if constexpr (Store) S::store(y + i, e, n - i);
    total = total + (S::load(ones<T>, n - i) > T(0) ? e : typename S::V{});
  }
  return sum_of<T>(total);
}

/// out[r] = log of the sum of exp over row r.
template <class T>
ASHLAR_TARGET void log_sum_exp(std::size_t rows, std::size_t classes, T const* x, T* out) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    T const shift = maximum(classes, x + r * classes);
    out[r] = shift + scalar::log(exp_sum<false>(classes, x + r * classes, shift, static_cast<T*>(nullptr)));
  }
}

template <class T>
ASHLAR_TARGET void softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  using S = Simd<T>;
  for (std::size_t r = 0; r < rows; ++r, x += classes, y += classes) {
    T const total = exp_sum<true>(classes, x, maximum(classes, x), y);
    std::size_t i = 0;
    for (; i + S::lanes <= classes; i += S::lanes) S::store(y + i, S::load(y + i) / total);
    if (i < classes) S::store(y + i, S::load(y + i, classes - i) / total, classes - i);
  }
}

template <class T>
ASHLAR_TARGET void log_softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  using S = Simd<T>;
  for (std::size_t r = 0; r < rows; ++r, x += classes, y += classes) {
    T const shift = maximum(classes, x);
    T const log_total = scalar::log(exp_sum<false>(classes, x, shift, y));
    std::size_t i = 0;
    for (; i + S::lanes <= classes; i += S::lanes) S::store(y + i, S::load(x + i) - shift - log_total);
    if (i < classes) S::store(y + i, S::load(x + i, classes - i) - shift - log_total, classes - i);
  }
}

/// dx[i] += factor * exp(x[i] - shift).
template <class T>
ASHLAR_TARGET void add_exp(std::size_t n, T const* x, T shift, T factor, T* dx) noexcept {
  using S = Simd<T>;
  std::size_t i = 0;
  for (; i + S::lanes <= n; i += S::lanes) {
    S::store(dx + i, S::load(dx + i) + factor * exp_any<T>(S::load(x + i) - shift));
  }
  if (i < n) S::store(dx + i, S::load(dx + i, n - i) + factor * exp_any<T>(S::load(x + i, n - i) - shift), n - i);
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
