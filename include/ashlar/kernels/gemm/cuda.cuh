// kernels/gemm/cuda.cuh: the matrix product that linear, matmul and conv run on, for the GPU and its executors on the
// CPU. SPDX-License-Identifier: BSL-1.0
//
// Each element of c is one chain of multiply-adds over p = 0, 1, ..., k - 1, in every tile: the same input gives the
// same bits on every GPU, for any number of rows, wherever the element stands.
//
// A block computes a tile of c (BM x BN) in steps of BK along k. Two buffers in shared memory: while step i is computed
// from one, the elements of step i + 1 travel from global memory to registers, and then into the other: one barrier a
// step. Every thread holds TM x TN sums in registers.
//
// Roofline, float, tile 128 x 128 x 8, 256 threads. A step reads 2 * 128 * 8 * 4 = 8 KiB and does 2 * 128 * 128 * 8 =
// 262144 flop: 32 flop a byte of global or L2 traffic. H200 (67 TF/s without tensor cores, 4.8 TB/s of HBM, about 10
// TB/s of L2): 14 flop a byte is the ridge, so arithmetic is the limit. Per k a thread reads 16 floats from shared
// memory (4 loads of 16 bytes) for 64 multiply-adds: 4 issue slots in 68, so about 85 % of the peak is the ceiling.
// tests/golden/ptxas has the registers: two blocks, 16 warps, to a multiprocessor, which 64 independent chains a thread
// hide latency with. RTX 4070 mobile (15.6 TF/s, 256 GB/s, 32 MB of L2): ridge 61 flop a byte of HBM, 32 here, but
// operands up to 32 MB come from L2. Small tiles (64 x 64 x 16: 16 flop a byte) are for few rows, where blocks for all
// multiprocessors count for more.
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// The sizes of a tile; see above. `threads` is 256.
template <unsigned M, unsigned N, unsigned K, unsigned RowsOfThread, unsigned ColumnsOfThread>
struct GemmTile {
  static constexpr unsigned m = M, n = N, k = K, tm = RowsOfThread, tn = ColumnsOfThread;
  static constexpr unsigned across = N / ColumnsOfThread;
  static constexpr unsigned threads = M / RowsOfThread * across;
  static_assert(threads == 256 && M % 4 == 0 && N % 4 == 0 && K % 4 == 0);
};
using LargeTile = GemmTile<128, 128, 8, 8, 8>;
using MiddleTile = GemmTile<64, 64, 16, 4, 4>;
using NarrowTile = GemmTile<128, 16, 16, 4, 2>;

/// A size known when the kernel is compiled, or, if N is `at_run_time`, when it is launched.
inline constexpr std::size_t at_run_time = static_cast<std::size_t>(-1);
template <std::size_t N>
struct Size {
  static constexpr bool known = true;
  constexpr Size(std::size_t = N) {}
  ASHLAR_DEVICE std::size_t get() const { return N; }
};
template <>
struct Size<at_run_time> {
  static constexpr bool known = false;
  constexpr Size(std::size_t n) : n_(n) {}
  ASHLAR_DEVICE std::size_t get() const { return n_; }

 private:
  std::size_t n_;
};

/// A matrix operand: element (r, p) with p along k. Across: neighbours in memory are those of r, else those of p.
template <class T, bool Across>
struct Operand {
  T const* data;
  std::size_t stride;  // between rows of memory
  bool wide;  // is_wide(data, stride)
};

/// A tile of `Rows` x `Depth` on its way from global to shared memory, by all 256 threads.
template <class T, bool Across, unsigned Rows, unsigned Depth, unsigned Threads>
struct Carrier {
  static constexpr unsigned pitch = Rows + 4;  // 16-byte rows, and writes along p spread over the banks
  static constexpr unsigned vectors = Rows * Depth / 4;
  static constexpr unsigned each = (vectors + Threads - 1) / Threads;
  using Shared = device::Array<T, pitch * Depth>;
  using Local = device::Vec4<T>[each];

  ASHLAR_DEVICE static constexpr bool has(unsigned id) { return vectors % Threads == 0 || id < vectors; }

  /// What lies beyond `rows` and `depth` is 0.
  ASHLAR_DEVICE static void fetch(unsigned thread, Operand<T, Across> const& from, std::size_t row, std::size_t rows,
                                  std::size_t first, std::size_t depth, Local& to) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned q = 0; q < each; ++q) {
      unsigned const id = thread + q * Threads;
      if (!has(id)) continue;
      std::size_t const r = row + (Across ? id % (Rows / 4) * 4 : id / (Depth / 4));
      std::size_t const p = first + (Across ? id / (Rows / 4) : id % (Depth / 4) * 4);
      T const* const at = Across ? from.data + p * from.stride + r : from.data + r * from.stride + p;
      std::size_t const inside =
          Across ? (p < depth && r < rows ? rows - r : 0) : (r < rows && p < depth ? depth - p : 0);
      if (inside >= 4 && from.wide) {
        to[q] = device::load4(at);
      } else {
        ASHLAR_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) to[q].v[j] = j < inside ? at[j] : T(0);
      }
    }
  }
  ASHLAR_DEVICE static void put(unsigned thread, Local const& from, Shared& to) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned q = 0; q < each; ++q) {
      unsigned const id = thread + q * Threads;
      if (!has(id)) continue;
      if constexpr (Across) {
        to.set4(id / (Rows / 4) * pitch + id % (Rows / 4) * 4, from[q]);
      } else {
        ASHLAR_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) to.set((id % (Depth / 4) * 4 + j) * pitch + id / (Depth / 4), from[q].v[j]);
      }
    }
  }
};

/// c[i][j] = act(init[i][j] + sum over p < k of a(i, p) * b(j, p)), c (m, n) row major. init may be c, one row for all
/// (stride 0), or null for 0.
template <class Tile, bool AAcross, bool BAcross, std::size_t N, std::size_t K, class T, class Act>
struct Gemm {
  static constexpr unsigned threads = Tile::threads;
  using CarrierA = Carrier<T, AAcross, Tile::m, Tile::k, threads>;
  using CarrierB = Carrier<T, BAcross, Tile::n, Tile::k, threads>;
  struct Shared {
    typename CarrierA::Shared a[2];
    typename CarrierB::Shared b[2];
  };
  struct Local {
    T sum[Tile::tm][Tile::tn];
    typename CarrierA::Local a;
    typename CarrierB::Local b;
  };

  std::size_t m;
  Size<N> n;
  Size<K> k;
  Operand<T, AAcross> a;
  Operand<T, BAcross> b;
  T const* init;
  std::size_t init_stride;
  T* c;
  std::size_t c_stride;
  bool wide;  // is_wide(c, c_stride)
  Act act;

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
    std::size_t const row = std::size_t{block.index().x} * Tile::m;
    std::size_t const column = std::size_t{block.index().y} * Tile::n;
    std::size_t const steps = (k.get() + Tile::k - 1) / Tile::k;

    block.phase([&](auto& t, Shared& s, Local& l) {
      CarrierA::fetch(t.index, a, row, m, 0, k.get(), l.a);
      CarrierB::fetch(t.index, b, column, n.get(), 0, k.get(), l.b);
      start(t.index, row, column, l);
      CarrierA::put(t.index, l.a, s.a[0]);
      CarrierB::put(t.index, l.b, s.b[0]);
    });
    for (std::size_t i = 0; i < steps; ++i) {
      block.phase([&](auto& t, Shared& s, Local& l) {
        bool const more = i + 1 < steps;
        if (more) {
          CarrierA::fetch(t.index, a, row, m, (i + 1) * Tile::k, k.get(), l.a);
          CarrierB::fetch(t.index, b, column, n.get(), (i + 1) * Tile::k, k.get(), l.b);
        }
        add_step(t.index, s.a[i % 2], s.b[i % 2], l);
        if (more) {
          CarrierA::put(t.index, l.a, s.a[(i + 1) % 2]);
          CarrierB::put(t.index, l.b, s.b[(i + 1) % 2]);
        }
      });
    }
    block.last([&](auto& t, Shared&, Local& l) { finish(t.index, row, column, l); });
  }

 private:
  ASHLAR_DEVICE void start(unsigned thread, std::size_t row, std::size_t column, Local& l) const {
    ASHLAR_DEVICE_UNROLL
    for (unsigned e = 0; e < Tile::tm; ++e) {
      std::size_t const i = row + place<Tile::tm, Tile::m>(thread / Tile::across, e);
      ASHLAR_DEVICE_UNROLL
      for (unsigned f = 0; f < Tile::tn; ++f) {
        std::size_t const j = column + place<Tile::tn, Tile::n>(thread % Tile::across, f);
        l.sum[e][f] = init != nullptr && i < m && j < n.get() ? init[i * init_stride + j] : T(0);
      }
    }
  }
  template <class A, class B>
  ASHLAR_DEVICE static void add_step(unsigned thread, A const& from_a, B const& from_b, Local& l) {
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
  ASHLAR_DEVICE void finish(unsigned thread, std::size_t row, std::size_t column, Local const& l) const {
    ASHLAR_DEVICE_UNROLL
    for (unsigned e = 0; e < Tile::tm; ++e) {
      std::size_t const i = row + place<Tile::tm, Tile::m>(thread / Tile::across, e);
      if (i >= m) continue;
      if constexpr (Tile::tn % 4 == 0) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned f = 0; f < Tile::tn; f += 4) {
          std::size_t const j = column + place<Tile::tn, Tile::n>(thread % Tile::across, f);
          if (wide && j + 4 <= n.get()) {
            device::store4(c + i * c_stride + j, device::Vec4<T>{{act(l.sum[e][f]), act(l.sum[e][f + 1]),
                                                                  act(l.sum[e][f + 2]), act(l.sum[e][f + 3])}});
          } else {
            ASHLAR_DEVICE_UNROLL
            for (unsigned g = 0; g < 4; ++g) {
              if (j + g < n.get()) c[i * c_stride + j + g] = act(l.sum[e][f + g]);
            }
          }
        }
      } else {
        ASHLAR_DEVICE_UNROLL
        for (unsigned f = 0; f < Tile::tn; ++f) {
          std::size_t const j = column + place<Tile::tn, Tile::n>(thread % Tile::across, f);
          if (j < n.get()) c[i * c_stride + j] = act(l.sum[e][f]);
        }
      }
    }
  }
};

/// Launches Gemm with the tile that suits: m and k at run time or known, as N and K say.
///
/// a: element (i, p) at a[i * lda + p], or, AAcross, at a[p * lda + i]; b likewise with (j, p).
template <bool AAcross, bool BAcross, std::size_t N, std::size_t K, class T, class Act, class Launcher>
void gemm(Launcher& launcher, std::size_t m, Size<N> n, Size<K> k, std::size_t columns, T const* a, std::size_t lda,
          T const* b, std::size_t ldb, T const* init, std::size_t init_stride, T* c, std::size_t c_stride, Act act) {
  auto const with = [&](auto tile) {
    using Tile = decltype(tile);
    device::Grid const grid{static_cast<unsigned>(device::ceil_div(m, Tile::m)),
                            static_cast<unsigned>(device::ceil_div(columns, Tile::n))};
    launcher.launch(grid, Gemm<Tile, AAcross, BAcross, N, K, T, Act>{m,
                                                                     n,
                                                                     k,
                                                                     {a, lda, device::is_wide(a, lda)},
                                                                     {b, ldb, device::is_wide(b, ldb)},
                                                                     init,
                                                                     init_stride,
                                                                     c,
                                                                     c_stride,
                                                                     device::is_wide(c, c_stride),
                                                                     act});
  };
  if (m == 0 || columns == 0) return;
  if constexpr (N != at_run_time && N <= 16) {
    with(NarrowTile{});
  } else {
    // 132 multiprocessors want two blocks each before a block may be large.
    bool const many = device::ceil_div(m, LargeTile::m) * device::ceil_div(columns, LargeTile::n) >= 264;
    if (sizeof(T) == 4 && many) {
      with(LargeTile{});
    } else {
      with(MiddleTile{});
    }
  }
}

}  // namespace ashlar::kernels::cuda
