// Ashlar: the header of a .safetensors file, checked.  SPDX-License-Identifier: BSL-1.0
//
// The format: 8 bytes, the length of the header, little endian; the header, a JSON object, padded with blanks; the
// data, which the tensors cover without gap or overlap.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/name_index.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/safetensors_entry.hpp>
#include <ashlar/io/safetensors_parser.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A name that two of n strings have, or null.
template <class NameOf>
std::string_view const* duplicate_name(std::size_t n, NameOf name_of, std::string_view& found) {
  bool ascending = true;
  for (std::size_t i = 1; ascending && i < n; ++i) ascending = name_of(i - 1) < name_of(i);
  std::ptrdiff_t const at = ascending ? -1 : NameIndex(n, name_of).duplicate();
  if (at < 0) return nullptr;
  found = name_of(static_cast<std::size_t>(at));
  return &found;
}

/// Why the tensors do not cover `bytes` bytes of data exactly, or empty.
inline std::string cover_problem(std::span<SafetensorsEntry const> tensors, std::uint64_t bytes) {
  auto const before = [&](SafetensorsEntry const& a, SafetensorsEntry const& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  };
  std::vector<SafetensorsEntry> sorted;
  if (!std::is_sorted(tensors.begin(), tensors.end(), before)) {
    sorted.assign(tensors.begin(), tensors.end());
    std::sort(sorted.begin(), sorted.end(), before);
    tensors = sorted;
  }
  std::uint64_t end = 0;
  for (SafetensorsEntry const& t : tensors) {
    if (t.begin > end) {
      return message({"bytes ", end, " to ", t.begin, " of the data, before ", printable(t.name),
                      ", are a gap: no tensor covers them"});
    }
    if (t.begin < end) return message({printable(t.name), " overlaps another tensor, at data offset ", t.begin});
    if (t.end > bytes) {
      return message({"truncated: ", printable(t.name), " ends at data offset ", t.end,
                      ", beyond the end of the file, ", "which has ", bytes, " bytes of data"});
    }
    end = t.end;
  }
  if (end != bytes) return message({bytes - end, " trailing bytes, which no tensor covers"});
  return {};
}

/// The first byte that is no bool, or the number of bytes.
inline std::size_t not_bool(std::span<std::byte const> bytes) {
  std::byte all{0};
  for (std::byte const b : bytes) all |= b;  // nearly always enough, and a loop that is vectorised
  if (all <= std::byte{1}) return bytes.size();
  std::size_t at = 0;
  while (bytes[at] <= std::byte{1}) ++at;
  return at;
}

/// Reads and checks the header of a file of which `file` are all bytes.
///
/// Cost  linear in the header, n log n in the number of tensors; the data is not touched.
inline Result<SafetensorsHeader> read_safetensors_header(std::span<std::byte const> file, std::string_view where) {
  if (file.size() < 8) {
    return error(Errc::format, {where, ": not a safetensors file, or truncated: ", file.size(),
                                " bytes, but the length of the header alone takes 8"});
  }
  std::uint64_t length;
  static_assert(std::endian::native == std::endian::little, "ashlar: files are little endian");
  std::memcpy(&length, file.data(), 8);
  if (length > file.size() - 8) {
    return error(Errc::format, {where, ": not a safetensors file, or truncated: a header length of ", length,
                                " goes beyond the end of the file, which has ", file.size(), " bytes"});
  }
  if (length > safetensors_max_header) {
    return error(Errc::format,
                 {where, ": the header length, ", length, ", exceeds the limit of the format, 100000000"});
  }
  SafetensorsHeader out;
  auto const header = file.subspan(8, static_cast<std::size_t>(length));
  std::string_view const text(reinterpret_cast<char const*>(header.data()), header.size());
  if (auto parsed = SafetensorsParser(text, where, out).parse(); !parsed) return std::move(parsed).error();
  out.data = file.subspan(8 + header.size());

  std::string_view twice;
  if (duplicate_name(out.tensors.size(), [&](std::size_t i) { return out.tensors[i].name; }, twice)) {
    return error(Errc::format, {where, ": duplicate name: ", printable(twice), " stands twice in the header"});
  }
  if (duplicate_name(out.metadata.size(), [&](std::size_t i) { return out.metadata[i].first; }, twice)) {
    return error(Errc::format, {where, ": duplicate name: ", printable(twice), " stands twice in __metadata__"});
  }
  if (std::string const problem = cover_problem(out.tensors, out.data.size()); !problem.empty()) {
    return error(Errc::format, {where, ": ", problem});
  }
  return out;
}

}  // namespace ashlar::detail
