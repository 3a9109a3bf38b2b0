// kernels/embedding/cpu.hpp: rows of a table and their pullback on the host, one thread.
// Has the bits of reference.hpp: gradients are added in the order of the indices.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/cpu.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// Position of the first index that is not in [0, rows); count if all are.
template <class I>
std::size_t first_bad_index(std::size_t count, std::size_t rows, I const* index) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (index[i] < 0 || static_cast<std::uint64_t>(index[i]) >= rows) return i;
  }
  return count;
}

/// y[i] = row index[i] of weight: index (count), weight (rows, dim) -> y (count, dim).
///
/// Before  first_bad_index(count, rows, index) == count; y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class I, class T>
void embedding(std::size_t count, std::size_t dim, I const* index, T const* weight, T* y) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(y + i * dim, weight + static_cast<std::size_t>(index[i]) * dim, dim * sizeof(T));
  }
}

/// Row index[i] of dweight += dy[i], except for the row `padding`, which gets none.
template <class I, class T>
void embedding_backward(std::size_t count, std::size_t dim, I const* index, std::size_t padding, T const* dy,
                        T* dweight) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t const row = static_cast<std::size_t>(index[i]);
    if (row != padding) accumulate(dim, dy + i * dim, dweight + row * dim);
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
