// kernels/linear/mlp.cuh: small linear layers and the activations between them in one kernel, on the GPU.
// SPDX-License-Identifier: BSL-1.0
//
// A block takes 16 rows through all layers: they lie in shared memory, and so does the weight of the layer at work, so
// that one launch stands for all and what is between the layers is never in global memory. A thread has a column of a
// layer and its 16 sums; layers of less than 32 columns have a thread for each element. Sums have the order of
// gemm/cuda.cuh: the bits are those of linear and map on its tiles.
//
// 20-256-10, float: 15.4 kflop and 120 bytes a row, and 30 KB of weights for each block, from L2. What counts is
// latency: one launch (4 us on an H200 in a virtual machine, where two take 8) and some 300 dependent multiply-adds. A
// block of few rows has the time of one of 16, and from some hundred rows on the tiles of linear have more of a GPU.
#pragma once

#include <ashlar/kernels/device/device.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <tuple>
#include <utility>

namespace ashlar::kernels::cuda {
namespace detail {

inline constexpr unsigned mlp_tile = 16;  // rows

/// True if a thread computes a column of a layer, whose weights are shared; else they are read where they lie.
constexpr bool has_columns(std::size_t out) { return out >= 32; }
/// Of shared weights. Odd: lanes of 32 columns read 32 banks.
constexpr std::size_t pitch_of(std::size_t in) { return in | 1; }

/// Elements of the largest weight that is shared. sizes: of x and of each layer.
template <std::size_t N>
constexpr std::size_t mlp_weight(std::array<std::size_t, N> const& sizes) {
  std::size_t most = 4;
  for (std::size_t l = 0; l + 1 < N; ++l) {
    if (has_columns(sizes[l + 1])) most = std::max(most, sizes[l + 1] * pitch_of(sizes[l]));
  }
  return most;
}
/// Elements of a tile's rows on their way into layers first, first + 2, ...: each layer reads one array of them and
/// writes the other.
template <std::size_t N>
constexpr std::size_t mlp_rows(std::array<std::size_t, N> const& sizes, std::size_t first) {
  std::size_t most = 1;
  for (std::size_t l = first; l + 1 < N; l += 2) most = std::max(most, sizes[l]);
  return most * mlp_tile;
}

/// What a block of an MLP has in shared memory.
template <std::size_t... Sizes>
struct MlpShape {
  static constexpr std::array<std::size_t, sizeof...(Sizes)> sizes{Sizes...};
  static constexpr std::size_t weight = mlp_weight(sizes);
  static constexpr std::size_t even = mlp_rows(sizes, 0);
  static constexpr std::size_t odd = mlp_rows(sizes, 1);

  /// As values, which device code may use.
  template <std::size_t L>
  struct Layer {
    static constexpr auto in = static_cast<unsigned>(sizes[L]);
    static constexpr auto out = static_cast<unsigned>(sizes[L + 1]);
    static constexpr auto pitch = static_cast<unsigned>(pitch_of(sizes[L]));
    static constexpr bool by_columns = has_columns(sizes[L + 1]);
  };
};

template <class T, class Acts, std::size_t... Sizes>
struct Mlp {
  using Shape = MlpShape<Sizes...>;
  static constexpr std::size_t layers = sizeof...(Sizes) - 1;
  static constexpr unsigned threads = 256;
  static constexpr unsigned tile = mlp_tile;
  struct Shared {
    device::Array<T, static_cast<unsigned>(Shape::weight)> weight;
    device::Array<T, static_cast<unsigned>(Shape::even)> even;  // (features, tile): four rows are read at once
    device::Array<T, static_cast<unsigned>(Shape::odd)> odd;
  };
  using Local = device::None;

  std::size_t rows;
  T const* x;
  T const* weight[layers];
  T const* bias[layers];
  bool wide[layers];  // is_wide(weight[l], its columns)
  T* y;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    constexpr unsigned in = Shape::template Layer<0>::in;
    std::size_t const first = std::size_t{block.index().x} * tile;
    block.phase([&](auto& t, Shared& s, Local&) {
      for (unsigned i = t.index; i < tile * in; i += threads) {
        std::size_t const at = first * in + i;
        s.even.set(i % in * tile + i / in, at < rows * in ? x[at] : T(0));
      }
    });
    run(block, first, std::make_index_sequence<layers>{});
  }

 private:
  template <class Block, std::size_t... L>
  ASHLAR_DEVICE void run(Block& block, std::size_t first, std::index_sequence<L...>) const {
    (layer<L>(block, first), ...);
  }
  template <std::size_t L, class Block>
  ASHLAR_DEVICE void layer(Block& block, std::size_t first) const {
    using Layer = typename Shape::template Layer<L>;
    constexpr unsigned in = Layer::in;
    constexpr unsigned out = Layer::out;
    if constexpr (Layer::by_columns) {
      constexpr unsigned pitch = Layer::pitch;
      block.phase([&](auto& t, Shared& s, Local&) {
        for (unsigned i = t.index; i < out * in; i += threads) s.weight.set(i / in * pitch + i % in, weight[L][i]);
      });
    }
    auto const compute = [&](auto& t, Shared& s, Local&) {
      if constexpr (Layer::by_columns) {
        for (unsigned h = t.index; h < out; h += threads) column<L>(h, first, s);
      } else {
        for (unsigned i = t.index; i < tile * out; i += threads) element<L>(i / out, i % out, first, s);
      }
    };
    if constexpr (L + 1 == layers) {
      block.last(compute);
    } else {
      block.phase(compute);
    }
  }

  template <std::size_t L>
  ASHLAR_DEVICE void column(unsigned h, std::size_t first, Shared& s) const {
    constexpr unsigned in = Shape::template Layer<L>::in;
    constexpr unsigned pitch = Shape::template Layer<L>::pitch;
    T sum[tile];
    ASHLAR_DEVICE_UNROLL
    for (unsigned r = 0; r < tile; ++r) sum[r] = bias[L][h];
    for (unsigned i = 0; i < in; ++i) {
      T const w = s.weight.get(h * pitch + i);
      ASHLAR_DEVICE_UNROLL
      for (unsigned r = 0; r < tile; r += 4) {
        device::Vec4<T> const v = source<L>(s).get4(i * tile + r);
        ASHLAR_DEVICE_UNROLL
        for (unsigned j = 0; j < 4; ++j) sum[r + j] += v.v[j] * w;
      }
    }
    ASHLAR_DEVICE_UNROLL
    for (unsigned r = 0; r < tile; ++r) store<L>(r, h, first, sum[r], s);
  }
  template <std::size_t L>
  ASHLAR_DEVICE void element(unsigned r, unsigned o, std::size_t first, Shared& s) const {
    constexpr unsigned in = Shape::template Layer<L>::in;
    T sum = bias[L][o];
    T const* const w = weight[L] + std::size_t{o} * in;
    unsigned i = 0;
    for (; wide[L] && i + 4 <= in; i += 4) {
      device::Vec4<T> const v = device::load4(w + i);
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < 4; ++j) sum += source<L>(s).get((i + j) * tile + r) * v.v[j];
    }
    for (; i < in; ++i) sum += source<L>(s).get(i * tile + r) * w[i];
    store<L>(r, o, first, sum, s);
  }

  template <std::size_t L>
  ASHLAR_DEVICE static auto const& source(Shared const& s) {
    if constexpr (L % 2 == 0) {
      return s.even;
    } else {
      return s.odd;
    }
  }
  /// A sum of layer L on its way to the next layer, or to y.
  template <std::size_t L>
  ASHLAR_DEVICE void store(unsigned r, unsigned column, std::size_t first, T sum, Shared& s) const {
    if constexpr (L + 1 == layers) {
      if (first + r < rows) y[(first + r) * Shape::template Layer<L>::out + column] = sum;
    } else if constexpr (L % 2 == 0) {
      s.odd.set(column * tile + r, std::tuple_element_t<L, Acts>{}(sum));
    } else {
      s.even.set(column * tile + r, std::tuple_element_t<L, Acts>{}(sum));
    }
  }
};

}  // namespace detail

/// True if mlp takes layers of these sizes: their block's shared memory is within the 48 KiB that every GPU has.
template <class T, std::size_t... Sizes>
inline constexpr bool mlp_fits = [] {
  using Shape = detail::MlpShape<Sizes...>;
  return (Shape::weight + Shape::even + Shape::odd) * sizeof(T) + 64 <= 48 * 1024;
}();

/// Up to so many rows one kernel is taken for several; see above.
inline constexpr std::size_t most_rows_of_mlp = 512;

/// Linear layers of Sizes[0] -> Sizes[1] -> ... features with biases, and behind each but the last its functor of the
/// std::tuple Acts: x (rows, Sizes[0]), weights (Sizes[l + 1], Sizes[l]), biases (Sizes[l + 1]) -> y (rows, the last).
///
/// Before  mlp_fits<T, Sizes...>; y overlaps no input. All are device pointers.
template <class T, class Acts, std::size_t... Sizes, class Launcher>
void mlp(Launcher& launcher, std::size_t rows, T const* x, std::array<T const*, sizeof...(Sizes) - 1> const& weights,
         std::array<T const*, sizeof...(Sizes) - 1> const& biases, T* y) {
  using Kernel = detail::Mlp<T, Acts, Sizes...>;
  static_assert(mlp_fits<T, Sizes...>, "ashlar: these layers are too large for one block of a GPU: use linear");
  Kernel kernel{.rows = rows, .x = x, .weight = {}, .bias = {}, .wide = {}, .y = y};
  for (std::size_t l = 0; l < Kernel::layers; ++l) {
    kernel.weight[l] = weights[l];
    kernel.bias[l] = biases[l];
    kernel.wide[l] = device::is_wide(weights[l], Kernel::Shape::sizes[l]);
  }
  launcher.launch({device::ceil_div(rows, Kernel::tile)}, kernel);
}

}  // namespace ashlar::kernels::cuda
