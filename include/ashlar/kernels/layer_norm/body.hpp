// kernels/layer_norm/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// Rows whose elements each have a weight: lanes run along the row.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/layer_norm/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// y = (x - center) * scale * weight + bias; weight and bias may be null.
template <class T>
ASHLAR_TARGET void normalize_row(std::size_t n, T const* x, T center, T scale, T const* weight, T const* bias,
                                 T* y) noexcept {
  using S = Simd<T>;
  std::size_t i = 0;
  for (; i + S::lanes <= n; i += S::lanes) {
    typename S::V v = (S::load(x + i) - center) * scale;
    if (weight != nullptr) v = v * S::load(weight + i);
    if (bias != nullptr) v = v + S::load(bias + i);
    S::store(y + i, v);
  }
  if (i == n) return;
  typename S::V v = (S::load(x + i, n - i) - center) * scale;
  if (weight != nullptr) v = v * S::load(weight + i, n - i);
  if (bias != nullptr) v = v + S::load(bias + i, n - i);
  S::store(y + i, v, n - i);
}

/// dweight += dy * (x - center) * scale, dbias += dy; either may be null.
template <class T>
ASHLAR_TARGET void add_row_gradients(std::size_t n, T const* x, T const* dy, T center, T scale, T* dweight,
                                     T* dbias) noexcept {
  using S = Simd<T>;
  for (std::size_t i = 0; i < n; i += S::lanes) {
    if (n - i >= S::lanes) {
      typename S::V const d = S::load(dy + i);
      typename S::V const h = (S::load(x + i) - center) * scale;
      if (dweight != nullptr) S::store(dweight + i, S::fma(d, h, S::load(dweight + i)));
      if (dbias != nullptr) S::store(dbias + i, d + S::load(dbias + i));
    } else {
      std::size_t const some = n - i;
      typename S::V const d = S::load(dy + i, some);
      typename S::V const h = (S::load(x + i, some) - center) * scale;
      if (dweight != nullptr) S::store(dweight + i, S::fma(d, h, S::load(dweight + i, some)), some);
      if (dbias != nullptr) S::store(dbias + i, d + S::load(dbias + i, some), some);
    }
  }
}

/// Sums over a row of g = dy * weight and of g * (x - center); weight may be null.
template <class T>
ASHLAR_TARGET RowSums sums_of_row(std::size_t n, T const* x, T const* dy, T const* weight, double center) noexcept {
  using S = Simd<T>;
  using D = Simd<double>;
  typename D::V sum[wide<T>] = {};
  typename D::V product[wide<T>] = {};
  std::size_t i = 0;
  for (; i + S::lanes <= n; i += S::lanes) {
    typename S::V g = S::load(dy + i);
    if (weight != nullptr) g = g * S::load(weight + i);
    typename D::V wide_g[wide<T>];
    typename D::V wide_x[wide<T>];
    widen<T>(g, wide_g);
    widen<T>(S::load(x + i), wide_x);
    ASHLAR_UNROLL
    for (std::size_t k = 0; k < wide<T>; ++k) {
      sum[k] = sum[k] + wide_g[k];
      product[k] = D::fma(wide_g[k], wide_x[k] - center, product[k]);
    }
  }
  RowSums rest;
  for (; i < n; ++i) {
    double const g = static_cast<double>(weight != nullptr ? dy[i] * weight[i] : dy[i]);
    rest.sum += g;
    rest.product += g * (static_cast<double>(x[i]) - center);
  }
  for (std::size_t k = 1; k < wide<T>; ++k) {
    sum[0] = sum[0] + sum[k];
    product[0] = product[0] + product[k];
  }
  for (std::size_t k = 0; k < D::lanes; ++k) {
    rest.sum += sum[0][k];
    rest.product += product[0][k];
  }
  return rest;
}

/// dx += scale * (dy * weight - offset - (x - center) * slope); weight may be null.
template <class T>
ASHLAR_TARGET void add_row_slopes(std::size_t n, T const* x, T const* dy, T const* weight, T center, T scale, T offset,
                                  T slope, T* dx) noexcept {
  using S = Simd<T>;
  for (std::size_t i = 0; i < n; i += S::lanes) {
    if (n - i >= S::lanes) {
      typename S::V g = S::load(dy + i);
      if (weight != nullptr) g = g * S::load(weight + i);
      S::store(dx + i, S::load(dx + i) + (g - offset - (S::load(x + i) - center) * slope) * scale);
    } else {
      std::size_t const some = n - i;
      typename S::V g = S::load(dy + i, some);
      if (weight != nullptr) g = g * S::load(weight + i, some);
      S::store(dx + i, S::load(dx + i, some) + (g - offset - (S::load(x + i, some) - center) * slope) * scale, some);
    }
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
