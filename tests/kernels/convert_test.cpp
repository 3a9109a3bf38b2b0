// tests/kernels/convert_test.cpp, mirrors include/ashlar/kernels/convert.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/convert/cpu.hpp>  // first: shows if the header misses an include

#include "support.hpp"

#include <bit>

static_assert(k::f32_to_f16(1.0f) == 0x3c00 && k::f32_to_f16(65504.0f) == 0x7bff && k::f32_to_f16(65520.0f) == 0x7c00);
static_assert(k::f32_to_f16(65519.0f) == 0x7bff && k::f32_to_f16(-0.0f) == 0x8000 && k::f32_to_f16(0x1p-24f) == 1);
static_assert(k::f32_to_f16(0x1p-25f) == 0 && k::f32_to_f16(0x1.8p-24f) == 2 && k::f32_to_f16(0x1.000002p-25f) == 1);
static_assert(k::f32_to_bf16(1.0f) == 0x3f80 && k::f32_to_bf16(0x1.01p0f) == 0x3f80 &&
              k::f32_to_bf16(0x1.03p0f) == 0x3f82);
static_assert(k::f32_to_bf16(3.4e38f) == 0x7f80);

KERNEL_CASE("every float16 and bfloat16 survives the way to float and back") {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    auto const half = static_cast<std::uint16_t>(bits);
    bool const half_nan = (bits & 0x7fff) > 0x7c00;
    bool const brain_nan = (bits & 0x7fff) > 0x7f80;
    if (k::f32_to_f16(k::f16_to_f32(half)) != (half_nan ? half | 0x200 : half)) FAIL(bits);
    if (k::f32_to_bf16(k::bf16_to_f32(half)) != (brain_nan ? half | 0x40 : half)) FAIL(bits);
  }
}

KERNEL_CASE("float16 takes the nearest value, ties to even") {
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    float const low = k::f16_to_f32(static_cast<std::uint16_t>(bits));
    float const high = bits == 0x7bff ? 65536.0f : k::f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    float const middle = low + (high - low) / 2;  // exact
    std::uint16_t const even = static_cast<std::uint16_t>(bits % 2 == 0 ? bits : bits + 1);
    if (k::f32_to_f16(middle) != even) FAIL(bits);
    if (k::f32_to_f16(std::nextafter(middle, 0.0f)) != bits) FAIL(bits);
    if (k::f32_to_f16(std::nextafter(middle, 1e9f)) != bits + 1) FAIL(bits);
  }
}
