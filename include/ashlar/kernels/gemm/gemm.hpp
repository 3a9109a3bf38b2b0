// kernels/gemm/gemm.hpp: the two register-blocked products under linear and matmul, once per level of isa.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/simd/simd.hpp>

#include <cstddef>

#if ASHLAR_HAS_0
#define ASHLAR_LEVEL 0
#include <ashlar/kernels/gemm/body.hpp>
#undef ASHLAR_LEVEL
#endif
#if ASHLAR_HAS_1
#define ASHLAR_LEVEL 1
#include <ashlar/kernels/gemm/body.hpp>
#undef ASHLAR_LEVEL
#endif
#if ASHLAR_HAS_2
#define ASHLAR_LEVEL 2
#include <ashlar/kernels/gemm/body.hpp>
#undef ASHLAR_LEVEL
#endif
