// kernels/conv/patches.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// A convolution as a product whose right side is never there: patches go from the planes of phases.hpp into the panel
// that outer_panel reads, two vectors of positions wide, and nowhere else.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/conv/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// Where the lanes of a vector of positions lie: those of one row of y side by side. Lanes from lane[i] on are read at
/// at[i], as if all were of their row. Lanes behind the last position are read anywhere.
template <class T>
struct RowsOfVector {
  std::size_t count = 0;
  std::ptrdiff_t at[Simd<T>::lanes];
  std::size_t lane[Simd<T>::lanes];
};
template <class T>
ASHLAR_TARGET inline RowsOfVector<T> rows_of_vector(PhasedPlanes const& g, std::size_t position,
                                                    std::size_t positions) noexcept {
  RowsOfVector<T> v;
  std::size_t p = position / g.columns;
  std::size_t q = position % g.columns;
  for (std::size_t lane = 0; lane < Simd<T>::lanes && position + lane < positions; ++p, q = 0) {
    v.at[v.count] = static_cast<std::ptrdiff_t>(p * g.row_step + q) - static_cast<std::ptrdiff_t>(lane);
    v.lane[v.count] = lane;
    lane += g.columns - q;
    ++v.count;
  }
  if (v.count < Simd<T>::lanes) {  // one more, of no lanes
    v.at[v.count] = v.at[0];
    v.lane[v.count] = Simd<T>::lanes;
  }
  return v;
}

/// The lanes from `first` on of a.
template <class T, std::size_t... I>
ASHLAR_INLINE typename Simd<T>::V from_lane(std::size_t first, typename Simd<T>::V a, typename Simd<T>::V b,
                                            std::index_sequence<I...>) noexcept {
  using N = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  typedef N M __attribute__((vector_size(sizeof(a))));
  M const lanes = {static_cast<N>(I)...};
  return lanes >= static_cast<N>(first) ? a : b;
}

/// One vector of a patch element.
template <std::size_t Rows, class T>
ASHLAR_INLINE typename Simd<T>::V load_rows(RowsOfVector<T> const& v, T const* x) noexcept {
  using S = Simd<T>;
  constexpr auto all = std::make_index_sequence<S::lanes>{};
  typename S::V r = S::load(x + v.at[0]);
  if constexpr (Rows == 0) {
    for (std::size_t i = 1; i < v.count; ++i) r = from_lane<T>(v.lane[i], S::load(x + v.at[i]), r, all);
  } else {
    ASHLAR_UNROLL
    for (std::size_t i = 1; i < Rows; ++i) r = from_lane<T>(v.lane[i], S::load(x + v.at[i]), r, all);
  }
  return r;
}

/// panel[i] = elements k + i, i < n, of the patches at two vectors of positions, which lie in Rows rows each (0: any
/// number).
template <std::size_t Rows, class T>
ASHLAR_INLINE void pack_patches(PhasedPlanes const& g, RowsOfVector<T> const& a, RowsOfVector<T> const& b,
                                std::size_t k, std::size_t n, T const* x, T* panel) noexcept {
  using S = Simd<T>;
  std::size_t s = k % g.kernel_columns;
  std::size_t r = k / g.kernel_columns % g.kernel_rows;
  T const* plane = x + k / g.kernel_columns / g.kernel_rows * g.plane;
  for (T* const end = panel + n * 2 * S::lanes; panel != end; panel += 2 * S::lanes) {
    std::size_t const column = s * g.dilation;
    std::size_t const shift = g.stride == 1 ? column : column % g.stride * g.phase + column / g.stride;
    T const* const from = plane + r * g.next_row + shift;
    S::store(panel, load_rows<Rows>(a, from));
    S::store(panel + S::lanes, load_rows<Rows>(b, from));
    if (++s == g.kernel_columns) {
      s = 0;
      if (++r == g.kernel_rows) {
        r = 0;
        plane += g.plane;
      }
    }
  }
}

/// c (m, columns), at most two vectors of them, += a (m, k) * panel (k, two vectors).
template <class T>
ASHLAR_TARGET __attribute__((noinline)) void panel_products(std::size_t m, std::size_t k, std::size_t columns,
                                                            T const* a, std::size_t lda, T const* panel, T* c,
                                                            std::size_t ldc) noexcept {
  constexpr std::size_t width = 2 * Simd<T>::lanes;
  if (columns >= width) {
    outer_panel<outer_rows, Identity>(m, k, a, lda, std::size_t{1}, panel, width, static_cast<T const*>(c), ldc, c,
                                      ldc);
    return;
  }
  constexpr std::size_t some_rows = 2 * outer_rows;
  T block[some_rows * width] = {};
  for (std::size_t i = 0; i < m; i += some_rows) {
    std::size_t const rows = m - i < some_rows ? m - i : some_rows;
    copy_block(rows, columns, static_cast<T const*>(c) + i * ldc, ldc, block, width);
    outer_panel<outer_rows, Identity>(rows, k, a + i * lda, lda, std::size_t{1}, panel, width,
                                      static_cast<T const*>(block), width, block, width);
    copy_block(rows, columns, static_cast<T const*>(block), width, c + i * ldc, ldc);
  }
}

/// y (outs, positions), rows area apart, += weight (outs, patch) * patches of x, laid out as g says.
template <class T>
ASHLAR_TARGET __attribute__((noinline)) void add_patch_products(PhasedPlanes const& g, std::size_t outs,
                                                                std::size_t patch, std::size_t positions, T const* x,
                                                                T const* weight, T* y, std::size_t area) noexcept {
  constexpr std::size_t lanes = Simd<T>::lanes;
  constexpr std::size_t width = 2 * lanes;
  alignas(64) T panel[outer_block * width];
  for (std::size_t k = 0; k < patch; k += outer_block) {
    std::size_t const some = patch - k < outer_block ? patch - k : outer_block;
    for (std::size_t j = 0; j < positions; j += width) {
      RowsOfVector<T> const a = rows_of_vector<T>(g, j, positions);
      RowsOfVector<T> const b = positions - j > lanes ? rows_of_vector<T>(g, j + lanes, positions) : a;
      if (a.count == 1 && b.count == 1) pack_patches<1>(g, a, b, k, some, x, panel);
      else if (a.count <= 2 && b.count <= 2) pack_patches<2>(g, a, b, k, some, x, panel);
      else pack_patches<0>(g, a, b, k, some, x, panel);
      panel_products(outs, some, positions - j, weight + k, patch, static_cast<T const*>(panel), y + j, area);
    }
  }
}

/// panel[i] = elements k to k + two vectors of the patches at position p + i, i < n.
template <class T>
ASHLAR_TARGET __attribute__((noinline)) void pack_positions(PhasedPlanes const& g, std::size_t patch, std::size_t k,
                                                            std::size_t p, std::size_t n, T const* x,
                                                            T* panel) noexcept {
  using S = Simd<T>;
  constexpr std::size_t width = 2 * S::lanes;
  T const* from[width];
  for (std::size_t e = 0; e < width; ++e) {
    std::size_t const element = k + e < patch ? k + e : k;
    std::size_t const column = element % g.kernel_columns * g.dilation;
    std::size_t const row = element / g.kernel_columns % g.kernel_rows;
    from[e] = x + element / g.kernel_columns / g.kernel_rows * g.plane + row * g.next_row +
              column % g.stride * g.phase + column / g.stride;
  }
  for (std::size_t i = 0; i < n; i += S::lanes) {
    RowsOfVector<T> const rows = rows_of_vector<T>(g, p + i, p + n);
    for (std::size_t half = 0; half < width; half += S::lanes) {
      typename S::V v[S::lanes];
      typename S::V turned[S::lanes];
      if (rows.count <= 2) {
        ASHLAR_UNROLL
        for (std::size_t e = 0; e < S::lanes; ++e) v[e] = load_rows<2>(rows, from[half + e]);
      } else {
        for (std::size_t e = 0; e < S::lanes; ++e) v[e] = load_rows<0>(rows, from[half + e]);
      }
      transpose<T>(v, turned);
      T* const to = panel + i * width + half;
      if (n - i >= S::lanes) {
        ASHLAR_UNROLL
        for (std::size_t e = 0; e < S::lanes; ++e) S::store(to + e * width, turned[e]);
      } else {
        for (std::size_t e = 0; e < n - i; ++e) S::store(to + e * width, turned[e]);
      }
    }
  }
}

/// dweight (outs, patch) += dy (outs, positions), rows area apart, * transpose(patches of x, laid out as g says).
template <class T>
ASHLAR_TARGET __attribute__((noinline)) void add_patch_gradients(PhasedPlanes const& g, std::size_t outs,
                                                                 std::size_t patch, std::size_t positions, T const* x,
                                                                 T const* dy, std::size_t area, T* dweight) noexcept {
  constexpr std::size_t width = 2 * Simd<T>::lanes;
  alignas(64) T panel[outer_block * width];
  for (std::size_t p = 0; p < positions; p += outer_block) {
    std::size_t const some = positions - p < outer_block ? positions - p : outer_block;
    for (std::size_t k = 0; k < patch; k += width) {
      pack_positions(g, patch, k, p, some, x, panel);
      panel_products(outs, some, patch - k, dy + p, area, static_cast<T const*>(panel), dweight + k, patch);
    }
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
