// kernels/scalar_math.hpp: the few functions of <cmath> that the kernels need, for float and double.
// SPDX-License-Identifier: BSL-1.0
//
// <cmath> itself costs 0.3 s of every unit with g++ 12 -std=c++20 (its special functions), a third of all kernels.
#pragma once

#include <ashlar/core/host_device.hpp>

namespace ashlar::kernels::scalar {

#ifdef __CUDACC__  // which declares these functions for both sides before the first line of a unit
ASHLAR_HOST_DEVICE inline float exp(float x) noexcept { return ::expf(x); }
ASHLAR_HOST_DEVICE inline double exp(double x) noexcept { return ::exp(x); }
ASHLAR_HOST_DEVICE inline float expm1(float x) noexcept { return ::expm1f(x); }
ASHLAR_HOST_DEVICE inline double expm1(double x) noexcept { return ::expm1(x); }
ASHLAR_HOST_DEVICE inline float log(float x) noexcept { return ::logf(x); }
ASHLAR_HOST_DEVICE inline double log(double x) noexcept { return ::log(x); }
ASHLAR_HOST_DEVICE inline float log1p(float x) noexcept { return ::log1pf(x); }
ASHLAR_HOST_DEVICE inline double log1p(double x) noexcept { return ::log1p(x); }
ASHLAR_HOST_DEVICE inline float tanh(float x) noexcept { return ::tanhf(x); }
ASHLAR_HOST_DEVICE inline double tanh(double x) noexcept { return ::tanh(x); }
ASHLAR_HOST_DEVICE inline float erf(float x) noexcept { return ::erff(x); }
ASHLAR_HOST_DEVICE inline double erf(double x) noexcept { return ::erf(x); }
ASHLAR_HOST_DEVICE inline float sqrt(float x) noexcept { return ::sqrtf(x); }
ASHLAR_HOST_DEVICE inline double sqrt(double x) noexcept { return ::sqrt(x); }
ASHLAR_HOST_DEVICE inline double pow(double x, double p) noexcept { return ::pow(x, p); }
ASHLAR_HOST_DEVICE inline float abs(float x) noexcept { return ::fabsf(x); }
ASHLAR_HOST_DEVICE inline double abs(double x) noexcept { return ::fabs(x); }
ASHLAR_HOST_DEVICE inline bool isinf(float x) noexcept { return x == x && x - x != x - x; }
ASHLAR_HOST_DEVICE inline bool isinf(double x) noexcept { return x == x && x - x != x - x; }
#else
inline float exp(float x) noexcept { return __builtin_expf(x); }
inline double exp(double x) noexcept { return __builtin_exp(x); }
inline float expm1(float x) noexcept { return __builtin_expm1f(x); }
inline double expm1(double x) noexcept { return __builtin_expm1(x); }
inline float log(float x) noexcept { return __builtin_logf(x); }
inline double log(double x) noexcept { return __builtin_log(x); }
inline float log1p(float x) noexcept { return __builtin_log1pf(x); }
inline double log1p(double x) noexcept { return __builtin_log1p(x); }
inline float tanh(float x) noexcept { return __builtin_tanhf(x); }
inline double tanh(double x) noexcept { return __builtin_tanh(x); }
inline float erf(float x) noexcept { return __builtin_erff(x); }
inline double erf(double x) noexcept { return __builtin_erf(x); }
inline float sqrt(float x) noexcept { return __builtin_sqrtf(x); }
inline double sqrt(double x) noexcept { return __builtin_sqrt(x); }
inline double pow(double x, double p) noexcept { return __builtin_pow(x, p); }
inline float abs(float x) noexcept { return __builtin_fabsf(x); }
inline double abs(double x) noexcept { return __builtin_fabs(x); }
inline bool isinf(float x) noexcept { return __builtin_isinf(x) != 0; }
inline bool isinf(double x) noexcept { return __builtin_isinf(x) != 0; }
#endif

}  // namespace ashlar::kernels::scalar
