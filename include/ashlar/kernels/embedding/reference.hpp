// kernels/embedding/reference.hpp: rows of a table and their pullback as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels::reference {

/// y[i][d] = weight[index[i]][d]: index (count), weight (rows, dim) -> y (count, dim).
template <class I, class T>
void embedding(std::size_t count, std::size_t dim, I const* index, T const* weight, T* y) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t d = 0; d < dim; ++d) y[i * dim + d] = weight[static_cast<std::size_t>(index[i]) * dim + d];
  }
}

/// dweight[index[i]][d] += dy[i][d], except for the row `padding`.
template <class I, class T>
void embedding_backward(std::size_t count, std::size_t dim, I const* index, std::size_t padding, T const* dy,
                        T* dweight) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t d = 0; d < dim; ++d) {
      if (static_cast<std::size_t>(index[i]) != padding) {
        dweight[static_cast<std::size_t>(index[i]) * dim + d] += dy[i * dim + d];
      }
    }
  }
}

}  // namespace ashlar::kernels::reference
