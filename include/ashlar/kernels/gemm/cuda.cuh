// kernels/gemm/cuda.cuh: the matrix product that linear, matmul and conv run on, for the GPU and its executors on the
// CPU. SPDX-License-Identifier: BSL-1.0
//
// Each element of c is one chain of multiply-adds over p = 0, 1, ..., k - 1, in every tile: the same input gives the
// same bits on every GPU, for any number of rows, wherever the element stands.
//
// A block computes a tile of c (BM x BN) in steps of BK along k. Two buffers in shared memory: while step i is computed
// from one, the elements of later steps travel from global memory to registers, and those of step i + 1 then into the
// other buffer: one barrier a step. Every thread holds TM x TN sums in registers.
//
// Roofline, float, tile 64 x 64 x 16, 128 threads. A step reads 2 * 64 * 16 * 4 = 8 KiB and does 2 * 64 * 64 * 16 =
// 131072 flop: 16 flop a byte of global or L2 traffic. H200 (67 TF/s without tensor cores, 4.8 TB/s of HBM, about 10
// TB/s of L2): 14 flop a byte of HBM is the ridge, and L2 has the rest, so arithmetic is the limit. Per k a thread
// reads 12 floats from shared memory (3 loads of 16 bytes) for 32 multiply-adds: 3 issue slots in 35. RTX 4070 mobile
// (15.6 TF/s, 256 GB/s, 32 MB of L2): ridge 61 flop a byte of HBM, 16 here, but operands up to 32 MB come from L2. A
// tile of 128 x 128 was at best 6 % faster on an H200, and takes nvcc three times as long.
//
// With few tiles it is not arithmetic but the chain along k that takes the time: a step is then as long as a load from
// L2. So elements of two steps are on their way, and the tile is the largest of which there are enough for the
// multiprocessors. Sizes known when the kernel is compiled save 8 to 12 % of that. Measured on an H200, 1024 -> 1024
// features, us, with cuBLAS, which also splits sums, behind: 16 rows 14 (14), 64 rows 17 (14), 256 rows 31 (23), 1024
// rows 67 (59), 4096 rows 235 (182); 784 -> 512: 11 (13), 11 (12), 22 (16), 32 (27), 92 (80).
#pragma once

#include <ashlar/core/error.hpp>
#include <ashlar/kernels/device/device.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/reduce/rows.cuh>

#include <cstddef>
#include <string>

namespace ashlar::kernels::cuda {

/// The sizes of a tile; see above.
template <unsigned M, unsigned N, unsigned K, unsigned RowsOfThread, unsigned ColumnsOfThread>
struct GemmTile {
  static constexpr unsigned m = M, n = N, k = K, tm = RowsOfThread, tn = ColumnsOfThread;
  static constexpr unsigned across = N / ColumnsOfThread;
  static constexpr unsigned threads = M / RowsOfThread * across;
  static constexpr unsigned stages = 2;  // steps whose elements are on their way
  static_assert(threads % 32 == 0 && M % 4 == 0 && N % 4 == 0 && K % 4 == 0);
};
using MiddleTile = GemmTile<64, 64, 16, 8, 4>;
using SmallTile = GemmTile<32, 64, 16, 4, 4>;
using TinyTile = GemmTile<16, 16, 32, 2, 2>;
using NarrowTile = GemmTile<128, 16, 16, 4, 2>;

/// A size known when the kernel is compiled, or, if N is `at_run_time`, when it is launched.
inline constexpr std::size_t at_run_time = static_cast<std::size_t>(-1);
template <std::size_t N>
struct Size {
  static constexpr bool known = true;
  constexpr Size(std::size_t = N) {}
  ASHLAR_DEVICE unsigned get() const { return static_cast<unsigned>(N); }
};
template <>
struct Size<at_run_time> {
  static constexpr bool known = false;
  constexpr Size(std::size_t n) : n_(static_cast<unsigned>(n)) {}
  ASHLAR_DEVICE unsigned get() const { return n_; }

 private:
  unsigned n_;
};

/// An operand: element (r, p) with p along k. across: neighbours in memory are those of r, else those of p. four(): the
/// elements from (r, p) on in that direction, `inside` of which are within the operand; the others are 0.
template <class T, bool Across>
struct Matrix {
  using Value = T;
  static constexpr bool across = Across;
  T const* data;
  std::size_t stride;  // between rows of memory
  bool wide;  // is_wide(data, stride)

  ASHLAR_DEVICE device::Vec4<T> four(unsigned, unsigned r, unsigned p, unsigned inside) const {
    T const* const at = data + (Across ? p * stride + r : r * stride + p);
    if (inside >= 4 && wide) return device::load4(at);
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) out.v[j] = j < inside ? at[j] : T(0);
    return out;
  }
};

/// The result, row major: c[i][j] = act(init[i][j] + sum). init may be c, one row for all (stride 0), or null for 0.
template <class T, class Act>
struct MatrixResult {
  T const* init;
  std::size_t init_stride;
  T* c;
  std::size_t stride;
  bool wide;  // is_wide(c, stride)
  Act act;

  ASHLAR_DEVICE T first(unsigned, unsigned i, unsigned j) const {
    return init != nullptr ? init[i * init_stride + j] : T(0);
  }
  ASHLAR_DEVICE void one(unsigned, unsigned i, unsigned j, T sum) const { c[i * stride + j] = act(sum); }
  ASHLAR_DEVICE void four(unsigned, unsigned i, unsigned j, T const* sum) const {
    device::store4(c + i * stride + j, device::Vec4<T>{{act(sum[0]), act(sum[1]), act(sum[2]), act(sum[3])}});
  }
};

/// A tile of `Rows` x `Depth` on its way from global to shared memory, by all threads.
template <class Operand, unsigned Rows, unsigned Depth, unsigned Threads, unsigned Pad = 4>
struct Carrier {
  using T = typename Operand::Value;
  static constexpr bool across = Operand::across;
  static constexpr unsigned pitch = Rows + Pad;  // 16-byte rows, and writes along p spread over the banks
  static constexpr unsigned vectors = Rows * Depth / 4;
  static constexpr unsigned each = (vectors + Threads - 1) / Threads;
  using Shared = device::Array<T, pitch * Depth>;
  using Local = device::Vec4<T>[each];

  ASHLAR_DEVICE static constexpr bool has(unsigned id) { return vectors % Threads == 0 || id < vectors; }

  /// What lies beyond `rows` and `depth` is 0.
  ASHLAR_DEVICE static void fetch(unsigned thread, Operand const& from, unsigned batch, unsigned row, unsigned rows,
                                  unsigned first, unsigned depth, Local& to) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned q = 0; q < each; ++q) {
      unsigned const id = thread + q * Threads;
      if (!has(id)) continue;
      unsigned const r = row + (across ? id % (Rows / 4) * 4 : id / (Depth / 4));
      unsigned const p = first + (across ? id / (Rows / 4) : id % (Depth / 4) * 4);
      unsigned const inside = r < rows && p < depth ? (across ? rows - r : depth - p) : 0;
      to[q] = from.four(batch, r, p, inside);
    }
  }
  ASHLAR_DEVICE static void put(unsigned thread, Local const& from, Shared& to) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned q = 0; q < each; ++q) {
      unsigned const id = thread + q * Threads;
      if (!has(id)) continue;
      if constexpr (across) {
        to.set4(id / (Rows / 4) * pitch + id % (Rows / 4) * 4, from[q]);
      } else {
        ASHLAR_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) to.set((id % (Depth / 4) * 4 + j) * pitch + id / (Depth / 4), from[q].v[j]);
      }
    }
  }
};

/// c(i, j) = init(i, j) + sum over p < k of a(i, p) * b(j, p), i < m, j < n; a batch of them, one for each z of the
/// grid.
template <class Tile, class A, class B, class C, std::size_t N, std::size_t K>
struct Gemm {
  using T = typename A::Value;
  static constexpr unsigned threads = Tile::threads;
  using CarrierA = Carrier<A, Tile::m, Tile::k, threads>;
  using CarrierB = Carrier<B, Tile::n, Tile::k, threads>;
  struct Shared {
    typename CarrierA::Shared a[2];
    typename CarrierB::Shared b[2];
  };
  struct Local {
    T sum[Tile::tm][Tile::tn];
    typename CarrierA::Local a[Tile::stages];
    typename CarrierB::Local b[Tile::stages];
  };

  unsigned m;
  Size<N> n;
  Size<K> k;
  unsigned tiles_across;  // of c; they are numbered row by row, because only x of a grid may pass 65535
  unsigned splits;  // blocks that share the sums along k: split z % splits of batch z / splits
  unsigned chunk;  // p of one split
  A a;
  B b;
  C c;

  /// Row or column of a thread's element e: groups of four (two) side by side, the groups spread over the tile, so that
  /// the threads of a warp read neighbouring groups.
  template <unsigned Each, unsigned Extent>
  ASHLAR_DEVICE static unsigned place(unsigned at, unsigned e) {
    constexpr unsigned group = Each < 4 ? Each : 4;
    return e / group * (Extent / (Each / group)) + at * group + e % group;
  }

  template <unsigned Each, unsigned Extent, class Array>
  ASHLAR_DEVICE static void read(Array const& from, unsigned row, unsigned at, T (&to)[Each]) {
    if constexpr (Each % 4 == 0) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned e = 0; e < Each; e += 4) {
        device::Vec4<T> const v = from.get4(row + place<Each, Extent>(at, e));
        ASHLAR_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) to[e + j] = v.v[j];
      }
    } else {
      ASHLAR_DEVICE_UNROLL
      for (unsigned e = 0; e < Each; ++e) to[e] = from.get(row + place<Each, Extent>(at, e));
    }
  }

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    unsigned const row = block.index().x / tiles_across * Tile::m;
    unsigned const column = block.index().x % tiles_across * Tile::n;
    unsigned const batch = block.index().z / splits;
    unsigned const first = Size<K>::known ? 0 : block.index().z % splits * chunk;
    unsigned const last = Size<K>::known || k.get() - first < chunk ? k.get() : first + chunk;
    unsigned const steps = (last - first + Tile::k - 1) / Tile::k;

    auto const fetch = [&](unsigned thread, unsigned step, unsigned stage, Local& l) {
      CarrierA::fetch(thread, a, batch, row, m, first + step * Tile::k, last, l.a[stage]);
      CarrierB::fetch(thread, b, batch, column, n.get(), first + step * Tile::k, last, l.b[stage]);
    };
    auto const put = [](unsigned thread, unsigned step, unsigned stage, Shared& s, Local const& l) {
      CarrierA::put(thread, l.a[stage], s.a[step % 2]);
      CarrierB::put(thread, l.b[stage], s.b[step % 2]);
    };
    block.phase([&](auto& t, Shared& s, Local& l) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned q = 0; q < Tile::stages; ++q) {
        if (q < steps) fetch(t.index, q, q, l);
      }
      start(t.index, block.index().z, row, column, l);
      if (steps != 0) put(t.index, 0, 0, s, l);
    });
    for (unsigned i = 0; i < steps; i += Tile::stages) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned q = 0; q < Tile::stages; ++q) {
        unsigned const step = i + q;
        if (step >= steps) break;
        block.phase([&](auto& t, Shared& s, Local& l) {
          if (step + Tile::stages < steps) fetch(t.index, step + Tile::stages, q, l);
          add_step(t.index, s.a[step % 2], s.b[step % 2], l);
          if (step + 1 < steps) put(t.index, step + 1, (q + 1) % Tile::stages, s, l);
        });
      }
    }
    block.last([&](auto& t, Shared&, Local& l) { finish(t.index, block.index().z, row, column, l); });
  }

 private:
  ASHLAR_DEVICE void start(unsigned thread, unsigned batch, unsigned row, unsigned column, Local& l) const {
    ASHLAR_DEVICE_UNROLL
    for (unsigned e = 0; e < Tile::tm; ++e) {
      unsigned const i = row + place<Tile::tm, Tile::m>(thread / Tile::across, e);
      ASHLAR_DEVICE_UNROLL
      for (unsigned f = 0; f < Tile::tn; ++f) {
        unsigned const j = column + place<Tile::tn, Tile::n>(thread % Tile::across, f);
        l.sum[e][f] = i < m && j < n.get() ? c.first(batch, i, j) : T(0);
      }
    }
  }
  ASHLAR_DEVICE static void add_step(unsigned thread, typename CarrierA::Shared const& from_a,
                                     typename CarrierB::Shared const& from_b, Local& l) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned p = 0; p < Tile::k; ++p) {
      T x[Tile::tm];
      T y[Tile::tn];
      read<Tile::tm, Tile::m>(from_a, p * CarrierA::pitch, thread / Tile::across, x);
      read<Tile::tn, Tile::n>(from_b, p * CarrierB::pitch, thread % Tile::across, y);
      ASHLAR_DEVICE_UNROLL
      for (unsigned e = 0; e < Tile::tm; ++e) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned f = 0; f < Tile::tn; ++f) l.sum[e][f] += x[e] * y[f];
      }
    }
  }
  ASHLAR_DEVICE void finish(unsigned thread, unsigned batch, unsigned row, unsigned column, Local const& l) const {
    ASHLAR_DEVICE_UNROLL
    for (unsigned e = 0; e < Tile::tm; ++e) {
      unsigned const i = row + place<Tile::tm, Tile::m>(thread / Tile::across, e);
      if (i >= m) continue;
      constexpr unsigned group = Tile::tn % 4 == 0 ? 4 : Tile::tn;
      ASHLAR_DEVICE_UNROLL
      for (unsigned f = 0; f < Tile::tn; f += group) {
        unsigned const j = column + place<Tile::tn, Tile::n>(thread % Tile::across, f);
        if (group == 4 && c.wide && j + 4 <= n.get()) {
          c.four(batch, i, j, &l.sum[e][f]);
        } else {
          ASHLAR_DEVICE_UNROLL
          for (unsigned g = 0; g < group; ++g) {
            if (j + g < n.get()) c.one(batch, i, j + g, l.sum[e][f + g]);
          }
        }
      }
    }
  }
};

/// Kernels count rows, columns and products in 32 bits, to the end of their tiles. Error: device.
inline void check_product(std::size_t m, std::size_t n, std::size_t k) {
  constexpr std::size_t most = 0xffffff7f;
  if (m <= most && n <= most && k <= most) return;
  throw Error(Errc::device, "a product of matrices on cuda takes extents below 2^32 - 128, but (" + std::to_string(m) +
                                ", " + std::to_string(k) + ") * (" + std::to_string(k) + ", " + std::to_string(n) +
                                ") has more");
}

/// Launches Gemm with a tile, for `batch` results. Error: device, if m, n or k is too large.
template <class Tile, std::size_t N, std::size_t K, class A, class B, class C, class Launcher>
void gemm_with(Launcher& launcher, unsigned batch, std::size_t m, std::size_t n, std::size_t k, A const& a, B const& b,
               C const& c, unsigned splits = 1, std::size_t chunk = at_run_time) {
  if (m == 0 || n == 0) return;
  check_product(m, n, k);
  std::size_t const across = device::ceil_div(n, Tile::n);
  device::Grid const grid{device::ceil_div(m, Tile::m) * across, 1, std::size_t{batch} * splits};
  launcher.launch(
      grid, Gemm<Tile, A, B, C, N, K>{static_cast<unsigned>(m), Size<N>(n), Size<K>(k), static_cast<unsigned>(across),
                                      splits, static_cast<unsigned>(chunk), a, b, c});
}

/// True if c makes enough blocks of a tile. An H200 has 132 multiprocessors, and smaller GPUs lose little by tiles that
/// suit it.
template <class Tile>
constexpr bool has_blocks(unsigned batch, std::size_t m, std::size_t n, std::size_t enough = 128) {
  return batch * device::ceil_div(m, Tile::m) * device::ceil_div(n, Tile::n) >= enough;
}

/// The same with the tile that suits.
template <std::size_t N, std::size_t K, class A, class B, class C, class Launcher>
void gemm_of(Launcher& launcher, unsigned batch, std::size_t m, std::size_t n, std::size_t k, A const& a, B const& b,
             C const& c) {
  if constexpr (N <= NarrowTile::n) {
    if (has_blocks<NarrowTile>(batch, m, n, 264)) return gemm_with<NarrowTile, N, K>(launcher, batch, m, n, k, a, b, c);
  } else {
    if (has_blocks<MiddleTile>(batch, m, n)) return gemm_with<MiddleTile, N, K>(launcher, batch, m, n, k, a, b, c);
    if (has_blocks<SmallTile>(batch, m, n)) return gemm_with<SmallTile, N, K>(launcher, batch, m, n, k, a, b, c);
  }
  gemm_with<TinyTile, N, K>(launcher, batch, m, n, k, a, b, c);
}

/// The product of matrices. a: element (i, p) at a[i * lda + p], or, AAcross, at a[p * lda + i]; b likewise with (j,
/// p). n and k are N and K where these are known.
template <bool AAcross, bool BAcross, std::size_t N, std::size_t K, class T, class Act, class Launcher>
void gemm(Launcher& launcher, std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t lda, T const* b,
          std::size_t ldb, T const* init, std::size_t init_stride, T* c, std::size_t c_stride, Act act) {
  gemm_of<N, K>(launcher, 1, m, n, k, Matrix<T, AAcross>{a, lda, device::is_wide(a, lda)},
                Matrix<T, BAcross>{b, ldb, device::is_wide(b, ldb)},
                MatrixResult<T, Act>{init, init_stride, c, c_stride, device::is_wide(c, c_stride), act});
}

/// The sums of split s of result b: parts (splits, batch, m, n).
template <class T>
struct PartOfSums {
  static constexpr bool wide = false;
  T* parts;
  unsigned splits;
  unsigned batch;
  unsigned m;
  unsigned n;
  ASHLAR_DEVICE T first(unsigned, unsigned, unsigned) const { return T(0); }
  ASHLAR_DEVICE void one(unsigned z, unsigned i, unsigned j, T sum) const {
    parts[((std::size_t{z % splits} * batch + z / splits) * m + i) * n + j] = sum;
  }
  ASHLAR_DEVICE void four(unsigned, unsigned, unsigned, T const*) const {}
};

/// Blocks that share each sum: as many as bring 264 blocks to work, none with less than 256 products.
constexpr std::size_t splits_of(std::size_t tiles, std::size_t k) {
  std::size_t const wanted = tiles == 0 ? 1 : 264 / tiles;
  std::size_t const most = k / 256;
  std::size_t const some = wanted < most ? wanted : most;
  return some < 2 ? 1 : some < 64 ? some : 64;
}

/// c (batch, m, n) += the products. `whole` is c as a result of gemm_of, for when nothing is split.
template <std::size_t N, class A, class B, class C, class T, class Launcher>
void gemm_accumulate(Launcher& launcher, unsigned batch, std::size_t m, std::size_t n, std::size_t k, A const& a,
                     B const& b, C const& whole, T* c) {
  std::size_t const splits =
      splits_of(batch * device::ceil_div(m, MiddleTile::m) * device::ceil_div(n, MiddleTile::n), k);
  if (splits == 1 || m == 0 || n == 0) return gemm_of<N, at_run_time>(launcher, batch, m, n, k, a, b, whole);
  std::size_t const size = batch * m * n;
  auto* const parts = static_cast<T*>(launcher.workspace(splits * size * sizeof(T)));
  auto const shares = static_cast<unsigned>(splits);
  std::size_t const chunk = device::ceil_div(device::ceil_div(k, splits), 4) * 4;  // vectors of 4 stay aligned
  PartOfSums<T> const part{parts, shares, batch, static_cast<unsigned>(m), static_cast<unsigned>(n)};
  gemm_with<MiddleTile, N, at_run_time>(launcher, batch, m, n, k, a, b, part, shares, chunk);
  sum_rows<true>(launcher, splits, size, ElementOf<T>{parts, size}, c);
}

/// c (m, n) += the product of matrices, as gemm() has it.
template <bool AAcross, bool BAcross, std::size_t N, class T, class Launcher>
void gemm_accumulate(Launcher& launcher, std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t lda,
                     T const* b, std::size_t ldb, T* c) {
  gemm_accumulate<N>(launcher, 1, m, n, k, Matrix<T, AAcross>{a, lda, device::is_wide(a, lda)},
                     Matrix<T, BAcross>{b, ldb, device::is_wide(b, ldb)},
                     MatrixResult<T, Identity>{c, n, c, n, device::is_wide(c, n), {}}, c);
}

}  // namespace ashlar::kernels::cuda
