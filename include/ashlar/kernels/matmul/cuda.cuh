// kernels/matmul/cuda.cuh: the matrix product of run-time sizes and its pullbacks on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_product_test.cpp states the bound.
// SPDX-License-Identifier: BSL-1.0
//
// gemm/cuda.cuh has the roofline and the order of the sums: that of reference.hpp, but for db. Sizes are below 2^32 -
// 128.
#pragma once

#include <ashlar/kernels/gemm/cuda.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// c = a * b: a (m, k), b (k, n) -> c (m, n), all row major; overwrites c.
template <class T, class Launcher>
void matmul(Launcher& launcher, std::size_t m, std::size_t k, std::size_t n, T const* a, T const* b, T* c) {
  T const* const zero = nullptr;
  gemm<false, true, at_run_time, at_run_time>(launcher, m, n, k, a, k, b, n, zero, 0, c, n, Identity{});
}

/// da += dc * transpose(b): dc (m, n), b (k, n) -> da (m, k).
template <class T, class Launcher>
void matmul_backward_a(Launcher& launcher, std::size_t m, std::size_t k, std::size_t n, T const* dc, T const* b,
                       T* da) {
  gemm<false, false, at_run_time, at_run_time>(launcher, m, k, n, dc, n, b, n, da, k, da, k, Identity{});
}

/// db += transpose(a) * dc: a (m, k), dc (m, n) -> db (k, n).
template <class T, class Launcher>
void matmul_backward_b(Launcher& launcher, std::size_t m, std::size_t k, std::size_t n, T const* a, T const* dc,
                       T* db) {
  gemm_accumulate<true, true, at_run_time>(launcher, k, n, m, a, k, dc, n, db);
}

}  // namespace ashlar::kernels::cuda
