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

/// Largest lane.
template <class T, std::size_t Lanes, class V>
ASHLAR_INLINE T maximum_of(V v) noexcept {
  if constexpr (Lanes == 2) {
    return v[0] > v[1] ? v[0] : v[1];
  } else {
    constexpr auto half = std::make_index_sequence<Lanes / 2>{};
    auto const low = slice<0>(v, half);
    auto const high = slice<Lanes / 2>(v, half);
    return maximum_of<T, Lanes / 2>(low > high ? low : high);
  }
}

/// Largest element. With a NaN among them any of them or NaN: the sum of exp is NaN whatever is subtracted.
template <class T>
ASHLAR_INLINE T maximum(std::size_t n, T const* x) noexcept {
  using S = Simd<T>;
  if (n >= S::lanes) {
    typename S::V m = S::load(x);
    for (std::size_t i = S::lanes; i + S::lanes <= n; i += S::lanes) {
      typename S::V const v = S::load(x + i);
      m = v > m ? v : m;
    }
    typename S::V const last = S::load(x + n - S::lanes);
    return maximum_of<T, S::lanes>(last > m ? last : m);
  }
  T largest = x[0];
  for (std::size_t i = 1; i < n; ++i) largest = x[i] > largest || largest != largest ? x[i] : largest;
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

/// out[r] = log of the sum of exp over row r. The logarithms, which are calls, come after the sums of some rows: no
/// vector survives a call. 32 x 10 floats, Zen 3, g++ 12 -O2: 709 ns; with a call after each row, and the
/// largest lane found one by one, 1257.
template <class T>
ASHLAR_TARGET void log_sum_exp(std::size_t rows, std::size_t classes, T const* x, T* out) noexcept {
  constexpr std::size_t most = 16;
  T total[most];
  for (std::size_t first = 0; first < rows; first += most) {
    std::size_t const some = rows - first < most ? rows - first : most;
    for (std::size_t r = 0; r < some; ++r, x += classes) {
      T const shift = maximum(classes, x);
      out[first + r] = shift;
      total[r] = exp_sum<false>(classes, x, shift, static_cast<T*>(nullptr));
    }
    for (std::size_t r = 0; r < some; ++r) out[first + r] += scalar::log(total[r]);
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
