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
  /// Bit l: lane l has true.
  [[nodiscard]] ASHLAR_DEVICE unsigned ballot(bool const& value) const { return __ballot_sync(0xffffffffu, value); }
};

}  // namespace ashlar::kernels::device
