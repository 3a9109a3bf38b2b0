// Ashlar: what the header of a .safetensors file says.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/message.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// No header is longer, says the format.
inline constexpr std::uint64_t safetensors_max_header = 100'000'000;

struct SafetensorsDType {
  std::string_view name;
  DType dtype;
};
/// The dtypes that we have too, in the order by which the format's own writer sorts tensors. The format has more:
/// elements of less than a byte, and rarer 8-bit floats.
inline constexpr std::array<SafetensorsDType, 16> safetensors_dtypes{{
    {"BOOL", DType::boolean},
    {"U8", DType::u8},
    {"I8", DType::i8},
    {"F8_E5M2", DType::f8_e5m2},
    {"F8_E4M3", DType::f8_e4m3fn},
    {"I16", DType::i16},
    {"U16", DType::u16},
    {"F16", DType::f16},
    {"BF16", DType::bf16},
    {"I32", DType::i32},
    {"U32", DType::u32},
    {"F32", DType::f32},
    {"C64", DType::c64},
    {"F64", DType::f64},
    {"I64", DType::i64},
    {"U64", DType::u64},
}};

/// The format's own of a dtype, or of its name there; null if there is none.
constexpr SafetensorsDType const* safetensors_dtype(DType dtype) {
  for (SafetensorsDType const& d : safetensors_dtypes) {
    if (d.dtype == dtype) return &d;
  }
  return nullptr;
}
constexpr SafetensorsDType const* safetensors_dtype(std::string_view name) {
  for (SafetensorsDType const& d : safetensors_dtypes) {
    if (d.name == name) return &d;
  }
  return nullptr;
}

/// One tensor of the header. Text lies in the header or in SafetensorsHeader::decoded.
struct SafetensorsEntry {
  std::string_view name;
  SafetensorsDType const* dtype = nullptr;
  std::size_t shape = 0;  ///< where its extents begin in SafetensorsHeader::extents
  std::size_t rank = 0;
  std::uint64_t begin = 0;  ///< in the data
  std::uint64_t end = 0;
};

/// A whole header, all rules checked: `begin` and `end` of the tensors tile the data exactly.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;  ///< in the order of the header
  std::vector<std::uint64_t> extents;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
  bool has_metadata = false;
  std::vector<char> decoded;  ///< text that has escapes; never reallocated
  std::span<std::byte const> data;

  [[nodiscard]] std::span<std::uint64_t const> shape(SafetensorsEntry const& e) const {
    return std::span(extents).subspan(e.shape, e.rank);
  }
};

/// "[2, 3]", at most 16 extents of it.
ASHLAR_COLD inline std::string shape_text(std::span<std::uint64_t const> shape) {
  std::string out = "[";
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (d != 0) out += ", ";
    if (d == 16) {
      out += "...";
      break;
    }
    out += std::to_string(shape[d]);
  }
  return out += ']';
}

}  // namespace ashlar::detail
