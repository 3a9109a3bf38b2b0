// kernels/simd/transpose.hpp: included by simd.hpp once per level; alone it includes simd.hpp.
// SPDX-License-Identifier: BSL-1.0
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/simd/simd.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// Transposes the 4 x 4 floats, or 2 x 2 doubles, that the same 16 bytes of all rows form.
template <class V>
ASHLAR_INLINE void transpose_pieces(V* row) noexcept {
  constexpr std::size_t lanes = sizeof(V) / sizeof(row[0][0]);
  if constexpr (sizeof(row[0][0]) == 8) {
    V const a = interleave<false, 1>(row[0], row[1], std::make_index_sequence<lanes>{});
    V const b = interleave<true, 1>(row[0], row[1], std::make_index_sequence<lanes>{});
    row[0] = a;
    row[1] = b;
  } else {
    constexpr auto all = std::make_index_sequence<lanes>{};
    V const a = interleave<false, 1>(row[0], row[1], all);  // 00 10 01 11
    V const b = interleave<true, 1>(row[0], row[1], all);  // 02 12 03 13
    V const c = interleave<false, 1>(row[2], row[3], all);
    V const d = interleave<true, 1>(row[2], row[3], all);
    row[0] = interleave<false, 2>(a, c, all);
    row[1] = interleave<true, 2>(a, c, all);
    row[2] = interleave<false, 2>(b, d, all);
    row[3] = interleave<true, 2>(b, d, all);
  }
}

/// a = the first halves of a and b, b = the second; of vectors of 16 bytes there are none.
template <class V>
ASHLAR_INLINE void exchange_halves([[maybe_unused]] V& a, [[maybe_unused]] V& b) noexcept {
#if ASHLAR_LEVEL > 0
  using D = typename Simd<double>::V;
  D const x = (D)a, y = (D)b;
#if ASHLAR_LEVEL == 2
  a = (V)__builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11);
  b = (V)__builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
#else
  a = (V)__builtin_shufflevector(x, y, 0, 1, 4, 5);
  b = (V)__builtin_shufflevector(x, y, 2, 3, 6, 7);
#endif
#endif
}

/// to[i][j] = row[j][i]: as many rows as lanes.
template <class T>
ASHLAR_INLINE void transpose(typename Simd<T>::V* row, typename Simd<T>::V* to) noexcept {
  using S = Simd<T>;
  constexpr std::size_t piece = 16 / sizeof(T);
  constexpr std::size_t pieces = S::lanes / piece;
  ASHLAR_UNROLL
  for (std::size_t g = 0; g < pieces; ++g) transpose_pieces(row + g * piece);
  ASHLAR_UNROLL
  for (std::size_t i = 0; i < piece; ++i) {
    if constexpr (pieces == 1) {
      to[i] = row[i];
    } else if constexpr (pieces == 2) {
      to[i] = row[i];
      to[piece + i] = row[piece + i];
      exchange_halves(to[i], to[piece + i]);
    } else {
#if ASHLAR_LEVEL == 2
      typename S::V a = row[i], b = row[piece + i], c = row[2 * piece + i], d = row[3 * piece + i];
      exchange_halves(a, b);  // pieces 0 and 1 of the first two, 2 and 3
      exchange_halves(c, d);
      to[i] = S::even_pieces(a, c);
      to[piece + i] = S::odd_pieces(a, c);
      to[2 * piece + i] = S::even_pieces(b, d);
      to[3 * piece + i] = S::odd_pieces(b, d);
#endif
    }
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
