// kernels/gemm/gemm.hpp: the two register-blocked products under linear and matmul, once per level of isa.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/simd/simd.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

// The edges of outer, in plain code that all levels share.

/// panel[i][q] = b[i * along_k + q * along_n] for q < columns, else 0; i < k, q < width.
template <class T>
__attribute__((noinline)) void pack_edge(std::size_t k, std::size_t columns, std::size_t width, T const* b,
                                         std::size_t along_k, std::size_t along_n, T* panel) noexcept {
  for (std::size_t i = 0; i < k; ++i, panel += width) {
    for (std::size_t q = 0; q < width; ++q) panel[q] = q < columns ? b[i * along_k + q * along_n] : T(0);
  }
}

template <class T>
__attribute__((noinline)) void copy_block(std::size_t rows, std::size_t columns, T const* from, std::size_t ldf, T* to,
                                          std::size_t ldt) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t q = 0; q < columns; ++q) to[r * ldt + q] = from[r * ldf + q];
  }
}

}  // namespace detail
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#define ASHLAR_BODY <ashlar/kernels/gemm/sums.hpp>
#include <ashlar/kernels/each_level.hpp>

#define ASHLAR_BODY <ashlar/kernels/gemm/body.hpp>
#include <ashlar/kernels/each_level.hpp>
