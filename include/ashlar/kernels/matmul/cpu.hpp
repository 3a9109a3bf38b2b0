// kernels/matmul/cpu.hpp: the matrix product of run-time sizes and its pullbacks on the host, one thread.
// Must agree with reference.hpp; tests/kernels/matmul_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Each sum has one fixed order, given by its length alone: rows and columns of the result may be split anywhere.
#pragma once

#include <ashlar/kernels/gemm/gemm.hpp>

#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// c = a * b: a (m, k), b (k, n) -> c (m, n), all row major; overwrites c.
template <class T>
void matmul(std::size_t m, std::size_t k, std::size_t n, T const* a, T const* b, T* c) noexcept {
  for (std::size_t i = 0; i < m * n; ++i) c[i] = T(0);
  ASHLAR_DISPATCH(outer(m, n, k, a, k, std::size_t{1}, b, n, c, n, c, n));
}

/// da += dc * transpose(b): dc (m, n), b (k, n) -> da (m, k).
template <class T>
void matmul_backward_a(std::size_t m, std::size_t k, std::size_t n, T const* dc, T const* b, T* da) noexcept {
  ASHLAR_DISPATCH(dot<4, 4>(m, k, n, dc, n, b, n, da, k, da, k));
}

/// db += transpose(a) * dc: a (m, k), dc (m, n) -> db (k, n), of which `count` rows from `first` on.
template <class T>
void matmul_backward_b(std::size_t m, std::size_t k, std::size_t n, T const* a, T const* dc, T* db, std::size_t first,
                       std::size_t count) noexcept {
  T* const to = db + first * n;
  ASHLAR_DISPATCH(outer(count, n, m, a + first, std::size_t{1}, k, dc, n, to, n, to, n));
}

template <class T>
void matmul_backward_b(std::size_t m, std::size_t k, std::size_t n, T const* a, T const* dc, T* db) noexcept {
  matmul_backward_b(m, k, n, a, dc, db, 0, k);
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
