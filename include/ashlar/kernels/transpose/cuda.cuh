// kernels/transpose/cuda.cuh: matrices with rows and columns exchanged, on the GPU.  SPDX-License-Identifier: BSL-1.0
//
// Tiles of 32 x 32 go through shared memory, so that neighbours are read and written as neighbours; rows of 33 elements
// there spread a column over all banks. 8 bytes an element (12 with addition): bandwidth, some 80 % of it.
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

template <bool Add, class T>
struct Transpose {
  static constexpr unsigned threads = 256;
  static constexpr unsigned side = 32;
  struct Shared {
    device::Array<T, side*(side + 1)> tile;
  };
  using Local = device::None;

  std::size_t batch;
  std::size_t rows;
  std::size_t columns;
  unsigned across;  // tiles; they are numbered row by row, because only x of a grid may pass 65535
  T const* x;
  T* y;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const column = std::size_t{block.index().x % across} * side;
    std::size_t const row = std::size_t{block.index().x / across} * side;
    for (std::size_t b = block.index().z; b < batch; b += block.count().z) {
      T const* const from = x + b * rows * columns;
      T* const to = y + b * rows * columns;
      block.phase([&](auto& t, Shared& s, None&) {
        for (unsigned r = t.warp(); r < side; r += threads / 32) {
          bool const inside = row + r < rows && column + t.lane() < columns;
          if (inside) s.tile.set(r * (side + 1) + t.lane(), from[(row + r) * columns + column + t.lane()]);
        }
      });
      block.phase([&](auto& t, Shared& s, None&) {
        for (unsigned c = t.warp(); c < side; c += threads / 32) {
          if (column + c >= columns || row + t.lane() >= rows) continue;
          T const value = s.tile.get(t.lane() * (side + 1) + c);
          T& place = to[(column + c) * rows + row + t.lane()];
          place = Add ? place + value : value;
        }
      });
    }
  }

 private:
  using None = device::None;
};

template <bool Add, class T, class Launcher>
void transposed(Launcher& launcher, std::size_t batch, std::size_t rows, std::size_t columns, T const* x, T* y) {
  std::size_t const across = device::ceil_div(columns, 32);
  device::Grid const grid{across * device::ceil_div(rows, 32), 1, batch < 65535 ? batch : 65535};
  launcher.launch(grid, Transpose<Add, T>{batch, rows, columns, static_cast<unsigned>(across), x, y});
}

}  // namespace detail

/// y = x with the last two dimensions exchanged: x (batch, rows, columns) -> y (batch, columns, rows), not in place.
template <class T, class Launcher>
void transpose(Launcher& launcher, std::size_t batch, std::size_t rows, std::size_t columns, T const* x, T* y) {
  detail::transposed<false>(launcher, batch, rows, columns, x, y);
}

/// y += x with the last two dimensions exchanged.
template <class T, class Launcher>
void transpose_add(Launcher& launcher, std::size_t batch, std::size_t rows, std::size_t columns, T const* x, T* y) {
  detail::transposed<true>(launcher, batch, rows, columns, x, y);
}

}  // namespace ashlar::kernels::cuda
