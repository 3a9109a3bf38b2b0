// kernels/matmul/cpu.hpp: the matrix product of run-time sizes and its pullbacks on the host, one thread.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/matmul/reference.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// c = a * b: a (m, k), b (k, n) -> c (m, n), all row major; overwrites c.
template <class T>
void matmul(std::size_t m, std::size_t k, std::size_t n, T const* a, T const* b, T* c) noexcept {
  reference::matmul(m, k, n, a, b, c);
}

/// da += dc * transpose(b): dc (m, n), b (k, n) -> da (m, k).
template <class T>
void matmul_backward_a(std::size_t m, std::size_t k, std::size_t n, T const* dc, T const* b, T* da) noexcept {
  reference::matmul_backward_a(m, k, n, dc, b, da);
}

/// db += transpose(a) * dc: a (m, k), dc (m, n) -> db (k, n).
template <class T>
void matmul_backward_b(std::size_t m, std::size_t k, std::size_t n, T const* a, T const* dc, T* db) noexcept {
  reference::matmul_backward_b(m, k, n, a, dc, db);
}

}  // namespace ashlar::kernels
