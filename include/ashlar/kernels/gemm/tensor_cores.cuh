// kernels/gemm/tensor_cores.cuh: the product of matrices by the tensor cores of sm_80 and later, in TF32 or bfloat16.
// SPDX-License-Identifier: BSL-1.0
//
// For float operands whose products may be rounded: each is rounded to 11 bits (TF32) or 8 (bfloat16) first, products
// are exact, and sums are float, of 8 or 16 products at once in an order that NVIDIA does not specify. The same GPU
// gives the same bits; another generation may give others. Nothing uses this unless it is asked for by name.
//
// A block computes a tile of c in steps of 16 words of 32 bits along k: 16 values in TF32, 32 in bfloat16. Values are
// rounded once, on their way into shared memory, where the words of a row lie side by side. What a lane multiplies in
// the two products of fragments of a step are the four words 4 t ... 4 t + 3 of a row, t = lane % 4: one load of 16
// bytes, because any order of k will do that is the same for a and b. Buffers and fetching are those of gemm/cuda.cuh.
//
// Roofline, tile 64 x 64, 4 warps of 32 x 32: in a step a warp loads 8 times 512 bytes for 16 products of fragments,
// and the block stores 8 KiB: 192 cycles of a multiprocessor at 128 bytes a cycle for 131072 flop in TF32, 680 a cycle;
// an H200 does 2130 by mma.sync (62 % of its 494 TF/s; the rest needs wgmma). bfloat16 does twice the flop for the same
// words. An RTX 4070 mobile (TF32 31 TF/s, 490 flop a cycle and multiprocessor) is limited by its tensor cores. What
// limits an H200 is the time of a step, some 1000 cycles if a block has a multiprocessor to itself: so registers allow
// three, and elements of two steps are on their way. One block of 128 x 128 took 2000 cycles: 58 TF/s (TF32), 92
// (bfloat16), where cuBLAS has 320 (TF32).
#pragma once

#include <ashlar/kernels/gemm/cuda.cuh>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels::cuda {

enum class TensorCores { tf32, bf16 };

namespace detail {

/// x rounded to TF32, ties away from zero.
ASHLAR_DEVICE_INLINE unsigned to_tf32(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  unsigned out;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(out) : "f"(x));
  return out;
#else
  auto const bits = __builtin_bit_cast(unsigned, x);
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
#endif
}

/// Two values rounded to bfloat16, ties to even; the first is the lower half.
ASHLAR_DEVICE_INLINE unsigned to_bf16(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  unsigned out;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(second), "f"(first));
  return out;
#else
  auto const round = [](float x) {
    auto const bits = __builtin_bit_cast(unsigned, x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  };
  return round(first) | round(second) << 16;
#endif
}

}  // namespace detail

/// M x N of c by warps of 16 U x 8 V.
template <unsigned M, unsigned N, unsigned U, unsigned V>
struct TensorTile {
  static constexpr unsigned m = M, n = N, u = U, v = V;
  static constexpr unsigned warps_down = M / (16 * U);
  static constexpr unsigned threads = 32 * warps_down * (N / (8 * V));
};
using TensorTile64 = TensorTile<64, 64, 2, 4>;

/// `Rows` x 16 words of an operand on their way from global to shared memory, by all threads, in pieces of four words:
/// of one row where neighbours in memory are those of p, else of four rows.
template <TensorCores Kind, class Operand, unsigned Rows, unsigned Threads>
struct WordCarrier {
  static constexpr bool across = Operand::across;
  static constexpr unsigned words = 16;
  static constexpr unsigned in_word = Kind == TensorCores::tf32 ? 1 : 2;
  static constexpr unsigned each = Rows * words / 4 / Threads;
  static_assert(Rows % 32 == 0 && each * Threads * 4 == Rows * words);
  using Shared = device::Array<unsigned, Rows * words>;
  struct Piece {
    device::Vec4<float> v[in_word];
  };
  using Local = Piece[each];

  /// Where word w of row r lies. Pieces of 16 bytes change places by rows, so that no two threads of a warp that store
  /// four rows, and no eight that load one, meet in a bank more than twice.
  ASHLAR_DEVICE static unsigned place(unsigned r, unsigned w) {
    return r * words + ((w / 4) ^ (r / 4 % 4)) * 4 + w % 4;
  }

  /// What lies beyond `rows` and `depth` is 0.
  ASHLAR_DEVICE static void fetch(unsigned thread, Operand const& from, unsigned row, unsigned rows, unsigned first,
                                  unsigned depth, Local& to) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned q = 0; q < each; ++q) {
      unsigned const id = thread + q * Threads;
      unsigned const r = row + row_of(id);
      ASHLAR_DEVICE_UNROLL
      for (unsigned h = 0; h < in_word; ++h) {
        unsigned const p = first + word_of(id) * in_word + (across ? h : 4 * h);
        unsigned const inside = r < rows && p < depth ? (across ? rows - r : depth - p) : 0;
        to[q].v[h] = from.four(0, r, p, inside);
      }
    }
  }
  ASHLAR_DEVICE static void put(unsigned thread, Local const& from, Shared& to) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned q = 0; q < each; ++q) {
      unsigned const id = thread + q * Threads;
      device::Vec4<unsigned> x;
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < 4; ++j) x.v[j] = word(from[q], j);
      if constexpr (across) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) to.set(place(row_of(id) + j, word_of(id)), x.v[j]);
      } else {
        to.set4(place(row_of(id), word_of(id)), x);
      }
    }
  }

 private:
  /// The first row and word of a piece: neighbours in a warp have neighbours in memory.
  ASHLAR_DEVICE static unsigned row_of(unsigned id) { return across ? (id % 8 + id / 128 * 8) * 4 : id / 4; }
  ASHLAR_DEVICE static unsigned word_of(unsigned id) { return across ? id / 8 % words : id % 4 * 4; }

  ASHLAR_DEVICE static unsigned word(Piece const& x, unsigned j) {
    if constexpr (Kind == TensorCores::tf32) {
      return detail::to_tf32(x.v[0].v[j]);
    } else if constexpr (across) {
      return detail::to_bf16(x.v[0].v[j], x.v[1].v[j]);
    } else {
      return detail::to_bf16(x.v[j / 2].v[j % 2 * 2], x.v[j / 2].v[j % 2 * 2 + 1]);
    }
  }
};

/// c(i, j) = init(i, j) + sum over p < k of a(i, p) * b(j, p), of float.
template <TensorCores Kind, class Tile, class A, class B, class C>
struct TensorGemm {
  static constexpr unsigned threads = Tile::threads;
  static constexpr int least_capability = 80;
  static constexpr unsigned stages = Kind == TensorCores::tf32 ? 2 : 1;  // of 16 values along k, or of 32
  static constexpr unsigned resident = 3;  // with four, some shapes spill
  using CarrierA = WordCarrier<Kind, A, Tile::m, threads>;
  using CarrierB = WordCarrier<Kind, B, Tile::n, threads>;
  static constexpr unsigned tile_k = CarrierA::words * CarrierA::in_word;
  struct Shared {
    typename CarrierA::Shared a[2];
    typename CarrierB::Shared b[2];
  };
  struct Local {
    float sum[Tile::u][Tile::v][4];
    unsigned a[2][Tile::u][4];  // of both products of a step
    unsigned b[2][Tile::v][2];
    typename CarrierA::Local next_a[stages];
    typename CarrierB::Local next_b[stages];
  };

  unsigned m;
  unsigned n;
  unsigned k;
  unsigned tiles_across;
  A a;
  B b;
  C c;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    unsigned const row = block.index().x / tiles_across * Tile::m;
    unsigned const column = block.index().x % tiles_across * Tile::n;
    unsigned const steps = (k + tile_k - 1) / tile_k;

    block.phase([&](auto& t, Shared& s, Local& l) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned q = 0; q < stages; ++q) fetch(t.index, row, column, q, q, l);
      for_each_sum(
          t.index, row, column,
          [&](unsigned i, unsigned j, float& sum) { sum = i < m && j < n ? c.first(0, i, j) : 0.0f; }, l);
      put(t.index, l, 0, s, 0);
    });
    for (unsigned i = 0; i < steps; i += stages) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned q = 0; q < stages; ++q) {
        unsigned const step = i + q;
        if (step >= steps) break;
        block.warps([&](auto& t, Shared& s, Local& l) {
          if (step + stages < steps) fetch(t.index, row, column, step + stages, q, l);
          load_fragments(t, s, step % 2, l);
        });
        block.phase([&](auto& t, Shared& s, Local& l) {
          multiply(t, l);
          if (step + 1 < steps) put(t.index, l, (q + 1) % stages, s, (step + 1) % 2);
        });
      }
    }
    block.last([&](auto& t, Shared&, Local& l) {
      for_each_sum(
          t.index, row, column,
          [&](unsigned i, unsigned j, float& sum) {
            if (i < m && j < n) c.one(0, i, j, sum);
          },
          l);
    });
  }

 private:
  /// The elements of a step to a stage; beyond the last they are 0.
  ASHLAR_DEVICE void fetch(unsigned thread, unsigned row, unsigned column, unsigned step, unsigned stage,
                           Local& l) const {
    CarrierA::fetch(thread, a, row, m, step * tile_k, k, l.next_a[stage]);
    CarrierB::fetch(thread, b, column, n, step * tile_k, k, l.next_b[stage]);
  }
  ASHLAR_DEVICE static void put(unsigned thread, Local const& l, unsigned stage, Shared& s, unsigned to) {
    CarrierA::put(thread, l.next_a[stage], s.a[to]);
    CarrierB::put(thread, l.next_b[stage], s.b[to]);
  }
  /// First row and column of a thread's warp in the tile.
  ASHLAR_DEVICE static unsigned warp_row(unsigned thread) { return thread / 32 % Tile::warps_down * (16 * Tile::u); }
  ASHLAR_DEVICE static unsigned warp_column(unsigned thread) { return thread / 32 / Tile::warps_down * (8 * Tile::v); }

  template <class F>
  ASHLAR_DEVICE static void for_each_sum(unsigned thread, unsigned row, unsigned column, F const& f, Local& l) {
    unsigned const lane = thread % 32;
    ASHLAR_DEVICE_UNROLL
    for (unsigned u = 0; u < Tile::u; ++u) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned v = 0; v < Tile::v; ++v) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned e = 0; e < 4; ++e) {
          f(row + warp_row(thread) + 16 * u + lane / 4 + e / 2 * 8,
            column + warp_column(thread) + 8 * v + 2 * (lane % 4) + e % 2, l.sum[u][v][e]);
        }
      }
    }
  }
  template <class Thread>
  ASHLAR_DEVICE static void load_fragments(Thread& t, Shared& s, unsigned from, Local& l) {
    unsigned const r = t.lane() / 4;
    unsigned const w = t.lane() % 4 * 4;
    ASHLAR_DEVICE_UNROLL
    for (unsigned u = 0; u < Tile::u; ++u) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned half = 0; half < 2; ++half) {
        device::Vec4<unsigned> const x = s.a[from].get4(CarrierA::place(warp_row(t.index) + 16 * u + 8 * half + r, w));
        ASHLAR_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) l.a[j / 2][u][j % 2 * 2 + half] = x.v[j];
      }
    }
    ASHLAR_DEVICE_UNROLL
    for (unsigned v = 0; v < Tile::v; ++v) {
      device::Vec4<unsigned> const x = s.b[from].get4(CarrierB::place(warp_column(t.index) + 8 * v + r, w));
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < 4; ++j) l.b[j / 2][v][j % 2] = x.v[j];
    }
  }
  template <class Thread>
  ASHLAR_DEVICE static void multiply(Thread& t, Local& l) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned product = 0; product < 2; ++product) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned u = 0; u < Tile::u; ++u) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned v = 0; v < Tile::v; ++v) {
          if constexpr (Kind == TensorCores::tf32) {
            t.mma_tf32(l.sum[u][v], l.a[product][u], l.b[product][v]);
          } else {
            t.mma_bf16(l.sum[u][v], l.a[product][u], l.b[product][v]);
          }
        }
      }
    }
  }
};

/// True if tensor cores are faster than gemm() for m x n results: if these make blocks for all multiprocessors.
constexpr bool tensor_cores_pay(std::size_t m, std::size_t n) { return has_blocks<TensorTile64>(1, m, n); }

/// gemm() of gemm/cuda.cuh by tensor cores. Errors: device, on a GPU older than sm_80.
template <TensorCores Kind, bool AAcross, bool BAcross, class Tile = TensorTile64, class Act, class Launcher>
void tensor_gemm(Launcher& launcher, std::size_t m, std::size_t n, std::size_t k, float const* a, std::size_t lda,
                 float const* b, std::size_t ldb, float const* init, std::size_t init_stride, float* c,
                 std::size_t c_stride, Act act) {
  using Kernel = TensorGemm<Kind, Tile, Matrix<float, AAcross>, Matrix<float, BAcross>, MatrixResult<float, Act>>;
  if (m == 0 || n == 0) return;
  check_product(m, n, k);
  std::size_t const across = device::ceil_div(n, Tile::n);
  launcher.launch({device::ceil_div(m, Tile::m) * across}, Kernel{static_cast<unsigned>(m),
                                                                  static_cast<unsigned>(n),
                                                                  static_cast<unsigned>(k),
                                                                  static_cast<unsigned>(across),
                                                                  {a, lda, device::is_wide(a, lda)},
                                                                  {b, ldb, device::is_wide(b, ldb)},
                                                                  {init, init_stride, c, c_stride, false, act}});
}

}  // namespace ashlar::kernels::cuda
