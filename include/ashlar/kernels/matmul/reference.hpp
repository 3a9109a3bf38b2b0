// kernels/matmul/reference.hpp: the matrix product and its pullbacks as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels::reference {

/// c = a * b: a (m, k), b (k, n) -> c (m, n), all row major; overwrites c.
template <class T>
void matmul(std::size_t m, std::size_t k, std::size_t n, T const* a, T const* b, T* c) noexcept {
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) c[i * n + j] = T(0);
    for (std::size_t p = 0; p < k; ++p) {
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += a[i * k + p] * b[p * n + j];
    }
  }
}

/// da += dc * transpose(b): dc (m, n), b (k, n) -> da (m, k).
template <class T>
void matmul_backward_a(std::size_t m, std::size_t k, std::size_t n, T const* dc, T const* b, T* da) noexcept {
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t p = 0; p < k; ++p) {
      T sum = T(0);
      for (std::size_t j = 0; j < n; ++j) sum += dc[i * n + j] * b[p * n + j];
      da[i * k + p] += sum;
    }
  }
}

/// db += transpose(a) * dc: a (m, k), dc (m, n) -> db (k, n).
template <class T>
void matmul_backward_b(std::size_t m, std::size_t k, std::size_t n, T const* a, T const* dc, T* db) noexcept {
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t p = 0; p < k; ++p) {
      for (std::size_t j = 0; j < n; ++j) db[p * n + j] += a[i * k + p] * dc[i * n + j];
    }
  }
}

}  // namespace ashlar::kernels::reference
