// kernels/gemm/tensor_cores.cuh: the product of matrices by the tensor cores of sm_80 and later, in TF32 or bfloat16.
// SPDX-License-Identifier: BSL-1.0
//
// For float operands whose products may be rounded: each is rounded to 11 bits (TF32) or 8 (bfloat16) first, products
// are exact, and sums are float, of 8 or 16 products at once in an order that NVIDIA does not specify. The same GPU
// gives the same bits; another generation may give others. Nothing uses this unless it is asked for by name.
//
// A block of 8 warps computes 128 x 64 of c in steps of 16 along k, a warp 32 x 32: 2 x 4 fragments. Buffers and
// fetching are those of gemm/cuda.cuh. A fragment is loaded in one phase and multiplied in the next, which loads the
// following.
//
// Roofline: 8 products of fragments, 16384 flop in TF32, take 16 loads of 128 bytes from shared memory: 16 cycles of a
// multiprocessor at 128 bytes a cycle, in which an H200 could do 21000 flop by mma (62 % of its 494 TF/s; the rest
// needs wgmma): about 75 % of that, some 230 TF/s, four times what gemm/cuda.cuh can. bfloat16 converts as it loads and
// does twice the flop for the same bytes. An RTX 4070 mobile (TF32 31 TF/s, 490 flop a cycle and multiprocessor) is
// limited by its tensor cores: 16384 flop take 33 cycles.
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

/// c(i, j) = init(i, j) + sum over p < k of a(i, p) * b(j, p), of float.
template <TensorCores Kind, class A, class B, class C>
struct TensorGemm {
  static constexpr unsigned threads = 256;
  static constexpr int least_capability = 80;
  static constexpr unsigned tile_m = 128, tile_n = 64, tile_k = 16;
  static constexpr unsigned depth = Kind == TensorCores::tf32 ? 8 : 16;  // of a fragment
  static constexpr unsigned steps_of_tile = tile_k / depth;
  using CarrierA = Carrier<A, tile_m, tile_k, threads, 8>;  // 8: a fragment's lanes read 32 different banks
  using CarrierB = Carrier<B, tile_n, tile_k, threads, 8>;
  struct Shared {
    typename CarrierA::Shared a[2];
    typename CarrierB::Shared b[2];
  };
  struct Local {
    float sum[2][4][4];
    unsigned a[2][4];
    unsigned b[4][2];
    typename CarrierA::Local next_a;
    typename CarrierB::Local next_b;
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
    unsigned const row = block.index().x / tiles_across * tile_m;
    unsigned const column = block.index().x % tiles_across * tile_n;
    unsigned const steps = (k + tile_k - 1) / tile_k;

    block.phase([&](auto& t, Shared& s, Local& l) {
      fetch(t.index, row, column, 0, l);
      for_each_sum(
          t.index, row, column,
          [&](unsigned i, unsigned j, float& sum) { sum = i < m && j < n ? c.first(0, i, j) : 0.0f; }, l);
      put(t.index, l, s, 0);
    });
    for (unsigned i = 0; i < steps; ++i) {
      unsigned const from = i % 2;
      block.warps([&](auto& t, Shared& s, Local& l) {
        if (i + 1 < steps) fetch(t.index, row, column, (i + 1) * tile_k, l);
        load_fragments(t, s, from, 0, l);
      });
      for (unsigned step = 1; step < steps_of_tile; ++step) {
        block.warps([&](auto& t, Shared& s, Local& l) {
          multiply(t, l);
          load_fragments(t, s, from, step * depth, l);
        });
      }
      block.phase([&](auto& t, Shared& s, Local& l) {
        multiply(t, l);
        if (i + 1 < steps) put(t.index, l, s, 1 - from);
      });
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
  ASHLAR_DEVICE void fetch(unsigned thread, unsigned row, unsigned column, unsigned first, Local& l) const {
    CarrierA::fetch(thread, a, 0, row, m, first, k, l.next_a);
    CarrierB::fetch(thread, b, 0, column, n, first, k, l.next_b);
  }
  ASHLAR_DEVICE static void put(unsigned thread, Local const& l, Shared& s, unsigned to) {
    CarrierA::put(thread, l.next_a, s.a[to]);
    CarrierB::put(thread, l.next_b, s.b[to]);
  }
  /// First row and column of a thread's warp in the tile: 4 x 2 warps.
  ASHLAR_DEVICE static unsigned warp_row(unsigned thread) { return thread / 32 % 4 * 32; }
  ASHLAR_DEVICE static unsigned warp_column(unsigned thread) { return thread / 128 * 32; }

  template <class F>
  ASHLAR_DEVICE static void for_each_sum(unsigned thread, unsigned row, unsigned column, F const& f, Local& l) {
    unsigned const lane = thread % 32;
    ASHLAR_DEVICE_UNROLL
    for (unsigned u = 0; u < 2; ++u) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned v = 0; v < 4; ++v) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned e = 0; e < 4; ++e) {
          f(row + warp_row(thread) + 16 * u + lane / 4 + e / 2 * 8,
            column + warp_column(thread) + 8 * v + 2 * (lane % 4) + e % 2, l.sum[u][v][e]);
        }
      }
    }
  }
  /// The register with element (r, p) of a tile, and, in bfloat16, (r, p + 1).
  template <unsigned Pitch, class Tile>
  ASHLAR_DEVICE static unsigned fragment(Tile const& tile, unsigned r, unsigned p) {
    if constexpr (Kind == TensorCores::tf32) {
      return detail::to_tf32(tile.get(p * Pitch + r));
    } else {
      return detail::to_bf16(tile.get(p * Pitch + r), tile.get((p + 1) * Pitch + r));
    }
  }
  template <class Thread>
  ASHLAR_DEVICE static void load_fragments(Thread& t, Shared& s, unsigned from, unsigned first, Local& l) {
    unsigned const r = t.lane() / 4;
    unsigned const p = first + (depth / 8) * (t.lane() % 4);
    ASHLAR_DEVICE_UNROLL
    for (unsigned u = 0; u < 2; ++u) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned e = 0; e < 4; ++e) {
        l.a[u][e] =
            fragment<CarrierA::pitch>(s.a[from], warp_row(t.index) + 16 * u + r + e % 2 * 8, p + e / 2 * (depth / 2));
      }
    }
    ASHLAR_DEVICE_UNROLL
    for (unsigned v = 0; v < 4; ++v) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned e = 0; e < 2; ++e) {
        l.b[v][e] = fragment<CarrierB::pitch>(s.b[from], warp_column(t.index) + 8 * v + r, p + e * (depth / 2));
      }
    }
  }
  template <class Thread>
  ASHLAR_DEVICE static void multiply(Thread& t, Local& l) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned u = 0; u < 2; ++u) {
      ASHLAR_DEVICE_UNROLL
      for (unsigned v = 0; v < 4; ++v) {
        if constexpr (Kind == TensorCores::tf32) {
          t.mma_tf32(l.sum[u][v], l.a[u], l.b[v]);
        } else {
          t.mma_bf16(l.sum[u][v], l.a[u], l.b[v]);
        }
      }
    }
  }
};

/// gemm() of gemm/cuda.cuh by tensor cores. Errors: device, on a GPU older than sm_80.
template <TensorCores Kind, bool AAcross, bool BAcross, class Act, class Launcher>
void tensor_gemm(Launcher& launcher, std::size_t m, std::size_t n, std::size_t k, float const* a, std::size_t lda,
                 float const* b, std::size_t ldb, float const* init, std::size_t init_stride, float* c,
                 std::size_t c_stride, Act act) {
  using Kernel = TensorGemm<Kind, Matrix<float, AAcross>, Matrix<float, BAcross>, MatrixResult<float, Act>>;
  if (m == 0 || n == 0) return;
  auto const across = static_cast<unsigned>(device::ceil_div(n, Kernel::tile_n));
  launcher.launch({static_cast<unsigned>(device::ceil_div(m, Kernel::tile_m)) * across},
                  Kernel{static_cast<unsigned>(m),
                         static_cast<unsigned>(n),
                         static_cast<unsigned>(k),
                         across,
                         {a, lda, device::is_wide(a, lda)},
                         {b, ldb, device::is_wide(b, ldb)},
                         {init, init_stride, c, c_stride, false, act}});
}

}  // namespace ashlar::kernels::cuda
