// Ashlar: dtypes, the element types of tensors.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// Element type of a tensor. The numbers up to u16 are those of schemas/ashlar.fbs and never change; the dtypes behind
/// it are for looking at other people's files: no member has one of them, and no .ashlar file.
enum class DType : std::uint8_t {
  f64 = 0,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u8,
  boolean,
  u64,
  u32,
  u16,
  c64,
  c128,
  f8_e4m3fn,
  f8_e5m2
};
/// How many dtypes members and .ashlar files can have.
inline constexpr std::size_t dtype_count = 13;

/// IEEE 754 binary16, for storage; arithmetic is done in float.
/// Conversion from float rounds to nearest, ties to even; NaN stays NaN.
struct float16 {
  std::uint16_t bits = 0;

  float16() = default;
  constexpr explicit float16(float value);
  constexpr explicit operator float() const;
  friend constexpr bool operator==(float16 a, float16 b) { return float(a) == float(b); }
};

/// The upper half of an IEEE 754 binary32 (bfloat16), for storage; arithmetic is done in float.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  constexpr explicit bfloat16(float value);
  constexpr explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
  friend constexpr bool operator==(bfloat16 a, bfloat16 b) { return float(a) == float(b); }
};

constexpr bfloat16::bfloat16(float value) {
  std::uint32_t const u = std::bit_cast<std::uint32_t>(value);
  bool const nan = (u & 0x7fffffffu) > 0x7f800000u;
  // Adding half of the dropped part, plus one where the kept part is odd, rounds ties to even.
  bits = static_cast<std::uint16_t>(nan ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

constexpr float16::float16(float value) {
  std::uint32_t const u = std::bit_cast<std::uint32_t>(value);
  std::uint32_t const sign = (u >> 16) & 0x8000u;
  std::uint32_t const magnitude = u & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x1ffu);  // NaN: quiet, upper payload kept
  } else if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;  // rounds to infinity
  } else if (magnitude >= 0x38800000u) {
    std::uint32_t const rebased = magnitude - 0x38000000u;  // exponent bias 127 -> 15
    half = (rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13;
  } else if (magnitude >= 0x33000000u) {  // subnormal result
    std::uint32_t const shift = 126u - (magnitude >> 23);  // 14..24
    std::uint32_t const mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    std::uint32_t const kept = mantissa >> shift;
    std::uint32_t const rest = mantissa & ((1u << shift) - 1u);
    std::uint32_t const middle = 1u << (shift - 1u);
    half = kept + ((rest > middle || (rest == middle && (kept & 1u))) ? 1u : 0u);
  }
  bits = static_cast<std::uint16_t>(sign | half);
}

constexpr float16::operator float() const {
  std::uint32_t const sign = (std::uint32_t{bits} & 0x8000u) << 16;
  std::uint32_t const exponent = (bits >> 10) & 0x1fu;
  std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1fu) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  if (mantissa == 0) return std::bit_cast<float>(sign);
  std::uint32_t e = 113;
  while ((mantissa & 0x400u) == 0) {
    mantissa <<= 1;
    --e;
  }
  return std::bit_cast<float>(sign | (e << 23) | ((mantissa & 0x3ffu) << 13));
}

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::c128: return 16;
    case DType::f64:
    case DType::i64:
    case DType::u64:
    case DType::c64: return 8;
    case DType::f32:
    case DType::i32:
    case DType::u32: return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
    case DType::u16: return 2;
    case DType::i8:
    case DType::u8:
    case DType::boolean:
    case DType::f8_e4m3fn:
    case DType::f8_e5m2: return 1;
  }
  return 0;
}

/// "f32", "bf16", "bool", ... as in error messages, layout texts and summaries.
constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f64: return "f64";
    case DType::f32: return "f32";
    case DType::f16: return "f16";
    case DType::bf16: return "bf16";
    case DType::i64: return "i64";
    case DType::i32: return "i32";
    case DType::i16: return "i16";
    case DType::i8: return "i8";
    case DType::u8: return "u8";
    case DType::boolean: return "bool";
    case DType::u64: return "u64";
    case DType::u32: return "u32";
    case DType::u16: return "u16";
    case DType::c64: return "c64";
    case DType::c128: return "c128";
    case DType::f8_e4m3fn: return "f8_e4m3fn";
    case DType::f8_e5m2: return "f8_e5m2";
  }
  return "?";
}

namespace detail {

template <class T>
constexpr int dtype_index() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_enum_v<U>) {
    return dtype_index<std::underlying_type_t<U>>();
  } else if constexpr (std::is_same_v<U, bool>) {
    return static_cast<int>(DType::boolean);
  } else if constexpr (std::is_same_v<U, float16>) {
    return static_cast<int>(DType::f16);
  } else if constexpr (std::is_same_v<U, bfloat16>) {
    return static_cast<int>(DType::bf16);
  } else if constexpr (std::is_same_v<U, double>) {
    return static_cast<int>(DType::f64);
  } else if constexpr (std::is_same_v<U, float>) {
    return static_cast<int>(DType::f32);
  } else if constexpr (std::is_integral_v<U> && sizeof(U) <= 8) {
    constexpr bool is_signed = std::is_signed_v<U>;
    switch (sizeof(U)) {
      case 8: return static_cast<int>(is_signed ? DType::i64 : DType::u64);
      case 4: return static_cast<int>(is_signed ? DType::i32 : DType::u32);
      case 2: return static_cast<int>(is_signed ? DType::i16 : DType::u16);
      default: return static_cast<int>(is_signed ? DType::i8 : DType::u8);
    }
  } else {
    return -1;
  }
}

}  // namespace detail

/// Types that can be elements of tensors, and scalar members: arithmetic types, enums, float16, bfloat16.
template <class T>
concept Element = detail::dtype_index<T>() >= 0;

template <Element T>
inline constexpr DType dtype_of = static_cast<DType>(detail::dtype_index<T>());

}  // namespace ashlar
