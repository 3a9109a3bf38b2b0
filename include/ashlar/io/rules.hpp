// Ashlar: what every .ashlar file, and every layout that becomes one, has to keep to.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/reflect/fingerprint.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/schema/tree.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::detail {

inline constexpr std::size_t max_key_length = 1024;
/// More members in one table would not fit FlatBuffers' 16-bit table size.
inline constexpr std::size_t max_table_fields = 16000;

/// Why `key` is no key, or empty.
ASHLAR_COLD inline std::string key_problem(std::string_view key) {
  if (key.empty()) return "is empty";
  if (key.size() > max_key_length) return message({"has ", key.size(), " bytes, but 1024 are allowed"});
  if (!is_utf8(key)) return "is not UTF-8";
  bool part_is_empty = true;
  for (char const c : key) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "has a control character";
    if (c == '.' && part_is_empty) return "has an empty part";
    part_is_empty = c == '.';
  }
  return part_is_empty ? "has an empty part" : "";
}

/// a * b, or false if it does not fit.
inline bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& product) {
  return !__builtin_mul_overflow(a, b, &product);
}

/// Why one row cannot be, or empty.
ASHLAR_COLD inline std::string row_problem(Row const& row, std::uint64_t data_bytes) {
  if (row.shape.rank > (row.kind == Kind::scalar ? 1 : max_rank)) {
    return message({"has ", row.shape.rank, " dimensions, but ",
                    row.kind == Kind::scalar ? "a scalar has at most 1" : "8 are allowed"});
  }
  // An extent of 0 does not excuse others that overflow: code that reads the shape may multiply in any order.
  std::uint64_t elements = 1;
  bool fits = true;
  bool empty = false;
  for (std::size_t d = 0; d < row.shape.rank; ++d) {
    std::uint64_t const extent = row.shape[d];
    empty = empty || extent == 0;
    fits = fits && multiply(elements, extent == 0 ? 1 : extent, elements);
  }
  std::uint64_t bytes = 0;
  fits = fits && multiply(elements, size_of(row.dtype), bytes) && bytes <= (std::uint64_t{1} << 62);
  if (!fits) return message({"has the shape ", to_string(row.shape), ", which is more than can be addressed"});
  if (empty) bytes = 0;
  if (bytes != row.bytes) {
    return message(
        {"has ", row.bytes, " bytes, but ", name_of(row.dtype), " ", to_string(row.shape), " takes ", bytes});
  }
  if (row.offset > data_bytes || row.bytes > data_bytes - row.offset) {
    return message({"lies at bytes ", row.offset, " + ", row.bytes, " of a data segment of ", data_bytes});
  }
  std::size_t const alignment = row.kind == Kind::scalar ? size_of(row.dtype) : 64;
  if (row.offset % alignment != 0) {
    return message({"lies at byte ", row.offset, ", which is no multiple of ", alignment});
  }
  return {};
}

/// What can be known of rows once they are found sound.
struct Structure {
  Tree tree;
  std::vector<std::uint32_t> by_offset;  ///< the rows that store elements, in the order in which they lie
};

/// Checks rows against all rules: keys, shapes, sizes, alignment, ties, no overlap. Error: `code`, the first problem.
///
/// Cost  n log n comparisons of keys; nothing depends on the values found.
ASHLAR_COLD inline Result<Structure> check_rows(std::span<Row const> rows, std::uint64_t data_bytes, Errc code,
                                                std::string_view where) {
  auto const fail = [&](Row const& row, std::string const& problem) {
    return error(code, {where, ": ", printable(row.key), " ", problem});
  };
  Structure out;
  std::vector<std::string_view> keys;
  keys.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row const& row = rows[i];
    if (std::string const problem = key_problem(row.key); !problem.empty()) {
      return error(code, {where, ": the key '", printable(row.key), "' ", problem});
    }
    keys.push_back(row.key);
    if (row.is_alias()) {
      auto const target = static_cast<std::size_t>(row.alias_of);
      if (target >= rows.size() || rows[target].is_alias()) return fail(row, "is tied to nothing that is stored");
      continue;
    }
    if (std::string const problem = row_problem(row, data_bytes); !problem.empty()) return fail(row, problem);
    out.by_offset.push_back(static_cast<std::uint32_t>(i));
  }
  sort_indices(out.by_offset.data(), out.by_offset.size(), [&](std::uint32_t a, std::uint32_t b) {
    return rows[a].offset != rows[b].offset ? rows[a].offset < rows[b].offset : rows[a].bytes < rows[b].bytes;
  });
  for (std::size_t i = 1; i < out.by_offset.size(); ++i) {
    Row const& before = rows[out.by_offset[i - 1]];
    Row const& row = rows[out.by_offset[i]];
    if (row.offset < before.offset + before.bytes) return fail(row, message({"overlaps ", printable(before.key)}));
  }
  out.tree = build_tree(keys);
  if (out.tree.duplicate != no_index) return fail(rows[out.tree.duplicate], "stands twice in the list of keys");
  if (out.tree.too_deep != no_index) return fail(rows[out.tree.too_deep], "has more than 32 parts");
  for (TreeNode const& node : out.tree.nodes) {
    if (!node.list && node.children > max_table_fields) {
      return error(code, {where, ": ", node.name.empty() ? "the model" : printable(node.name), " has ", node.children,
                          " members, but 16000 are allowed"});
    }
  }
  return out;
}

/// True if all bytes are zero.
inline bool is_zero(std::span<std::byte const> bytes) {
  // The first one is, and each equals the one before it.
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// A member whose content C++ relies on: a bool that is neither 0 nor 1, an enum without that value.
ASHLAR_COLD inline std::string content_problem(Row const& row) {
  return message({row.key, " holds a value that ", row.dtype == DType::boolean ? "is no bool" : "its enum lacks",
                  row.owner.empty() ? "" : " in ", row.owner});
}

}  // namespace ashlar::detail
