// kernels/convert/reference.hpp: float16 and bfloat16 from and to float, one value at a time, usable in constants.
// SPDX-License-Identifier: BSL-1.0
//
// __builtin_bit_cast, because nvcc takes std::bit_cast in functions of the host alone.
#pragma once

#include <ashlar/core/host_device.hpp>

#include <cstdint>

namespace ashlar::kernels {

/// The float whose upper half is bits: exact.
ASHLAR_HOST_DEVICE constexpr float bf16_to_f32(std::uint16_t bits) noexcept {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16);
}

/// Nearest bfloat16, ties to even; a NaN stays a quiet NaN with its sign and upper payload.
ASHLAR_HOST_DEVICE constexpr std::uint16_t f32_to_bf16(float value) noexcept {
  std::uint32_t const bits = __builtin_bit_cast(std::uint32_t, value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// The float equal to a float16: exact; a NaN becomes quiet and keeps sign and payload.
ASHLAR_HOST_DEVICE constexpr float f16_to_f32(std::uint16_t bits) noexcept {
  std::uint32_t const sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  std::uint32_t const exponent = (bits >> 10) & 0x1fu;
  std::uint32_t const fraction = bits & 0x3ffu;
  if (exponent == 31) {
    std::uint32_t const quiet = fraction != 0 ? 0x400000u : 0u;
    return __builtin_bit_cast(float, sign | 0x7f800000u | quiet | (fraction << 13));
  }
  if (exponent != 0) return __builtin_bit_cast(float, sign | ((exponent + 112u) << 23) | (fraction << 13));
  float const magnitude = static_cast<float>(fraction) * 0x1p-24f;  // zero and subnormals: exact
  return __builtin_bit_cast(float, sign | __builtin_bit_cast(std::uint32_t, magnitude));
}

/// Nearest float16, ties to even; too large becomes infinite; a NaN stays a quiet NaN with its upper payload.
ASHLAR_HOST_DEVICE constexpr std::uint16_t f32_to_f16(float value) noexcept {
  std::uint32_t const bits = __builtin_bit_cast(std::uint32_t, value);
  std::uint32_t const sign = (bits >> 16) & 0x8000u;
  std::uint32_t const magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  }
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above
  if (magnitude < 0x38800000u) {  // below 2^-14: subnormal; adding 0.5 rounds at 2^-24 in the float's own unit
    float const shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (__builtin_bit_cast(std::uint32_t, shifted) - 0x3f000000u));
  }
  std::uint32_t const rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u;
  return static_cast<std::uint16_t>(sign | (rounded >> 13));
}

}  // namespace ashlar::kernels
