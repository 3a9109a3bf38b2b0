// kernels/conv/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// Windows over padded planes, without patches: lanes run along a row of y. For few channels of y to a group, where a
// product of matrices has too few rows to pay for the patches.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/conv/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

consteval int even_lane(std::size_t lane, std::size_t lanes) noexcept {
  return static_cast<int>(lane < lanes / 2 ? 2 * lane : 2 * lane + 1);
}
/// p[0], p[Stride], ... and nothing behind the last of them.
template <std::size_t Stride, class T, std::size_t... I>
ASHLAR_INLINE typename Simd<T>::V load_every(T const* p, std::index_sequence<I...>) noexcept {
  using S = Simd<T>;
  typename S::V const a = S::load(p);
  if constexpr (Stride == 1) return a;
  else return __builtin_shufflevector(a, S::load(p + S::lanes - 1), even_lane(I, S::lanes)...);
}

/// N vectors of a row of y; the last one has `last` elements.
template <std::size_t Stride, std::size_t N, class T>
ASHLAR_INLINE void add_windows_at(PaddedPlanes const& g, std::size_t last, T const* x, T const* w, T* y) noexcept {
  using S = Simd<T>;
  constexpr auto all = std::make_index_sequence<S::lanes>{};
  typename S::V sum[N];
  ASHLAR_UNROLL
  for (std::size_t v = 0; v < N; ++v) {
    sum[v] = v + 1 < N || last == S::lanes ? S::load(y + v * S::lanes) : S::load(y + v * S::lanes, last);
  }
  for (std::size_t c = 0; c < g.planes; ++c) {
    for (std::size_t r = 0; r < g.kernel_rows; ++r) {
      T const* row = x + c * g.plane + r * g.next_row;
      for (std::size_t s = 0; s < g.kernel_columns; ++s, ++w, row += g.next_column) {
        typename S::V const weight = S::broadcast(*w);
        ASHLAR_UNROLL
        for (std::size_t v = 0; v < N; ++v) {
          sum[v] = S::fma(weight, load_every<Stride>(row + v * S::lanes * Stride, all), sum[v]);
        }
      }
    }
  }
  ASHLAR_UNROLL
  for (std::size_t v = 0; v < N; ++v) {
    if (v + 1 < N || last == S::lanes) S::store(y + v * S::lanes, sum[v]);
    else S::store(y + v * S::lanes, sum[v], last);
  }
}

template <class T>
ASHLAR_TARGET void fill_with(std::size_t n, T value, T* y) noexcept {
  using S = Simd<T>;
  typename S::V const v = S::broadcast(value);
  std::size_t i = 0;
  for (; i + S::lanes <= n; i += S::lanes) S::store(y + i, v);
  if (i < n) S::store(y + i, v, n - i);
}

/// y (rows, columns) += the products of w (planes, kernel_rows, kernel_columns) with x under its window, along w.
template <std::size_t Stride, class T>
ASHLAR_TARGET void add_windows(PaddedPlanes const& g, T const* x, T const* w, T* y) noexcept {
  constexpr std::size_t lanes = Simd<T>::lanes;
  for (std::size_t p = 0; p < g.rows; ++p, x += g.row_step, y += g.columns) {
    std::size_t q = 0;
    for (; q + lanes < g.columns; q += 2 * lanes) {
      std::size_t const last = g.columns - q - lanes;
      add_windows_at<Stride, 2>(g, last < lanes ? last : lanes, x + q * Stride, w, y + q);
    }
    if (q < g.columns) add_windows_at<Stride, 1>(g, g.columns - q, x + q * Stride, w, y + q);
  }
}

/// dw (kernel_rows, kernel_columns) += sums of dy (rows, columns) with x under its window: lane by lane, rows in order.
template <std::size_t Stride, class T>
ASHLAR_TARGET void add_window_gradients(PaddedPlanes const& g, T const* x, T const* dy, T* dw) noexcept {
  using S = Simd<T>;
  constexpr auto all = std::make_index_sequence<S::lanes>{};
  std::size_t const full = g.columns / S::lanes * S::lanes;
  std::size_t const rest = g.columns - full;
  for (std::size_t r = 0; r < g.kernel_rows; ++r) {
    for (std::size_t s = 0; s < g.kernel_columns; ++s, ++dw) {
      T const* from = x + r * g.next_row + s * g.next_column;
      T const* d = dy;
      typename S::V sum = S::zero();
      for (std::size_t p = 0; p < g.rows; ++p, from += g.row_step, d += g.columns) {
        for (std::size_t q = 0; q < full; q += S::lanes) {
          sum = S::fma(S::load(d + q), load_every<Stride>(from + q * Stride, all), sum);
        }
        if (rest > 0) {
          T end[S::lanes];  // so that what is not finite behind the row meets no zero
          S::store(end, load_every<Stride>(from + full * Stride, all));
          sum = S::fma(S::load(d + full, rest), S::load(end, rest), sum);
        }
      }
      add_sums<T, S::lanes, 1>(&sum, dw, dw);
    }
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
