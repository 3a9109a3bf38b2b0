// kernels/linear/few_rows.cuh: linear for up to four rows, on the GPU.  SPDX-License-Identifier: BSL-1.0
//
// A warp computes a column of y, each lane every 32nd product of it, and the lanes join their sums by exchanges: the
// weight is read once, 128 bytes at a time, by Out / 8 blocks at once, where a tile would go along In in 16s with a few
// blocks. Bandwidth is the limit: 4 bytes of weight for 8 flop at most. Weights of a few MB come from L2.
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda::detail {

inline constexpr std::size_t few_rows = 4;

template <std::size_t In, std::size_t Out, class T, class Act>
struct LinearOfFewRows {
  static constexpr unsigned threads = 256;
  using Shared = device::None;
  struct Local {
    T sum[few_rows];
  };

  unsigned rows;
  T const* x;
  T const* weight;
  T const* bias;
  T* y;
  Act act;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const first = std::size_t{block.index().x} * (threads / 32);
    block.warps([&](auto& t, Shared&, Local& l) {
      std::size_t const column = first + t.warp();
      ASHLAR_DEVICE_UNROLL
      for (unsigned r = 0; r < few_rows; ++r) l.sum[r] = T(0);
      if (column >= Out) return;
      for (std::size_t i = t.lane(); i < In; i += 32) {
        T const w = weight[column * In + i];
        ASHLAR_DEVICE_UNROLL
        for (unsigned r = 0; r < few_rows; ++r) {
          if (r < rows) l.sum[r] += x[r * In + i] * w;
        }
      }
    });
    for (unsigned mask = 16; mask > 0; mask /= 2) {
      block.warps([&](auto& t, Shared&, Local& l) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned r = 0; r < few_rows; ++r) l.sum[r] += t.shuffle_xor(l.sum[r], mask);
      });
    }
    block.last([&](auto& t, Shared&, Local& l) {
      std::size_t const column = first + t.warp();
      if (column >= Out || t.lane() != 0) return;
      T const start = bias != nullptr ? bias[column] : T(0);
      ASHLAR_DEVICE_UNROLL
      for (unsigned r = 0; r < few_rows; ++r) {
        if (r < rows) y[r * Out + column] = act(start + l.sum[r]);
      }
    });
  }
};

}  // namespace ashlar::kernels::cuda::detail
