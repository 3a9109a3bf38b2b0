// kernels/transpose/cpu.hpp: matrices with rows and columns exchanged, on the host.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels {

/// y = x with the last two dimensions exchanged: x (batch, rows, columns) -> y (batch, columns, rows), not in place.
template <class T>
void transpose(std::size_t batch, std::size_t rows, std::size_t columns, T const* x, T* y) noexcept {
  for (std::size_t b = 0; b < batch; ++b) {
    T const* const from = x + b * rows * columns;
    T* to = y + b * rows * columns;
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t r = 0; r < rows; ++r) *to++ = from[r * columns + c];
    }
  }
}

/// y += x with the last two dimensions exchanged.
template <class T>
void transpose_add(std::size_t batch, std::size_t rows, std::size_t columns, T const* x, T* y) noexcept {
  for (std::size_t b = 0; b < batch; ++b) {
    T const* const from = x + b * rows * columns;
    T* to = y + b * rows * columns;
    for (std::size_t c = 0; c < columns; ++c) {
      for (std::size_t r = 0; r < rows; ++r) *to++ += from[r * columns + c];
    }
  }
}

}  // namespace ashlar::kernels
