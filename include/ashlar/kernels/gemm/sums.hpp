// kernels/gemm/sums.hpp: included by gemm.hpp once per level; alone it includes gemm.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// How the lanes of a tile of dot become its sums. Whatever the tile, each sum is the tree of sum_each.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/gemm/gemm.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// add_sums for half a vector of columns of two rows each, init and out ldi and ldo apart.
template <class T, class V>
ASHLAR_INLINE void add_sums_of_two(V const* a, V const* b, T const* init, std::size_t ldi, T* out,
                                   std::size_t ldo) noexcept {
  constexpr std::size_t lanes = sizeof(V) / sizeof(T);
  constexpr std::size_t half = lanes / 2;
  if constexpr (half >= 2) {
    constexpr auto some = std::make_index_sequence<half>{};
    typedef T H __attribute__((vector_size(half * sizeof(T)), aligned(alignof(T)), may_alias));
    V both[lanes];
    ASHLAR_UNROLL
    for (std::size_t j = 0; j < half; ++j) {
      both[j] = a[j];
      both[half + j] = b[j];
    }
    V const s = sum_each<lanes>(both);
    *reinterpret_cast<H*>(out) = slice<0>(s, some) + *reinterpret_cast<H const*>(init);
    *reinterpret_cast<H*>(out + ldo) = slice<half>(s, some) + *reinterpret_cast<H const*>(init + ldi);
  }
}

/// out[c] = init[c] + lane From + c of s for c < C; then the next C lanes to the next row.
template <std::size_t Rows, std::size_t C, std::size_t From, class T, class V, std::size_t... I>
ASHLAR_INLINE void add_rows_of(V s, T const* init, std::size_t ldi, T* out, std::size_t ldo,
                               std::index_sequence<I...> all) noexcept {
  using S = Simd<T>;
  if constexpr (C == 4) {
    typedef T Q __attribute__((vector_size(4 * sizeof(T)), aligned(alignof(T)), may_alias));
    *reinterpret_cast<Q*>(out) = slice<From>(s, std::make_index_sequence<4>{}) + *reinterpret_cast<Q const*>(init);
  } else {
    V const row = __builtin_shufflevector(s, s, static_cast<int>((From + I) % sizeof...(I))...);
    S::store(out, row + S::load(init, C), C);
  }
  if constexpr (Rows > 1) add_rows_of<Rows - 1, C, From + C>(s, init + ldi, ldi, out + ldo, ldo, all);
}
/// add_sums for all columns of several rows, whose sums fill a vector or nearly so.
template <std::size_t Rows, std::size_t C, class T, class V>
ASHLAR_INLINE void add_sums_of_rows(V const* a, T const* init, std::size_t ldi, T* out, std::size_t ldo) noexcept {
  constexpr std::size_t lanes = sizeof(V) / sizeof(T);
  V each[lanes] = {};
  ASHLAR_UNROLL
  for (std::size_t i = 0; i < Rows * C; ++i) each[i] = a[i];
  add_rows_of<Rows, C, 0>(sum_each<lanes>(each), init, ldi, out, ldo, std::make_index_sequence<lanes>{});
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
