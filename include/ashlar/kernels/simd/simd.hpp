// kernels/simd/simd.hpp: a thin vector wrapper over compiler vector extensions, once per level of isa.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// No <immintrin.h>: it costs a third of a second of every unit with g++ 12, which is more than all kernels together.
#pragma once

#include <ashlar/kernels/isa.hpp>
#include <ashlar/kernels/scalar_math.hpp>
#if defined(__CUDACC__)
#include <ashlar/kernels/plain.hpp>
#endif

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Eight full lanes, then eight empty ones: a window of it masks the first n lanes.
alignas(64) inline constexpr std::int32_t mask_window32[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
alignas(64) inline constexpr std::int64_t mask_window64[8] = {-1, -1, -1, -1, 0, 0, 0, 0};

}  // namespace detail
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#define ASHLAR_BODY <ashlar/kernels/simd/body.hpp>
#include <ashlar/kernels/each_level.hpp>

#define ASHLAR_BODY <ashlar/kernels/simd/transpose.hpp>
#include <ashlar/kernels/each_level.hpp>
