// Ashlar: elements of one dtype as another.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/value_tensor.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

/// Which conversions of elements a load may make.
enum class Conversion : std::uint8_t {
  none,
  lossless,  ///< to a wider dtype of the same class, which has every value
  any,       ///< also rounding floats, integers to floats, and integers to narrower ones if all values fit
};

/// What decides if one dtype has all values of another.
struct NumberForm {
  enum class Class : std::uint8_t { other, floating, integer };
  Class of = Class::other;
  int digits = 0;  ///< bits of the significand, the hidden one too, or of the largest integer
  int range = 0;   ///< bits of the exponent; of an integer, 1 if it is signed
};
constexpr NumberForm number_form(DType dtype) {
  using enum NumberForm::Class;
  switch (dtype) {
    case DType::f64: return {floating, 53, 11};
    case DType::f32: return {floating, 24, 8};
    case DType::f16: return {floating, 11, 5};
    case DType::bf16: return {floating, 8, 8};
    case DType::f8_e4m3fn: return {floating, 4, 4};
    case DType::f8_e5m2: return {floating, 3, 5};
    case DType::i64: return {integer, 63, 1};
    case DType::i32: return {integer, 31, 1};
    case DType::i16: return {integer, 15, 1};
    case DType::i8: return {integer, 7, 1};
    case DType::u64: return {integer, 64, 0};
    case DType::u32: return {integer, 32, 0};
    case DType::u16: return {integer, 16, 0};
    case DType::u8: return {integer, 8, 0};
    case DType::boolean:
    case DType::c64:
    case DType::c128: break;
  }
  return {};
}

constexpr bool is_convertible(DType from, DType to, Conversion allowed) {
  if (from == to) return true;
  NumberForm const a = number_form(from);
  NumberForm const b = number_form(to);
  bool const numbers = a.of != NumberForm::Class::other && b.of != NumberForm::Class::other;
  if (allowed == Conversion::none || !numbers || static_cast<std::size_t>(to) >= dtype_count) return false;
  if (allowed == Conversion::any) return b.of == NumberForm::Class::floating || a.of == b.of;
  return a.of == b.of && a.digits <= b.digits && a.range <= b.range;
}

/// Of a float8 whose exponent is biased by 7, without infinities.
constexpr float e4m3fn_to_float(std::uint8_t bits) {
  float const sign = bits < 0x80 ? 1.0f : -1.0f;
  unsigned const exponent = (bits >> 3) & 0xfu;
  unsigned const mantissa = bits & 7u;
  if ((bits & 0x7fu) == 0x7fu) return std::bit_cast<float>(0x7fc00000u);
  if (exponent == 0) return sign * static_cast<float>(mantissa) / 512;
  return sign * std::bit_cast<float>(((exponent + 120) << 23) | (mantissa << 20));
}

/// Elements as the widest type of their class: double, std::int64_t, and std::uint64_t for u64.
template <class T, class Wide>
void widen_as(std::byte const* from, std::size_t n, Wide* to) {
  for (std::size_t i = 0; i < n; ++i) {
    T x;
    std::memcpy(&x, from + i * sizeof x, sizeof x);
    if constexpr (std::is_arithmetic_v<T>) to[i] = static_cast<Wide>(x);
    else to[i] = static_cast<Wide>(static_cast<float>(x));
  }
}
inline void widen(DType dtype, std::byte const* from, std::size_t n, double* to) {
  switch (dtype) {
    case DType::f64: return widen_as<double>(from, n, to);
    case DType::f32: return widen_as<float>(from, n, to);
    case DType::f16: return widen_as<float16>(from, n, to);
    case DType::bf16: return widen_as<bfloat16>(from, n, to);
    default: break;
  }
  for (std::size_t i = 0; i < n; ++i) {
    auto const bits = std::to_integer<std::uint8_t>(from[i]);
    to[i] = dtype == DType::f8_e4m3fn
                ? e4m3fn_to_float(bits)
                : static_cast<float>(std::bit_cast<float16>(static_cast<std::uint16_t>(bits << 8)));
  }
}
inline void widen(DType dtype, std::byte const* from, std::size_t n, std::int64_t* to) {
  switch (dtype) {
    case DType::i64: return widen_as<std::int64_t>(from, n, to);
    case DType::i32: return widen_as<std::int32_t>(from, n, to);
    case DType::i16: return widen_as<std::int16_t>(from, n, to);
    case DType::i8: return widen_as<std::int8_t>(from, n, to);
    case DType::u32: return widen_as<std::uint32_t>(from, n, to);
    case DType::u16: return widen_as<std::uint16_t>(from, n, to);
    default: return widen_as<std::uint8_t>(from, n, to);
  }
}
inline void widen(DType, std::byte const* from, std::size_t n, std::uint64_t* to) {
  std::memcpy(to, from, n * sizeof *to);
}

/// The way back. False if a value does not fit; floats are rounded. With no `to`, nothing is written.
template <class T, class Wide>
bool narrow_as(Wide const* from, std::size_t n, std::byte* to) {
  if constexpr (std::is_integral_v<T>) {
    for (std::size_t i = 0; i < n; ++i) {
      if (!std::in_range<T>(from[i])) return false;
    }
  }
  for (std::size_t i = 0; to != nullptr && i < n; ++i) {
    T x;
    if constexpr (std::is_arithmetic_v<T>) x = static_cast<T>(from[i]);
    else x = T(static_cast<float>(from[i]));
    std::memcpy(to + i * sizeof x, &x, sizeof x);
  }
  return true;
}
template <class Wide>
bool narrow(DType dtype, Wide const* from, std::size_t n, std::byte* to) {
  switch (dtype) {
    case DType::f64: return narrow_as<double>(from, n, to);
    case DType::f32: return narrow_as<float>(from, n, to);
    case DType::f16: return narrow_as<float16>(from, n, to);
    case DType::bf16: return narrow_as<bfloat16>(from, n, to);
    default: break;
  }
  if constexpr (std::is_integral_v<Wide>) {
    switch (dtype) {
      case DType::i64: return narrow_as<std::int64_t>(from, n, to);
      case DType::i32: return narrow_as<std::int32_t>(from, n, to);
      case DType::i16: return narrow_as<std::int16_t>(from, n, to);
      case DType::i8: return narrow_as<std::int8_t>(from, n, to);
      case DType::u64: return narrow_as<std::uint64_t>(from, n, to);
      case DType::u32: return narrow_as<std::uint32_t>(from, n, to);
      case DType::u16: return narrow_as<std::uint16_t>(from, n, to);
      case DType::u8: return narrow_as<std::uint8_t>(from, n, to);
      default: break;
    }
  }
  return false;
}
template <class Wide>
bool convert_as(ValueTensor const& from, DType to, std::byte* out) {
  std::size_t const size = size_of(from.dtype());
  auto const bytes = from.is_contiguous() ? from.bytes() : std::span<std::byte const>();
  Wide block[256];
  std::byte gathered[sizeof block];
  for (std::size_t i = 0; i < from.numel(); i += std::size(block)) {
    std::size_t const n = std::min(std::size(block), from.numel() - i);
    if (bytes.empty()) from.copy_part(i, {gathered, n * size});
    widen(from.dtype(), bytes.empty() ? gathered : bytes.data() + i * size, n, block);
    if (!narrow(to, block, n, out == nullptr ? nullptr : out + i * size_of(to))) return false;
  }
  return true;
}

/// Writes the elements, row by row, as `to`, which is_convertible. With no `out`, only looks if every value fits:
/// false if one does not.
ASHLAR_COLD inline bool convert(ValueTensor const& from, DType to, std::byte* out) {
  if (from.dtype() == to) {
    if (out != nullptr) from.copy_to({out, from.size_bytes()});
    return true;
  }
  if (number_form(from.dtype()).of == NumberForm::Class::floating) return convert_as<double>(from, to, out);
  if (from.dtype() == DType::u64) return convert_as<std::uint64_t>(from, to, out);
  return convert_as<std::int64_t>(from, to, out);
}

}  // namespace ashlar::detail
