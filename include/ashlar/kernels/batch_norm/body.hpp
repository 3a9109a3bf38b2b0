// kernels/batch_norm/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// Lanes run along a plane (..._plane), or, where a plane is one value, along the channels (..._columns).
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/batch_norm/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// Vectors of double for one of T.
template <class T>
inline constexpr std::size_t wide = sizeof(double) / sizeof(T);

template <class T>
ASHLAR_INLINE void widen(typename Simd<T>::V v, typename Simd<double>::V* out) noexcept {
  if constexpr (wide<T> == 1) {
    out[0] = v;
  } else {
    constexpr auto half = std::make_index_sequence<Simd<double>::lanes>{};
    out[0] = __builtin_convertvector(slice<0>(v, half), typename Simd<double>::V);
    out[1] = __builtin_convertvector(slice<Simd<double>::lanes>(v, half), typename Simd<double>::V);
  }
}

/// sum += the terms of M for one vector.
template <Moment M, class T>
ASHLAR_INLINE void add_terms(typename Simd<T>::V x, typename Simd<T>::V dy, typename Simd<double>::V const* center,
                             typename Simd<double>::V* sum) noexcept {
  using D = Simd<double>;
  typename D::V wide_x[wide<T>];
  typename D::V wide_dy[wide<T>];
  widen<T>(x, wide_x);
  if constexpr (M == Moment::product) widen<T>(dy, wide_dy);
  ASHLAR_UNROLL
  for (std::size_t k = 0; k < wide<T>; ++k) {
    if constexpr (M == Moment::sum) {
      sum[k] = sum[k] + wide_x[k];
    } else {
      typename D::V const d = wide_x[k] - center[k];
      sum[k] = D::fma(M == Moment::square ? d : wide_dy[k], d, sum[k]);
    }
  }
}

template <Moment M, class T>
ASHLAR_TARGET double sum_of_plane(Planes const& planes, std::size_t c, T const* x, T const* dy,
                                  double center) noexcept {
  using S = Simd<T>;
  using D = Simd<double>;
  typename D::V sum[2 * wide<T>] = {};
  typename D::V centers[wide<T>];
  for (std::size_t k = 0; k < wide<T>; ++k) centers[k] = D::broadcast(center);
  double rest = 0;
  for (std::size_t n = 0; n < planes.images; ++n) {
    std::size_t const at = (n * planes.channels + c) * planes.area;
    T const* const p = x + at;
    T const* const q = M == Moment::product ? dy + at : p;
    std::size_t i = 0;
    for (; i + 2 * S::lanes <= planes.area; i += 2 * S::lanes) {
      add_terms<M, T>(S::load(p + i), S::load(q + i), centers, sum);
      add_terms<M, T>(S::load(p + i + S::lanes), S::load(q + i + S::lanes), centers, sum + wide<T>);
    }
    for (; i < planes.area; ++i) {
      double const d = static_cast<double>(p[i]) - center;
      if constexpr (M == Moment::sum) rest += static_cast<double>(p[i]);
      else rest += (M == Moment::square ? d : static_cast<double>(q[i])) * d;
    }
  }
  typename D::V all = sum[0];
  for (std::size_t k = 1; k < 2 * wide<T>; ++k) all = all + sum[k];
  for (std::size_t i = 0; i < D::lanes; ++i) rest += all[i];
  return rest;
}

/// Elements of a vector that begins at `at` of n.
ASHLAR_INLINE std::size_t elements_at(std::size_t at, std::size_t n, std::size_t lanes) noexcept {
  return at >= n ? 0 : n - at < lanes ? n - at : lanes;
}

/// out[j] = the sum of M over the images, j < count columns of `channels`.
template <Moment M, class T>
ASHLAR_TARGET void sums_of_columns(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* dy,
                                   double const* center, double* out) noexcept {
  using S = Simd<T>;
  using D = Simd<double>;
  for (std::size_t j = 0; j < count; j += S::lanes) {
    std::size_t const n = elements_at(j, count, S::lanes);
    typename D::V sum[wide<T>] = {};
    typename D::V centers[wide<T>] = {};
    for (std::size_t k = 0; M != Moment::sum && k < wide<T>; ++k) {
      centers[k] = D::load(center + j + k * D::lanes, elements_at(j + k * D::lanes, count, D::lanes));
    }
    for (std::size_t i = 0; i < images; ++i) {
      T const* const p = x + i * channels + j;
      T const* const q = M == Moment::product ? dy + i * channels + j : p;
      if (n == S::lanes) add_terms<M, T>(S::load(p), S::load(q), centers, sum);
      else add_terms<M, T>(S::load(p, n), S::load(q, n), centers, sum);
    }
    for (std::size_t k = 0; k < wide<T>; ++k) {
      D::store(out + j + k * D::lanes, sum[k], elements_at(j + k * D::lanes, count, D::lanes));
    }
  }
}

/// y = (x - center) * scale + shift.
template <class V>
ASHLAR_INLINE V scaled(V x, V center, V scale, V shift) noexcept {
  return (x - center) * scale + shift;
}

template <class T>
ASHLAR_TARGET void scale_plane(std::size_t n, T const* x, T center, T scale, T shift, T* y) noexcept {
  using S = Simd<T>;
  typename S::V const c = S::broadcast(center);
  typename S::V const f = S::broadcast(scale);
  typename S::V const s = S::broadcast(shift);
  std::size_t i = 0;
  for (; i + S::lanes <= n; i += S::lanes) S::store(y + i, scaled(S::load(x + i), c, f, s));
  if (i < n) S::store(y + i, scaled(S::load(x + i, n - i), c, f, s), n - i);
}

template <class T>
ASHLAR_TARGET void scale_columns(std::size_t images, std::size_t channels, std::size_t count, T const* x,
                                 T const* center, T const* scale, T const* shift, T* y) noexcept {
  using S = Simd<T>;
  for (std::size_t i = 0; i < images; ++i, x += channels, y += channels) {
    std::size_t j = 0;
    for (; j + S::lanes <= count; j += S::lanes) {
      S::store(y + j, scaled(S::load(x + j), S::load(center + j), S::load(scale + j), S::load(shift + j)));
    }
    if (std::size_t const n = count - j; n > 0) {
      S::store(y + j, scaled(S::load(x + j, n), S::load(center + j, n), S::load(scale + j, n), S::load(shift + j, n)),
               n);
    }
  }
}

/// dx += by_dy * dy + (by_x * (x - center) + offset).
template <class V>
ASHLAR_INLINE V sloped(V dx, V dy, V x, V center, V by_dy, V by_x, V offset) noexcept {
  return dx + (by_dy * dy + (by_x * (x - center) + offset));
}

template <class T>
ASHLAR_TARGET void slope_plane(std::size_t n, T const* x, T const* dy, T center, T by_dy, T by_x, T offset,
                               T* dx) noexcept {
  using S = Simd<T>;
  typename S::V const c = S::broadcast(center);
  typename S::V const d = S::broadcast(by_dy);
  typename S::V const f = S::broadcast(by_x);
  typename S::V const o = S::broadcast(offset);
  std::size_t i = 0;
  for (; i + S::lanes <= n; i += S::lanes) {
    S::store(dx + i, sloped(S::load(dx + i), S::load(dy + i), S::load(x + i), c, d, f, o));
  }
  if (std::size_t const m = n - i; m > 0) {
    S::store(dx + i, sloped(S::load(dx + i, m), S::load(dy + i, m), S::load(x + i, m), c, d, f, o), m);
  }
}

template <class T>
ASHLAR_TARGET void slope_columns(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* dy,
                                 T const* center, T const* by_dy, T const* by_x, T const* offset, T* dx) noexcept {
  using S = Simd<T>;
  for (std::size_t i = 0; i < images; ++i, x += channels, dy += channels, dx += channels) {
    std::size_t j = 0;
    for (; j + S::lanes <= count; j += S::lanes) {
      S::store(dx + j, sloped(S::load(dx + j), S::load(dy + j), S::load(x + j), S::load(center + j), S::load(by_dy + j),
                              S::load(by_x + j), S::load(offset + j)));
    }
    if (std::size_t const n = count - j; n > 0) {
      S::store(dx + j,
               sloped(S::load(dx + j, n), S::load(dy + j, n), S::load(x + j, n), S::load(center + j, n),
                      S::load(by_dy + j, n), S::load(by_x + j, n), S::load(offset + j, n)),
               n);
    }
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
