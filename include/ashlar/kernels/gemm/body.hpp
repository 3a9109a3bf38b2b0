// kernels/gemm/body.hpp: included by gemm.hpp once per level; alone it includes gemm.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// dot_*    c[m][n] = init + sum over k of a[m][k] * b[n][k], both contiguous in k: lanes run along k. Each sum is
//          taken lane by lane in blocks of k_block, each block's lanes joined by the tree of sum_each, the blocks in
//          order. That order depends on k and the level alone, so no tile height or width changes a bit.
// outer_*  c[m][n] = init + sum over k of a[m][k] * b[k][n], b contiguous in n: lanes run along n, one chain a sum in
//          the order of k, whatever the tile.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/gemm/gemm.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

// Tiles of the AVX2 level measured on Zen 3, g++ 12 -O2, in GF/s of about 104, best of runs in turn on a busy machine;
// those of the others follow from their registers and are not measured.
#if ASHLAR_LEVEL == 2
inline constexpr std::size_t outer_rows = 8;  // 8 x 2 sums hide the latency of 2 units; more only costs compile time
inline constexpr std::size_t dot_sums = 16;
#elif ASHLAR_LEVEL == 1
// 6 x 2 sums, 2 of b, 1 of a: 15 of 16 registers. 64 x 64 -> 128 with 4, 5, 6 rows: 83, 94, 93; 64 x 20 -> 256: 84,
// 82, 82.
inline constexpr std::size_t outer_rows = 6;
// 64 x 1024 -> 10 with 8 and 12 sums: 50 and 75.
inline constexpr std::size_t dot_sums = 12;
#else
inline constexpr std::size_t outer_rows = 4;  // no FMA: a product needs a register too
inline constexpr std::size_t dot_sums = 8;
#endif

/// Vector form of a functor for T: in pointwise/body.hpp.
template <class Op, class T>
struct VectorOp;

/// Act of a vector of results; Identity costs nothing.
template <class Act, class T, class V>
ASHLAR_INLINE V activate(V v) noexcept {
  if constexpr (std::is_same_v<Act, Identity>) return v;
  else return VectorOp<Act, T>::forward(Act{}, v);
}

/// Act of each element, where results do not leave in full vectors.
template <class Act, class T>
ASHLAR_INLINE void apply_to(std::size_t n, T* y) noexcept {
  if constexpr (!std::is_same_v<Act, Identity>) {
    for (std::size_t i = 0; i < n; ++i) y[i] = Act{}(y[i]);
  }
}

/// Elements of k after which dot_* joins its lanes: (3 + 4) * 4 KB of rows stay in a 32 KB cache. 64 x 1024 -> 256, as
/// above, blocks of 1, 2, 4 and 8 KB: 63, 74, 90, 90 GF/s; 64 x 1024 -> 10: 64, 74, 88, 88.
template <class T>
inline constexpr std::size_t k_block = 4096 / sizeof(T);

/// One R x C block of sums over k <= k_block elements, added to init: out[r * ldo + c] = init[r * ldi + c] + ...
template <std::size_t R, std::size_t C, class T>
ASHLAR_INLINE void dot_tile(std::size_t k, T const* a, std::size_t lda, T const* b, std::size_t ldb, T const* init,
                            std::size_t ldi, T* out, std::size_t ldo) noexcept {
  using S = Simd<T>;
  // 64 x 256 -> 10, Zen 5, g++ 12 -O2, strides known and opaque: 1.37 and 1.33 us; those of a and b too: 1.38.
  ASHLAR_OPAQUE(ldi);
  ASHLAR_OPAQUE(ldo);
  typename S::V sum[R][C] = {};
  std::size_t i = 0;
  for (; i + S::lanes <= k; i += S::lanes) {
    typename S::V x[R];
    ASHLAR_UNROLL
    for (std::size_t r = 0; r < R; ++r) x[r] = S::load(a + r * lda + i);
    ASHLAR_UNROLL
    for (std::size_t c = 0; c < C; ++c) {
      typename S::V w = S::load(b + c * ldb + i);
      if constexpr (R > 1) ASHLAR_KEEP(w);
      ASHLAR_UNROLL
      for (std::size_t r = 0; r < R; ++r) sum[r][c] = S::fma(x[r], w, sum[r][c]);
    }
  }
  if (i < k) {
    typename S::V x[R];
    ASHLAR_UNROLL
    for (std::size_t r = 0; r < R; ++r) x[r] = S::load(a + r * lda + i, k - i);
    ASHLAR_UNROLL
    for (std::size_t c = 0; c < C; ++c) {
      typename S::V const w = S::load(b + c * ldb + i, k - i);
      ASHLAR_UNROLL
      for (std::size_t r = 0; r < R; ++r) sum[r][c] = S::fma(x[r], w, sum[r][c]);
    }
  }
  // One tree for all. Zen 5, g++ 12 -O2, a tree for each row and one: 64 x 128 -> 128 173 and 222 GF/s of 275, 64 x 256
  // -> 10 193 and 224.
  if constexpr (S::lanes == 16 && R > 1 && (R * C == 15 || R * C == 16)) {
    add_sums_of_rows<R, C>(&sum[0][0], init, ldi, out, ldo);
    return;
  }
  constexpr std::size_t half = S::lanes / 2;  // columns of two rows that fill a vector of sums
  constexpr std::size_t paired = half >= 2 ? C / half * half : 0;
  ASHLAR_UNROLL
  for (std::size_t r = 0; r < R; ++r) {
    if (r % 2 == 0 && r + 1 < R) {
      ASHLAR_UNROLL
      for (std::size_t j = 0; j < paired; j += half) {
        add_sums_of_two<T>(&sum[r][j], &sum[r + 1][j], init + r * ldi + j, ldi, out + r * ldo + j, ldo);
      }
      add_sums<T, S::lanes, C - paired>(sum[r] + paired, init + r * ldi + paired, out + r * ldo + paired);
    } else if (r % 2 == 1) {
      add_sums<T, S::lanes, C - paired>(sum[r] + paired, init + r * ldi + paired, out + r * ldo + paired);
    } else {
      add_sums<T, S::lanes, C>(sum[r], init + r * ldi, out + r * ldo);
    }
  }
}

/// All m rows of a against C rows of b.
template <std::size_t C, class T>
ASHLAR_TARGET __attribute__((noinline)) void dot_rows(std::size_t m, std::size_t k, T const* a, std::size_t lda,
                                                      T const* b, std::size_t ldb, T const* init, std::size_t ldi, T* c,
                                                      std::size_t ldc) noexcept {
  constexpr std::size_t r = (ASHLAR_LEVEL == 2 && C > 5 ? 20 : dot_sums) / C;  // 20, 2 of a, 1 of b: 32 registers
  std::size_t i = 0;
  for (; i + r <= m; i += r) {
    dot_tile<r, C>(k, a + i * lda, lda, b, ldb, init + i * ldi, ldi, c + i * ldc, ldc);
  }
  for (; i < m; ++i) dot_tile<1, C>(k, a + i * lda, lda, b, ldb, init + i * ldi, ldi, c + i * ldc, ldc);
}

/// Elements of a that pass all of b before the next do: 384 KB, which stay in a second cache. k x k -> k with k rows,
/// Zen 5, g++ 12 -O2, all of a at once and so, of 270 GF/s: 512 80 and 88 %, 768 69 and 85 %, 1024 62 and 74 %.
template <class T>
inline constexpr std::size_t dot_block = 393216 / sizeof(T);

/// c (m, n) = init + a (m, k) * transpose(b (n, k)). Row r of init begins at init + r * ldi; ldi 0: one row for all.
/// C, Rest: rows of b at a time, and at the end, n % C of them; Rest = C takes the end one by one.
template <std::size_t C, std::size_t Rest, class T>
ASHLAR_TARGET __attribute__((noinline)) void dot(std::size_t m, std::size_t n, std::size_t k, T const* a,
                                                 std::size_t lda, T const* b, std::size_t ldb, T const* init,
                                                 std::size_t ldi, T* c, std::size_t ldc) noexcept {
  std::size_t p = 0;
  do {
    std::size_t const some = k - p < k_block<T> ? k - p : k_block<T>;
    std::size_t const most = dot_block<T> / (some == 0 ? 1 : some);
    for (std::size_t i = 0; i < m; i += most) {
      std::size_t const rows = m - i < most ? m - i : most;
      T const* const from = a + i * lda + p;
      T const* start = init + i * ldi;
      T* to = c + i * ldc;
      std::size_t j = 0;
      for (; j + C <= n; j += C) dot_rows<C>(rows, some, from, lda, b + j * ldb + p, ldb, start + j, ldi, to + j, ldc);
      if constexpr (Rest > 0 && Rest < C) {
        dot_rows<Rest>(rows, some, from, lda, b + j * ldb + p, ldb, start + j, ldi, to + j, ldc);
      }
      if constexpr (Rest == C) {
        for (; j < n; ++j) dot_rows<1>(rows, some, from, lda, b + j * ldb + p, ldb, start + j, ldi, to + j, ldc);
      }
    }
    init = c;
    ldi = ldc;
    p += some;
  } while (p < k);
}

/// R x (2 vectors) of sums over k: out = Act(init + a * b). a[m][k] is at a[m * am + k * ak].
template <std::size_t R, class Act, class T>
ASHLAR_INLINE void outer_tile(std::size_t k, T const* a, std::size_t am, std::size_t ak, T const* b, std::size_t ldb,
                              T const* init, std::size_t ldi, T* out, std::size_t ldo) noexcept {
  using S = Simd<T>;
  // 64 x 20 -> 256 with ReLU, Zen 5, g++ 12 -O2, strides known and opaque: 2.93 and 2.82 us; am before the
  // others: 2.90.
  ASHLAR_OPAQUE(am);
  ASHLAR_OPAQUE(a);
  typename S::V sum[R][2];
  ASHLAR_UNROLL
  for (std::size_t r = 0; r < R; ++r, init += ldi) {
    ASHLAR_OPAQUE(init);
    sum[r][0] = S::load(init);
    sum[r][1] = S::load(init + S::lanes);
  }
  for (std::size_t p = 0; p < k; ++p) {
    typename S::V const b0 = S::load(b + p * ldb);
    typename S::V const b1 = S::load(b + p * ldb + S::lanes);
    ASHLAR_UNROLL
    for (std::size_t r = 0; r < R; ++r) {
      typename S::V const x = S::broadcast(a[r * am + p * ak]);
      sum[r][0] = S::fma(x, b0, sum[r][0]);
      sum[r][1] = S::fma(x, b1, sum[r][1]);
    }
  }
  ASHLAR_UNROLL
  for (std::size_t r = 0; r < R; ++r, out += ldo) {
    ASHLAR_OPAQUE(out);
    S::store(out, activate<Act, T>(sum[r][0]));
    S::store(out + S::lanes, activate<Act, T>(sum[r][1]));
  }
}

/// All m rows against one panel of two vectors of columns: R rows at a time, the rest in lower tiles. A function of
/// its own for each R, so that each tile is compiled once.
template <std::size_t R, class Act, class T>
ASHLAR_TARGET __attribute__((noinline)) void outer_panel(std::size_t m, std::size_t k, T const* a, std::size_t am,
                                                         std::size_t ak, T const* b, std::size_t ldb, T const* init,
                                                         std::size_t ldi, T* c, std::size_t ldc) noexcept {
  std::size_t i = 0;
  for (; i + R <= m; i += R) outer_tile<R, Act>(k, a + i * am, am, ak, b, ldb, init + i * ldi, ldi, c + i * ldc, ldc);
  if constexpr (R > 1) {
    // Each height costs every unit compile time: SSE and AVX-512 make do with fewer.
    constexpr std::size_t lower = R > 4 ? 4 : ASHLAR_LEVEL == 1 ? R / 2 : 1;
    if (i < m) outer_panel<lower, Act>(m - i, k, a + i * am, am, ak, b, ldb, init + i * ldi, ldi, c + i * ldc, ldc);
  }
}

/// panel[i][q] = b[q][i] for q < 2 vectors, i < K: 128-bit pieces of rows side by side, transposed within 128 bits. 256
/// rows of 20 floats, Zen 5, g++ 12 and clang 19 -O2, K known at run time and here: 168 and 220 ns, 137 and 137.
template <std::size_t K, class T>
ASHLAR_TARGET __attribute__((noinline)) void transpose_panel(T const* b, T* panel) noexcept {
  using S = Simd<T>;
  constexpr std::size_t lanes = S::lanes;
  constexpr std::size_t piece = 16 / sizeof(T);
  constexpr std::size_t group = piece * K;
  for (std::size_t q = 0; q < 2; ++q) {
    T const* at = b + q * lanes * K;
    T* to = panel + q * lanes;
#if ASHLAR_LEVEL == 2
    for (std::size_t i = 0; i < K / piece / 2; ++i) {
      typename S::V row[piece];
      typename S::V next[piece];
      ASHLAR_UNROLL
      for (std::size_t r = 0; r < piece; ++r) {
        T const* p = at + r * K;
        S::load_two_pieces(p, p + group, p + 2 * group, p + 3 * group, row[r], next[r]);
      }
      transpose_pieces(row);
      transpose_pieces(next);
      ASHLAR_UNROLL
      for (std::size_t r = 0; r < piece; ++r) {
        S::store(to + r * 2 * lanes, row[r]);
        S::store(to + (piece + r) * 2 * lanes, next[r]);
      }
      to += 4 * piece * lanes;
      at += 2 * piece;
    }
    constexpr std::size_t rest = K / piece % 2;
#else
    constexpr std::size_t rest = K / piece;
#endif
    for (std::size_t i = 0; i < rest; ++i) {
      typename S::V row[piece];
      ASHLAR_UNROLL
      for (std::size_t r = 0; r < piece; ++r) row[r] = S::load_pieces(at + r * K, group);
      transpose_pieces(row);
      ASHLAR_UNROLL
      for (std::size_t r = 0; r < piece; ++r) S::store(to + r * 2 * lanes, row[r]);
      to += 2 * piece * lanes;
      at += piece;
    }
    for (std::size_t i = 0; i < K % piece; ++i) {
      for (std::size_t c = 0; c < lanes; ++c) to[c] = at[c * K];
      to += 2 * lanes;
      ++at;
    }
  }
}

/// out[c] += sum over r of x[r * ldx + c], c < columns, in the order of r.
template <class T>
ASHLAR_TARGET __attribute__((noinline)) void add_rows(std::size_t rows, std::size_t columns, T const* x,
                                                      std::size_t ldx, T* out) noexcept {
  using S = Simd<T>;
  std::size_t c = 0;
  for (; c + S::lanes <= columns; c += S::lanes) {
    typename S::V sum = S::load(out + c);
    for (std::size_t r = 0; r < rows; ++r) sum = sum + S::load(x + r * ldx + c);
    S::store(out + c, sum);
  }
  if (c < columns) {
    typename S::V sum = S::load(out + c, columns - c);
    for (std::size_t r = 0; r < rows; ++r) sum = sum + S::load(x + r * ldx + c, columns - c);
    S::store(out + c, sum, columns - c);
  }
}

/// Elements of k in a packed panel of outer: the panel is 16 KB with AVX2, half of a cache. dx of 64 x 256 -> 256, as
/// above, 128, 256 and 512: 90, 93, 93 GF/s.
inline constexpr std::size_t outer_block = 256;

/// transpose_panel<k, T>, where b is transposed.
template <class T>
using Turn = void (*)(T const* b, T* panel) noexcept;

/// c (m, n) = Act(init + a * b), where k <= outer_block or Act is Identity; b[k][n] is at b[k * ldb + n], or, if there
/// is a turn, at b[n * ldb + k], and k == ldb <= outer_block. a[m][k] is at a[m * am + k * ak]. Row r of init begins at
/// init + r * ldi; ldi 0: one row for all.
template <class Act = Identity, class T>
ASHLAR_TARGET __attribute__((noinline)) void outer(std::size_t m, std::size_t n, std::size_t k, T const* a,
                                                   std::size_t am, std::size_t ak, T const* b, std::size_t ldb,
                                                   T const* init, std::size_t ldi, T* c, std::size_t ldc,
                                                   Turn<T> turn = nullptr) noexcept {
  constexpr std::size_t width = 2 * Simd<T>::lanes;
  alignas(64) T panel[outer_block * width];
  std::size_t p = 0;
  do {
    std::size_t const some = k - p < outer_block ? k - p : outer_block;
    // Packing b costs 1 / m of the work; it pays when the rows of a panel, ldb apart, would not stay in the cache.
    bool const pack = m >= 8 * outer_rows && some * ldb * sizeof(T) > 16384;
    for (std::size_t j = 0; j < n; j += width) {
      std::size_t const columns = n - j < width ? n - j : width;
      std::size_t const along_k = turn != nullptr ? 1 : ldb;
      std::size_t const along_n = turn != nullptr ? ldb : 1;
      T const* from = b + p * along_k + j * along_n;
      bool packed = true;
      if (columns < width) {
        pack_edge(some, columns, width, from, along_k, along_n, panel);
      } else if (turn != nullptr) {
        turn(from, panel);
      } else if (pack) {
        for (std::size_t i = 0; i < some; ++i) {
          Simd<T>::store(panel + i * width, Simd<T>::load(from + i * ldb));
          Simd<T>::store(panel + i * width + width / 2, Simd<T>::load(from + i * ldb + width / 2));
        }
      } else {
        packed = false;
      }
      if (packed) from = panel;
      std::size_t const step = packed ? width : ldb;
      if (columns == width) {
        outer_panel<outer_rows, Act>(m, some, a + p * ak, am, ak, from, step, init + j, ldi, c + j, ldc);
        continue;
      }
      constexpr std::size_t some_rows = 2 * outer_rows;
      T block[some_rows * width] = {};
      for (std::size_t i = 0; i < m; i += some_rows) {
        std::size_t const rows = m - i < some_rows ? m - i : some_rows;
        copy_block(rows, columns, init + i * ldi + j, ldi, block, width);
        outer_panel<outer_rows, Act>(rows, some, a + i * am + p * ak, am, ak, from, step, block, width, block, width);
        copy_block(rows, columns, block, width, c + i * ldc + j, ldc);
      }
    }
    init = c;
    ldi = ldc;
    p += some;
  } while (p < k);
}

/// linear_backward_parameters; rows of dy are ldy apart. A packed copy of blocks of dy, whose columns lie in one set of
/// the cache, gave 64 x 1024
/// -> 1024 on Zen 3 five per cent (2.03 to 1.94 ms, of 1.3 the FMAs take; memory is the limit) for 100 KB of stack.
template <class T>
ASHLAR_TARGET void outer_and_rows(std::size_t rows, std::size_t in, std::size_t out, T const* x, T const* dy,
                                  std::size_t ldy, T* dweight, T* dbias) noexcept {
  if (dbias != nullptr) add_rows(rows, out, dy, ldy, dbias);
  outer(out, in, rows, dy, std::size_t{1}, ldy, x, in, dweight, in, dweight, in);
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
