// kernels/linear/mlp.cuh: two small linear layers and the activation between them in one kernel, on the GPU.
// SPDX-License-Identifier: BSL-1.0
//
// A block takes 16 rows through both layers: its x, the first weight and the hidden rows lie in shared memory, so that
// one launch stands for three and the hidden rows are never in global memory. Sums have the order of gemm/cuda.cuh: the
// bits are those of linear, map and linear on its tiles.
//
// 20-256-10, float: 15.4 kflop and 120 bytes a row, and 30 KB of weights for each block, from L2. What counts is
// latency: one launch (4 us on an H200 in a virtual machine, where two take 8) and some 300 dependent multiply-adds. A
// block of few rows has the time of one of 16, and from some hundred rows on the tiles of linear have more of a GPU.
#pragma once

#include <ashlar/kernels/device/device.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

template <std::size_t In, std::size_t Hidden, std::size_t Out, class T, class Act>
struct TwoLayers {
  static constexpr unsigned threads = 256;
  static constexpr unsigned tile = 16;  // rows
  static constexpr auto pitch = static_cast<unsigned>(In + 1 - In % 2);  // odd: lanes of 32 rows read 32 banks
  // Rows of whole vectors that begin in different banks.
  static constexpr auto hidden_pitch = static_cast<unsigned>((Hidden + 3) / 4 * 4 + 4);
  struct Shared {
    device::Array<T, tile * In> x;  // (In, tile): a thread reads four rows at once
    device::Array<T, Hidden * pitch> weight;
    device::Array<T, tile * hidden_pitch> hidden;
  };
  using Local = device::None;

  std::size_t rows;
  T const* x;
  T const* weight1;
  T const* bias1;
  T const* weight2;
  T const* bias2;
  T* y;
  bool wide;  // is_wide(weight2, Hidden)
  Act act;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const first = std::size_t{block.index().x} * tile;
    block.phase([&](auto& t, Shared& s, Local&) {
      for (unsigned i = t.index; i < tile * In; i += threads) {
        std::size_t const at = first * In + i;
        s.x.set(i % In * tile + i / In, at < rows * In ? x[at] : T(0));
      }
      for (unsigned i = t.index; i < Hidden * In; i += threads) s.weight.set(i / In * pitch + i % In, weight1[i]);
    });
    block.phase([&](auto& t, Shared& s, Local&) {
      for (unsigned h = t.index; h < Hidden; h += threads) {
        T sum[tile];
        ASHLAR_DEVICE_UNROLL
        for (unsigned r = 0; r < tile; ++r) sum[r] = bias1 != nullptr ? bias1[h] : T(0);
        for (unsigned i = 0; i < In; ++i) {
          T const w = s.weight.get(h * pitch + i);
          ASHLAR_DEVICE_UNROLL
          for (unsigned r = 0; r < tile; r += 4) {
            device::Vec4<T> const v = s.x.get4(i * tile + r);
            ASHLAR_DEVICE_UNROLL
            for (unsigned j = 0; j < 4; ++j) sum[r + j] += v.v[j] * w;
          }
        }
        ASHLAR_DEVICE_UNROLL
        for (unsigned r = 0; r < tile; ++r) s.hidden.set(r * hidden_pitch + h, act(sum[r]));
      }
    });
    block.last([&](auto& t, Shared& s, Local&) {
      for (unsigned i = t.index; i < tile * Out; i += threads) {
        std::size_t const r = first + i / Out;
        if (r >= rows) continue;
        std::size_t const o = i % Out;
        T sum = bias2 != nullptr ? bias2[o] : T(0);
        unsigned const row = i / static_cast<unsigned>(Out) * hidden_pitch;
        T const* const w = weight2 + o * Hidden;
        unsigned h = 0;
        for (; wide && h + 4 <= Hidden; h += 4) {
          device::Vec4<T> const a = s.hidden.get4(row + h);
          device::Vec4<T> const b = device::load4(w + h);
          ASHLAR_DEVICE_UNROLL
          for (unsigned j = 0; j < 4; ++j) sum += a.v[j] * b.v[j];
        }
        for (; h < Hidden; ++h) sum += s.hidden.get(row + h) * w[h];
        y[r * Out + o] = sum;
      }
    });
  }
};

}  // namespace detail

/// True if mlp takes these layers: their block's shared memory is within the 48 KiB that every GPU has.
template <std::size_t In, std::size_t Hidden, std::size_t Out, class T>
inline constexpr bool mlp_fits = ((In + 1) * (16 + Hidden) + 16 * (Hidden + 7)) * sizeof(T) + 64 <= 48 * 1024;

/// Up to so many rows one kernel is taken for two; see above.
inline constexpr std::size_t most_rows_of_mlp = 512;

/// y = act(x * transpose(weight1) + bias1) * transpose(weight2) + bias2: x (rows, In), weight1 (Hidden, In), bias1
/// (Hidden) or null, weight2 (Out, Hidden), bias2 (Out) or null -> y (rows, Out).
///
/// Before  mlp_fits<In, Hidden, Out, T>; y overlaps no input. All are device pointers.
template <std::size_t In, std::size_t Hidden, std::size_t Out, class T, class Act, class Launcher>
void mlp(Launcher& launcher, std::size_t rows, T const* x, T const* weight1, T const* bias1, Act const& act,
         T const* weight2, T const* bias2, T* y) {
  using Kernel = detail::TwoLayers<In, Hidden, Out, T, Act>;
  static_assert(mlp_fits<In, Hidden, Out, T>, "ashlar: these layers are too large for one block of a GPU: use linear");
  launcher.launch({static_cast<unsigned>(device::ceil_div(rows, Kernel::tile))},
                  Kernel{rows, x, weight1, bias1, weight2, bias2, y, device::is_wide(weight2, Hidden), act});
}

}  // namespace ashlar::kernels::cuda
