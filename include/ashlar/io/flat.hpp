// Ashlar: any .ashlar file as a flat list of tensors, for tools.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/image.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/reflect/row.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {

/// One tensor or scalar of a file.
struct FlatTensor {
  std::string_view key;
  Kind kind;
  DType dtype;
  Extents shape;
  std::uint64_t offset;  ///< from the start of the data segment
  std::uint64_t checksum;  ///< XXH3-64, as stated; `verify` compares it
  std::span<std::byte const> bytes;
  std::vector<std::string_view> aliases;  ///< other keys of the same tensor
};

/// A file opened without knowing its type. Text and bytes point into it and live as long as it does.
///
/// Memory  about 200 bytes a tensor; data is mapped, and read when touched.
/// Errors  format, for anything but a sound prologue and manifest; the data is not checked (see `verify`).
class FlatFile {
 public:
  static Result<FlatFile> try_open(std::string const& path) {
    auto file = detail::InputFile::open(path);
    if (!file) return std::move(file).error();
    auto mapping = detail::Mapping::map(*file, false);
    if (!mapping) return std::move(mapping).error();
    auto image = detail::read_image(mapping->bytes(), path);
    if (!image) return std::move(image).error();
    return FlatFile(std::move(*mapping), std::move(*image));
  }
  static FlatFile open(std::string const& path) { return try_open(path).value(); }

  /// The bytes of a file, which stay the caller's.
  static Result<FlatFile> try_open(std::span<std::byte const> bytes) {
    auto image = detail::read_image(bytes, "memory");
    if (!image) return std::move(image).error();
    return FlatFile({}, std::move(*image));
  }
  static FlatFile open(std::span<std::byte const> bytes) { return try_open(bytes).value(); }

  /// Each tensor once, in the order of the state_dict.
  [[nodiscard]] std::span<FlatTensor const> tensors() const { return tensors_; }
  /// The tensor with this key, which may be an alias; null if there is none.
  [[nodiscard]] FlatTensor const* find(std::string_view key) const {
    for (FlatTensor const& t : tensors_) {
      if (t.key == key) return &t;
      for (std::string_view const a : t.aliases) {
        if (a == key) return &t;
      }
    }
    return nullptr;
  }
  /// All keys, ties included, as rows; what `match` and other code on layouts works with.
  [[nodiscard]] std::span<Row const> rows() const { return image_.manifest.rows; }
  [[nodiscard]] std::span<std::pair<std::string_view, std::string_view> const> metadata() const {
    return image_.manifest.metadata;
  }
  /// The structure: every layer, struct and list with its key, type and version. Empty if the writer knew none.
  [[nodiscard]] std::span<detail::Module const> modules() const { return image_.manifest.modules; }
  [[nodiscard]] std::string_view model() const { return image_.manifest.model; }
  [[nodiscard]] std::string_view library_version() const { return image_.manifest.library_version; }
  [[nodiscard]] std::string_view layout() const { return image_.manifest.layout; }
  [[nodiscard]] Fingerprint const& fingerprint() const { return image_.prologue.fingerprint; }
  /// The data segment.
  [[nodiscard]] std::span<std::byte const> data() const { return image_.data(); }
  /// What is wrong with the data, for which all of it is read: checksums, padding, bools.
  [[nodiscard]] std::vector<std::string> damage() const { return detail::data_problems(image_); }

 private:
  FlatFile(detail::Mapping mapping, detail::Image image) : mapping_(std::move(mapping)), image_(std::move(image)) {
    auto const& rows = image_.manifest.rows;
    std::vector<std::size_t> at(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Row const& row = rows[i];
      if (row.is_alias()) continue;
      at[i] = tensors_.size();
      tensors_.push_back({row.key,
                          row.kind,
                          row.dtype,
                          row.shape,
                          row.offset,
                          image_.manifest.checksums[i],
                          image_.bytes_of(row),
                          {}});
    }
    for (Row const& row : rows) {
      if (row.is_alias()) tensors_[at[static_cast<std::size_t>(row.alias_of)]].aliases.push_back(row.key);
    }
  }

  detail::Mapping mapping_;
  detail::Image image_;
  std::vector<FlatTensor> tensors_;
};

}  // namespace ashlar
