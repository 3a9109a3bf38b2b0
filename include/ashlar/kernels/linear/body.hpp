// kernels/linear/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// One row of linear, where nothing is shared but the row itself.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/linear/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// One row: y (N) = init + b (N, K) * x (K), C rows of b at a time, with the bits of dot.
template <std::size_t K, std::size_t N, std::size_t C, class T>
ASHLAR_TARGET void dot_vector(T const* x, T const* b, T const* init, T* y) noexcept {
  constexpr std::size_t block = K < k_block<T> ? K : k_block<T>;
  for (std::size_t p = 0; p < K; p += block) {
    std::size_t const some = K % block == 0 || K - p > block ? block : K - p;
    std::size_t j = 0;
    for (; j + C <= N; j += C) dot_tile<1, C>(some, x + p, K, b + j * K + p, K, init + j, 0, y + j, 0);
    if constexpr (N % C > 0) dot_tile<1, N % C>(some, x + p, K, b + j * K + p, K, init + j, 0, y + j, 0);
    init = y;
  }
}

/// Two rows of K = (f + 1/2) vectors: 2 f + 1 full, aligned vectors, of which the middle one holds the end of the first
/// row and the begin of the second. Lanes of both are folded into the halves of one vector.
template <std::size_t K, class T>
ASHLAR_INLINE typename Simd<T>::V dot_pair(typename Simd<T>::V const* first, typename Simd<T>::V middle,
                                           typename Simd<T>::V const* second, T const* w) noexcept {
  using S = Simd<T>;
  constexpr std::size_t full = K / S::lanes;
  typename S::V even = first[0] * S::load(w);
  typename S::V odd = second[0] * S::load(w + (full + 1) * S::lanes);
  ASHLAR_UNROLL
  for (std::size_t i = 1; i < full; ++i) {
    even = S::fma(first[i], S::load(w + i * S::lanes), even);
    odd = S::fma(second[i], S::load(w + (full + 1 + i) * S::lanes), odd);
  }
  typename S::V both = fold_pair(even, odd, middle, S::load(w + full * S::lanes), std::make_index_sequence<S::lanes>{});
  ASHLAR_KEEP(both);
  return both;
}

/// One row, K = (f + 1/2) vectors: rows of b in pairs. The sums of one vector of results are joined between the
/// products of the next, because a product and its tree depend on each other for 40 cycles and a scheduler holds few of
/// them. 20 -> 256, floats, Zen 3, g++ 12 -O2, best in turn: tree behind its products 185 ns, between the next products
/// 168, with ReLU 176. A second product with half of the middle vector in place of the fold across 128 bits: 198. The
/// same instructions without dependencies take 14 cycles for 8 rows, 140 ns in all; a fold across 128 bits takes a port
/// that multiplies.
template <std::size_t K, std::size_t N, class Act, class T>
ASHLAR_TARGET void dot_vector_pairs(T const* x, T const* b, T const* init, T* y) noexcept {
  using S = Simd<T>;
  constexpr std::size_t lanes = S::lanes;
  constexpr std::size_t full = K / lanes;
  constexpr std::size_t pairs = lanes / 2;
  constexpr auto all = std::make_index_sequence<lanes>{};
  typename S::V first[full];
  typename S::V second[full];
  ASHLAR_UNROLL
  for (std::size_t i = 0; i < full; ++i) {
    first[i] = S::load(x + i * lanes);
    second[i] = S::load(x + lanes / 2 + i * lanes);
  }
  typename S::V const middle = join_halves(x + full * lanes, x, all);
  typename S::V before[pairs];
  ASHLAR_UNROLL
  for (std::size_t q = 0; q < pairs; ++q) before[q] = dot_pair<K>(first, middle, second, b + 2 * q * K);
  std::size_t j = lanes;
  for (; j + lanes <= N; j += lanes) {
    T const* const w = b + j * K;
    typename S::V pair[pairs];
    if constexpr (pairs == 4) {
      pair[0] = dot_pair<K>(first, middle, second, w);
      typename S::V low = add_halves<4>(before[0], before[1], all);
      ASHLAR_KEEP(low);
      pair[1] = dot_pair<K>(first, middle, second, w + 2 * K);
      typename S::V high = add_halves<4>(before[2], before[3], all);
      ASHLAR_KEEP(high);
      pair[2] = dot_pair<K>(first, middle, second, w + 4 * K);
      typename S::V sums = join_pairs(low, high, all);
      ASHLAR_KEEP(sums);
      pair[3] = dot_pair<K>(first, middle, second, w + 6 * K);
      S::store(y + j - lanes, activate<Act, T>(in_order(sums, all) + S::load(init + j - lanes)));
    } else {
      ASHLAR_UNROLL
      for (std::size_t q = 0; q < pairs; ++q) pair[q] = dot_pair<K>(first, middle, second, w + 2 * q * K);
      S::store(y + j - lanes, activate<Act, T>(sum_pairs<lanes>(before, all) + S::load(init + j - lanes)));
    }
    ASHLAR_UNROLL
    for (std::size_t q = 0; q < pairs; ++q) before[q] = pair[q];
  }
  S::store(y + j - lanes, activate<Act, T>(sum_pairs<lanes>(before, all) + S::load(init + j - lanes)));
  if constexpr (N % lanes != 0) {
    dot_tile<1, N % lanes>(K, x, K, b + j * K, K, init + j, 0, y + j, 0);
    apply_to<Act>(N % lanes, y + j);
  }
}

// Of two vectors of four pieces of 16 bytes: the lower half of a and the upper of b.
template <class V, std::size_t... I>
ASHLAR_INLINE V join_halves_in_place(V a, V b, std::index_sequence<I...> all) noexcept {
  return blend<((I >= sizeof...(I) / 2 ? 1u << I : 0) | ...)>(a, b, all);
}
/// The upper half of a and the lower of b.
template <class V, std::size_t... I>
ASHLAR_INLINE V join_halves_across(V a, V b, std::index_sequence<I...>) noexcept {
  constexpr std::size_t half = sizeof...(I) / 2;
  return __builtin_shufflevector(a, b, static_cast<int>(I < half ? I + half : 2 * half + I - half)...);
}
constexpr bool in_end_piece(std::size_t lane, std::size_t lanes) noexcept {
  return lane < lanes / 4 || lane >= lanes / 4 * 3;
}
/// Pieces a0 b1 b2 a3.
template <class V, std::size_t... I>
ASHLAR_INLINE V join_ends(V a, V b, std::index_sequence<I...> all) noexcept {
  return blend<((in_end_piece(I, sizeof...(I)) ? 0 : 1u << I) | ...)>(a, b, all);
}
/// Pieces a1 b0 b3 a2.
template <class V, std::size_t... I>
ASHLAR_INLINE V join_neighbours(V a, V b, std::index_sequence<I...>) noexcept {
  constexpr std::size_t n = sizeof...(I);
  return __builtin_shufflevector(a, b, static_cast<int>((in_end_piece(I, n) ? 0 : n) + (I ^ (n / 4)))...);
}

/// Four rows of K elements, K a multiple of 16 bytes, are a whole number of vectors, whose pieces of 16 bytes each lie
/// in one row. regroup() puts them together, halves at a time, into vectors of three forms, where 0 to 3 are the rows:
///   outer (0 0 3 3), inner (1 1 2 2), and at most one that is in order, (0 1 2 3).
/// Sums of the first two forms then take three instructions to become one vector in order.
template <std::size_t K, std::size_t Lanes>
struct Quad {
  static constexpr std::size_t full = K / Lanes;  // vectors in a row, if it begins with one
  static constexpr std::size_t rest = K % Lanes / (Lanes / 4);  // pieces behind them
  static constexpr std::size_t between = rest == 1 ? full - 1 : full;  // vectors of the rows 1 and 2 alone
  static constexpr std::size_t count = 4 * full + rest;
  static constexpr std::size_t outer = 2 * full + (rest >= 2 ? 1 : 0);
  static constexpr std::size_t inner = count - outer - rest % 2;
  static_assert(K % (Lanes / 4) == 0 && K >= Lanes / 2 && rest != 0);
};

/// v: the vectors of four rows; g: those of the form outer, then inner, then the one in order.
template <class Q, class V>
ASHLAR_INLINE void regroup(V const* v, V* g) noexcept {
  constexpr auto all = std::make_index_sequence<sizeof(V) / sizeof(v[0][0])>{};
  constexpr std::size_t first = Q::full;  // the vector with the end of row 0
  constexpr std::size_t last = Q::count - Q::full - 1;
  ASHLAR_UNROLL
  for (std::size_t i = 0; i < Q::full; ++i) {
    g[2 * i] = join_halves_in_place(v[i], v[last + 1 + i], all);
    g[2 * i + 1] = join_halves_across(v[i], v[last + 1 + i], all);
  }
  V* const inner = g + Q::outer;
  ASHLAR_UNROLL
  for (std::size_t i = 0; i < Q::between; ++i) {
    inner[2 * i] = join_halves_in_place(v[first + 1 + i], v[last - Q::between + i], all);
    inner[2 * i + 1] = join_halves_across(v[first + 1 + i], v[last - Q::between + i], all);
  }
  V const in_place = join_halves_in_place(v[first], v[last], all);
  V const across = join_halves_across(v[first], v[last], all);
  if constexpr (Q::rest == 1) {  // (0 1 1 1), (1 1 2 2), (2 2 2 3)
    inner[Q::inner - 2] = v[first + 1 + Q::between];
    inner[Q::inner - 1] = across;
    g[Q::count - 1] = in_place;
  } else if constexpr (Q::rest == 2) {  // (0 0 1 1), (2 2 3 3)
    g[Q::outer - 1] = in_place;
    inner[Q::inner - 1] = across;
  } else {  // (0 0 0 1), (1 1 2 2), (2 3 3 3)
    g[Q::outer - 1] = in_place;
    inner[Q::inner - 1] = v[first + 1 + Q::between];
    g[Q::count - 1] = across;
  }
}

/// Products of four rows with x, summed in each form.
template <class V>
struct QuadSums {
  V outer, inner, in_order, x;
};
template <class Q, class T>
ASHLAR_INLINE auto dot_quad(typename Simd<T>::V const* x, T const* w) noexcept {
  using S = Simd<T>;
  typename S::V v[Q::count];
  ASHLAR_UNROLL
  for (std::size_t i = 0; i < Q::count; ++i) {
    v[i] = S::load(w + i * S::lanes);
    ASHLAR_KEEP(v[i]);
  }
  typename S::V g[Q::count];
  regroup<Q>(v, g);
  typename S::V outer = g[0] * x[0];
  ASHLAR_UNROLL
  for (std::size_t i = 1; i < Q::outer; ++i) outer = S::fma(g[i], x[i], outer);
  typename S::V inner = g[Q::outer] * x[Q::outer];
  ASHLAR_UNROLL
  for (std::size_t i = Q::outer + 1; i < Q::outer + Q::inner; ++i) inner = S::fma(g[i], x[i], inner);
  ASHLAR_KEEP(outer);
  ASHLAR_KEEP(inner);
  return QuadSums<typename S::V>{outer, inner, g[Q::count - 1], x[Q::count - 1]};
}
/// Four pieces, each with the lanes of its row's sum.
template <class Q, class T, class R>
ASHLAR_INLINE auto join_quad(R const& r) noexcept {
  using S = Simd<T>;
  constexpr auto all = std::make_index_sequence<S::lanes>{};
  typename S::V sum = join_ends(r.outer, r.inner, all);
  if constexpr (Q::rest % 2 == 1) sum = S::fma(r.in_order, r.x, sum);
  sum = sum + join_neighbours(r.outer, r.inner, all);
  ASHLAR_KEEP(sum);
  return sum;
}

template <std::size_t Lanes>
consteval int quad_order(std::size_t lane) noexcept {
  constexpr std::size_t quads = Lanes / 4;
  return static_cast<int>(lane % 4 * quads + lane / 4);
}
/// a[q] holds in its pieces the lanes of sums 4 q to 4 q + 3, q < Lanes / 4: the sums in order.
template <class V, std::size_t... I>
ASHLAR_INLINE V sum_quads(V const* a, std::index_sequence<I...> all) noexcept {
  constexpr std::size_t lanes = sizeof...(I);
  V s;
  if constexpr (lanes == 16) s = add_halves<2>(add_halves<4>(a[0], a[1], all), add_halves<4>(a[2], a[3], all), all);
  else s = interleave<false, 1>(a[0], a[1], all) + interleave<true, 1>(a[0], a[1], all);
  return __builtin_shufflevector(s, s, quad_order<lanes>(I)...);
}

/// One row, K a whole number of 16 bytes but not of vectors: rows of b in fours, which are read in whole, aligned
/// vectors and once. As in dot_vector_pairs, the sums of one vector of results are joined behind the products of the
/// next. 20 -> 256 with ReLU, floats, Zen 5, g++ 12 and clang 19 -O2, best in turn: by dot_vector 172 ns; here 73 and
/// 70, each quad joined at once 80 and 77, the tree in the same round 79 and 73. 21 cycles for 16 rows became 19; the
/// same instructions without dependencies take 16.
template <std::size_t K, std::size_t N, class Act, class T>
ASHLAR_TARGET void dot_vector_quads(T const* x, T const* b, T const* init, T* y) noexcept {
  using S = Simd<T>;
  using Q = Quad<K, S::lanes>;
  constexpr std::size_t quads = S::lanes / 4;
  constexpr std::size_t piece = S::lanes / 4;
  typename S::V rows[Q::count];
  ASHLAR_UNROLL
  for (std::size_t i = 0; i < Q::count; ++i) {
    std::size_t const at = i * S::lanes;
    rows[i] = S::load_pieces(x + at % K, x + (at + piece) % K, x + (at + 2 * piece) % K, x + (at + 3 * piece) % K);
  }
  typename S::V xs[Q::count];
  regroup<Q>(rows, xs);
  constexpr auto all = std::make_index_sequence<S::lanes>{};
  typename S::V before[quads];
  ASHLAR_UNROLL
  for (std::size_t q = 0; q < quads; ++q) before[q] = join_quad<Q, T>(dot_quad<Q>(xs, b + 4 * q * K));
  std::size_t j = S::lanes;
  for (; j + S::lanes <= N; j += S::lanes) {
    QuadSums<typename S::V> p[quads];
    ASHLAR_UNROLL
    for (std::size_t q = 0; q < quads; ++q) p[q] = dot_quad<Q>(xs, b + (j + 4 * q) * K);
    S::store(y + j - S::lanes, activate<Act, T>(sum_quads(before, all) + S::load(init + j - S::lanes)));
    ASHLAR_UNROLL
    for (std::size_t q = 0; q < quads; ++q) before[q] = join_quad<Q, T>(p[q]);
  }
  S::store(y + j - S::lanes, activate<Act, T>(sum_quads(before, all) + S::load(init + j - S::lanes)));
  if constexpr (N % S::lanes != 0) {
    dot_tile<1, N % S::lanes>(K, x, K, b + j * K, K, init + j, 0, y + j, 0);
    apply_to<Act>(N % S::lanes, y + j);
  }
}

/// True if one row goes by dot_vector_quads. Of rows that end in half a vector only short ones: 40 -> 256 takes 128 ns,
/// by dot_vector_pairs 103.
template <std::size_t In, std::size_t Out, std::size_t Lanes>
inline constexpr bool in_quads =
    ASHLAR_LEVEL == 2 && In >= Lanes / 2 && In < 4 * Lanes && Out >= 16 && In % Lanes != 0 && In % (Lanes / 4) == 0 &&
    !(In % Lanes == Lanes / 2 && In > 2 * Lanes);

/// Rows of weight at a time with one row of x. A weight that does not stay in a 32 KB cache is read best in few
/// streams: Zen 5, g++ 12 -O2, 4 and 10 rows: 512 -> 512 7.2 and 10.6 us, 1024 -> 128 5.0 and 8.7; AVX2 7.3
/// and 10.1, 5.5 and 10.1. In the cache full trees of sum_each are best: 16 -> 256 with 10 and 16 rows 131 and 71 ns,
/// 128 -> 64 78 and 66.
template <std::size_t In, std::size_t Out, std::size_t C, class T>
consteval std::size_t rows_with_one() {
  constexpr std::size_t lanes = Simd<T>::lanes;
  if (In * Out * sizeof(T) > 32768) return Out < 4 ? Out : 4;
  return ASHLAR_LEVEL == 2 && Out >= lanes ? lanes : C;
}

/// One row of linear.
template <std::size_t In, std::size_t Out, std::size_t C, class Act, class T>
ASHLAR_TARGET inline void linear_row(T const* x, T const* weight, T const* init, T* y) noexcept {
  constexpr std::size_t lanes = Simd<T>::lanes;
  if constexpr (ASHLAR_LEVEL == 0 && ASHLAR_HAS_1) {  // an old machine: no code of its own for each shape
    dot<4, 4>(1, Out, In, x, In, weight, In, init, 0, y, Out);
    apply_to<Act>(Out, y);
  } else if constexpr (in_quads<In, Out, lanes>) {
    dot_vector_quads<In, Out, Act>(x, weight, init, y);
  } else if constexpr (In < 64 && In > lanes && Out >= 16 && In % lanes == lanes / 2 && lanes > 2) {
    dot_vector_pairs<In, Out, Act>(x, weight, init, y);
  } else {
    dot_vector<In, Out, rows_with_one<In, Out, C, T>()>(x, weight, init, y);
    apply_to<Act>(Out, y);
  }
}

/// Rows of linear by the columns of the transposed weight.
template <std::size_t In, std::size_t Out, class Act, class T>
ASHLAR_TARGET inline void linear_columns(std::size_t rows, T const* x, T const* weight, T const* init, T* y) noexcept {
  outer<Act>(rows, Out, In, x, In, 1, weight, In, init, 0, y, Out, &transpose_panel<In, T>);
}

/// Rows of linear against C rows of weight at a time; few short rows all at once with AVX-512, so that x is read once.
/// Zen 5, g++ 12 -O2, in fives and at once, of 275 GF/s: 32 x 128 -> 10 158 and 198, 64 x 100 -> 10 119 and 138; in
/// fours and at once: 32 x 128 -> 8 169 and 195. 64 x 256 -> 10 is the same, 16 x 512 -> 10 146 and 117.
template <std::size_t In, std::size_t Out, std::size_t C, class T>
ASHLAR_TARGET inline void linear_rows(std::size_t rows, T const* x, T const* weight, T const* init, T* y) noexcept {
  if constexpr (ASHLAR_LEVEL == 0 && ASHLAR_HAS_1) {
    dot<4, 4>(rows, Out, In, x, In, weight, In, init, 0, y, Out);
  } else {
    constexpr std::size_t c = ASHLAR_LEVEL == 2 && Out >= 6 && Out <= 10 && In <= 128 ? Out : C;
    dot<c, Out % c>(rows, Out, In, x, In, weight, In, init, 0, y, Out);
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
