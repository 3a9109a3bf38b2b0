// kernels/device/gpu_thread.cuh: a CUDA thread on the GPU. For nvcc only.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/device/device.cuh>

namespace ashlar::kernels::device {

/// What cpu_thread.hpp models: exchanges are among all 32 lanes of a warp.
struct GpuThread {
  unsigned index;

  [[nodiscard]] ASHLAR_DEVICE unsigned lane() const { return index % 32; }
  [[nodiscard]] ASHLAR_DEVICE unsigned warp() const { return index / 32; }

  /// The value that lane() ^ mask has.
  template <class V>
  [[nodiscard]] ASHLAR_DEVICE V shuffle_xor(V const& value, unsigned mask) const {
    return __shfl_xor_sync(0xffffffffu, value, static_cast<int>(mask));
  }
  /// The value that lane() + delta has; its own where there is none.
  template <class V>
  [[nodiscard]] ASHLAR_DEVICE V shuffle_down(V const& value, unsigned delta) const {
    return __shfl_down_sync(0xffffffffu, value, delta);
  }
  /// The value that a lane has.
  template <class V>
  [[nodiscard]] ASHLAR_DEVICE V shuffle(V const& value, unsigned from) const {
    return __shfl_sync(0xffffffffu, value, static_cast<int>(from));
  }
  // What mma.sync multiplies is the warp's: `volatile` keeps the compiler from moving it to where not all lanes come.
  // Before sm_80 there is none, and StreamLauncher refuses; should such code run all the same, it may not go on.

  /// c (16, 8) += a (16, 8) * b (8, 8) by the tensor cores of sm_80 and later, in TF32. Fragments lie as PTX says: with
  /// g = lane() / 4 and t = lane() % 4, a holds (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4), b (t, g), (t + 4, g),
  /// and c (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
  ASHLAR_DEVICE void mma_tf32(float (&c)[4], unsigned const (&a)[4], unsigned const (&b)[2]) const {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    static_cast<void>(c), static_cast<void>(a), static_cast<void>(b);
    __trap();
#endif
  }
  /// c (16, 8) += a (16, 16) * b (16, 8) in bfloat16, two to a register, the lower half first: a holds (g, 2t), (g + 8,
  /// 2t), (g, 2t + 8), (g + 8, 2t + 8) and their neighbours along k, b (2t, g), (2t + 8, g) and theirs; c as above.
  ASHLAR_DEVICE void mma_bf16(float (&c)[4], unsigned const (&a)[4], unsigned const (&b)[2]) const {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    static_cast<void>(c), static_cast<void>(a), static_cast<void>(b);
    __trap();
#endif
  }

  /// Bit l: lane l has true.
  [[nodiscard]] ASHLAR_DEVICE unsigned ballot(bool const& value) const { return __ballot_sync(0xffffffffu, value); }
};

}  // namespace ashlar::kernels::device
