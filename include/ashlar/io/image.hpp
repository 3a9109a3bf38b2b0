// Ashlar: an .ashlar file in memory, checked.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/hash.hpp>
#include <ashlar/io/manifest_read.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/prologue.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A whole file: everything but the content of the data segment is verified.
struct Image {
  std::span<std::byte const> bytes;
  Prologue prologue;
  Manifest manifest;
  std::vector<std::uint64_t> aligned;  ///< a copy of the manifest, if the bytes do not start at a multiple of 8

  [[nodiscard]] std::span<std::byte const> data() const { return bytes.subspan(prologue.data_offset); }
  [[nodiscard]] std::span<std::byte const> bytes_of(Row const& row) const {
    return data().subspan(row.offset, row.bytes);
  }
};

/// The prologue of a file of which these bytes are all.
ASHLAR_COLD inline Result<Prologue> read_prologue(std::span<std::byte const> bytes, std::string_view where) {
  if (bytes.size() < prologue_size) {
    if (bytes.empty()) return format_error(where, {"the file is empty"});
    if (has_magic(bytes)) return format_error(where, {"the file is cut off after ", bytes.size(), " bytes"});
    return format_error(where, {"not an .ashlar file: ", bytes.size(), " bytes"});
  }
  PrologueBytes head;
  std::memcpy(head.data(), bytes.data(), head.size());
  return decode(head, bytes.size(), where);
}

/// Reads and verifies prologue and manifest, and that nothing but zeros lies between manifest and data.
ASHLAR_COLD inline Result<Image> read_image(std::span<std::byte const> bytes, std::string_view where) {
  auto prologue = read_prologue(bytes, where);
  if (!prologue) return std::move(prologue).error();
  Image image;
  image.bytes = bytes;
  image.prologue = *prologue;
  auto manifest = bytes.subspan(prologue_size, prologue->manifest_length);
  if (checksum(manifest) != prologue->manifest_checksum) {
    return format_error(where, {"the manifest is damaged: its checksum does not fit"});
  }
  if (!is_zero(
          bytes.subspan(prologue_size + manifest.size(), prologue->data_offset - prologue_size - manifest.size()))) {
    return format_error(where, {"bytes that are not zero between manifest and data"});
  }
  if (reinterpret_cast<std::uintptr_t>(manifest.data()) % 8 != 0) {
    image.aligned.resize((manifest.size() + 7) / 8);
    std::memcpy(image.aligned.data(), manifest.data(), manifest.size());
    manifest = std::as_bytes(std::span<std::uint64_t const>(image.aligned)).first(manifest.size());
  }
  auto read = ManifestReader(manifest, *prologue, where).read();
  if (!read) return std::move(read).error();
  image.manifest = std::move(*read);
  return image;
}

/// Everything that is wrong with the content of the data segment: checksums, padding, bools.
ASHLAR_COLD inline std::vector<std::string> data_problems(Image const& image, Progress progress = {}) {
  std::vector<std::string> problems;
  auto const& rows = image.manifest.rows;
  std::size_t end = 0;
  auto const gap = [&](std::size_t next, char const* before, std::string_view key) {
    if (!is_zero(image.data().subspan(end, next - end))) {
      problems.push_back(
          message({"padding at bytes ", end, " to ", next, " of the data, ", before, printable(key), ", is not zero"}));
    }
  };
  for (std::uint32_t const i : image.manifest.structure.by_offset) {
    Row const& row = rows[i];
    gap(row.offset, "before ", row.key);
    auto const bytes = image.bytes_of(row);
    Checksum sum;
    constexpr std::size_t stretch = std::size_t{64} << 20;  // between two words of progress
    for (std::size_t at = 0; at < bytes.size(); at += stretch) {
      sum.add(bytes.data() + at, std::min(stretch, bytes.size() - at));
      progress(image.prologue.data_offset + row.offset + std::min(at + stretch, bytes.size()));
    }
    if (sum.value() != image.manifest.checksums[i]) {
      problems.push_back(message({printable(row.key), " is damaged: its checksum does not fit"}));
    } else if (row.dtype == DType::boolean &&
               !std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b <= std::byte{1}; })) {
      problems.push_back(message({printable(row.key), " holds a value that is no bool"}));
    }
    end = row.offset + row.bytes;
  }
  gap(image.data().size(), "at the end", {});
  return problems;
}

}  // namespace ashlar::detail
