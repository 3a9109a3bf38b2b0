// tests/core/dtype_test.cpp, mirrors include/ashlar/core/dtype.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/dtype.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

using ashlar::bfloat16;
using ashlar::DType;
using ashlar::dtype_of;
using ashlar::Element;
using ashlar::float16;

namespace {

enum class Color : std::uint16_t { red };
enum Plain : bool { no, yes };

// Every element type, its number in files, its size and its name.
struct Case {
  DType of;
  int number;
  std::size_t bytes;
  std::string_view name;
};
constexpr std::array<Case, ashlar::dtype_count> cases{{
    {dtype_of<double>, 0, 8, "f64"},
    {dtype_of<float>, 1, 4, "f32"},
    {dtype_of<float16>, 2, 2, "f16"},
    {dtype_of<bfloat16>, 3, 2, "bf16"},
    {dtype_of<std::int64_t>, 4, 8, "i64"},
    {dtype_of<std::int32_t>, 5, 4, "i32"},
    {dtype_of<std::int16_t>, 6, 2, "i16"},
    {dtype_of<std::int8_t>, 7, 1, "i8"},
    {dtype_of<std::uint8_t>, 8, 1, "u8"},
    {dtype_of<bool>, 9, 1, "bool"},
    {dtype_of<std::uint64_t>, 10, 8, "u64"},
    {dtype_of<std::uint32_t>, 11, 4, "u32"},
    {dtype_of<std::uint16_t>, 12, 2, "u16"},
}};
static_assert([] {
  for (Case const& c : cases) {
    if (static_cast<int>(c.of) != c.number || size_of(c.of) != c.bytes || name_of(c.of) != c.name) return false;
  }
  return true;
}());
// Dtypes of other formats: behind those of .ashlar files, and no element type has one.
static_assert(static_cast<std::size_t>(DType::c64) == ashlar::dtype_count);
static_assert(size_of(DType::c64) == 8 && size_of(DType::c128) == 16 && size_of(DType::f8_e4m3fn) == 1 &&
              size_of(DType::f8_e5m2) == 1);
static_assert(name_of(DType::c64) == "c64" && name_of(DType::c128) == "c128" &&
              name_of(DType::f8_e4m3fn) == "f8_e4m3fn" && name_of(DType::f8_e5m2) == "f8_e5m2");
static_assert(dtype_of<long> == dtype_of<long long>);
static_assert(dtype_of<char> == (std::is_signed_v<char> ? DType::i8 : DType::u8));
static_assert(dtype_of<Color> == DType::u16 && dtype_of<Plain> == DType::boolean &&
              dtype_of<float const> == DType::f32);
static_assert(!Element<long double> && !Element<void*> && !Element<int[2]> && !Element<std::array<int, 2>>);
static_assert(!Element<int&> && !Element<std::nullptr_t>);

// Storage types cost what they hold, and a conversion is asked for.
static_assert(sizeof(float16) == 2 && sizeof(bfloat16) == 2);
static_assert(std::is_trivially_copyable_v<float16> && std::is_trivially_copyable_v<bfloat16>);
static_assert(!std::is_convertible_v<float, float16> && !std::is_convertible_v<float16, float>);
static_assert(float16(1.0f).bits == 0x3c00 && float(float16(65504.0f)) == 65504.0f);  // also at compile time
static_assert(bfloat16(1.0f).bits == 0x3f80 && float(bfloat16(-2.0f)) == -2.0f);

constexpr float infinity = std::numeric_limits<float>::infinity();

float16 half_of_bits(std::uint32_t bits) {
  float16 h;
  h.bits = static_cast<std::uint16_t>(bits);
  return h;
}
bfloat16 brain_of_bits(std::uint32_t bits) {
  bfloat16 b;
  b.bits = static_cast<std::uint16_t>(bits);
  return b;
}

/// IEEE 754's definition of binary16: an oracle that shares nothing with the conversion.
double value_of_half(std::uint32_t bits) {
  int const exponent = static_cast<int>(bits >> 10 & 31);
  double const mantissa = bits & 1023;
  double const magnitude = exponent == 31  ? (mantissa == 0 ? HUGE_VAL : std::nan(""))
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

}  // namespace

TEST_CASE("every float16 becomes the float it stands for and returns") {
  std::size_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    float const f = float(half_of_bits(bits));
    double const expected = value_of_half(bits);
    std::uint16_t const back = float16(f).bits;
    if (std::isnan(expected)) {
      wrong += !std::isnan(f) || std::signbit(f) != (bits >> 15 != 0) || back != (bits | 0x200);
    } else {
      wrong += static_cast<double>(f) != expected || std::signbit(f) != (bits >> 15 != 0) || back != bits;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("float16 rounds to nearest, ties to even, between all neighbours") {
  std::size_t wrong = 0;
  for (std::uint32_t sign : {0u, 0x8000u}) {
    for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
      // The largest half's upper neighbour counts as 65536 here, as IEEE 754 has it: then infinity.
      double const low = value_of_half(bits);
      double const high = bits == 0x7bff ? 65536.0 : value_of_half(bits + 1);
      float const middle = static_cast<float>((low + high) / 2);  // exact: one bit more
      float const s = sign == 0 ? 1.0f : -1.0f;
      wrong += float16(s * middle).bits != (sign | (bits + (bits & 1)));
      wrong += float16(s * std::nextafter(middle, 0.0f)).bits != (sign | bits);
      wrong += float16(s * std::nextafter(middle, infinity)).bits != (sign | (bits + 1));
    }
  }
  CHECK(wrong == 0);
  CHECK(float16(infinity).bits == 0x7c00);
  CHECK(float16(-1e30f).bits == 0xfc00);
  CHECK(float16(std::numeric_limits<float>::denorm_min()).bits == 0);
  CHECK(float16(-std::numeric_limits<float>::denorm_min()).bits == 0x8000);
  // A NaN whose payload lies in the dropped bits alone must not become infinity.
  CHECK(float16(std::bit_cast<float>(0x7f800001u)).bits == 0x7e00);
  CHECK(float16(std::bit_cast<float>(0xffc02000u)).bits == 0xfe01);
}

TEST_CASE("every bfloat16 is the upper half of a float, and ties round to even") {
  std::size_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    bool const nan = (bits & 0x7fff) > 0x7f80;
    wrong += std::bit_cast<std::uint32_t>(float(brain_of_bits(bits))) != bits << 16;
    wrong += bfloat16(std::bit_cast<float>(bits << 16)).bits != (nan ? bits | 0x40 : bits);
    if ((bits & 0x7fff) >= 0x7f80) continue;
    auto const rounded = [&](std::uint32_t rest) { return bfloat16(std::bit_cast<float>(bits << 16 | rest)).bits; };
    wrong += rounded(0x7fff) != bits || rounded(0x8000) != bits + (bits & 1) || rounded(0x8001) != bits + 1;
  }
  CHECK(wrong == 0);
  CHECK(bfloat16(std::numeric_limits<float>::max()).bits == 0x7f80);
  CHECK(bfloat16(std::bit_cast<float>(0x7f800001u)).bits == 0x7fc0);
  CHECK(bfloat16(std::bit_cast<float>(0xffffffffu)).bits == 0xffff);
}

TEST_CASE("halves compare as numbers") {
  CHECK(float16(0.0f) == float16(-0.0f));
  CHECK(bfloat16(0.0f) == bfloat16(-0.0f));
  CHECK_FALSE(float16(NAN) == float16(NAN));
  CHECK_FALSE(bfloat16(NAN) == bfloat16(NAN));
  CHECK_FALSE(float16(1.0f) == float16(1.001f));
}
