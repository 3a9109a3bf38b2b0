// Ashlar: each format's reader behind one call.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/content.hpp>
#include <ashlar/io/image.hpp>
#include <ashlar/io/load.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/safetensors_header.hpp>
#include <ashlar/io/safetensors_read.hpp>
#include <ashlar/io/state_dict.hpp>
#include <ashlar/io/torch_read.hpp>
#include <ashlar/io/torch_tree.hpp>
#include <ashlar/io/training.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/io/zip.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A dict of key -> tensor; tied keys share the storage.
ASHLAR_COLD inline Result<Value> ashlar_value(std::span<std::byte const> bytes,
                                              std::shared_ptr<void const> const& owner, std::string_view where,
                                              ReadOptions const& options) {
  auto image = read_image(bytes, where);
  if (!image) return std::move(image).error();
  if (options.check_content) {
    if (auto problems = data_problems(*image); !problems.empty()) return damage_error(where, std::move(problems));
  }
  std::span<Row const> const rows = image->manifest.rows;
  std::vector<ValueItem> items;
  items.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row const& stored = rows[stored_row(rows, i)];
    items.push_back(
        {Value(rows[i].key), Value(ValueTensor(stored.dtype, stored.shape, image->bytes_of(stored), owner))});
  }
  std::vector<ValueItem> metadata;
  for (auto const& [key, text] : image->manifest.metadata) metadata.push_back({Value(key), Value(text)});
  return Value::dict(std::move(items), metadata.empty() ? Value() : Value::dict(std::move(metadata)));
}

/// What begins like none of the formats. Only .safetensors has no magic number: where the name or a length in front
/// allows for one, it is said what is wrong with its header.
ASHLAR_COLD inline Result<Value> unknown_content(std::span<std::byte const> bytes, std::string_view where) {
  if (bytes.empty()) return format_error(where, {"the file is empty"});
  if (content_named(where) == Content::safetensors) return safetensors_value(bytes, nullptr, where);
  std::vector<std::string> more;
  if (bytes.size() <= 8 || load_le<std::uint64_t>(bytes, 0) <= bytes.size() - 8) {
    if (auto const header = read_safetensors_header(bytes, "as .safetensors"); !header) {
      more.emplace_back(header.error().headline());
    }
  }
  return Error(Errc::format,
               message({where,
                        ": neither an .ashlar file, nor one of PyTorch (a zip archive or a pickle), nor "
                        ".safetensors: the first bytes are of none of these"}),
               std::move(more));
}

/// `owner` keeps the bytes; with none they are the caller's. `open`: the file they are mapped from, if there is one.
ASHLAR_COLD inline Result<Value> value_of(std::span<std::byte const> bytes, std::shared_ptr<void const> const& owner,
                                          std::string_view where, InputFile const* open, ReadOptions const& options) {
  switch (content_of(bytes)) {
    case Content::ashlar: return ashlar_value(bytes, owner, where, options);
    case Content::torch: return read_torch(bytes, where, {.check_crc = options.check_content}, owner, open);
    case Content::safetensors: return safetensors_value(bytes, owner, where);
    case Content::unknown: break;
  }
  return unknown_content(bytes, where);
}

ASHLAR_IO_FUNCTION Result<Value> read_file(std::string const& path, ReadOptions const& options) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  auto mapping = Mapping::map(*file, false);
  if (!mapping) return std::move(mapping).error();
  auto const shared = std::make_shared<Mapping const>(std::move(*mapping));
  return value_of(shared->bytes(), shared, path, &*file, options);
}
ASHLAR_IO_FUNCTION Result<Value> read_bytes(std::span<std::byte const> bytes, ReadOptions const& options) {
  return value_of(bytes, nullptr, "memory", nullptr, options);
}

ASHLAR_IO_FUNCTION Result<LoadReport> load_foreign(Layout const& layout, void* object, std::span<std::byte const> bytes,
                                                   std::string_view where, LoadOptions const& options) {
  auto const root = value_of(bytes, nullptr, where, nullptr, {});
  if (!root) return root.error();
  Value const* there = value_at(*root, options.at);
  LoadOptions rules = options;
  bool const is_flat = there != nullptr && own_tensors(*there) != 0;
  if (there != nullptr) rules.at.clear();
  if (there != nullptr && (!is_flat || (layout.info != nullptr && is_checkpoint(*layout.info))) &&
      TorchTree::fits(layout, *there, rules)) {
    TorchTree const tree(layout, *there, rules);
    return load_source(layout, object, tree.source(), where, rules);
  }
  if (!is_flat && own_tensors(*root) != 0) {  // `at` is the front of its keys
    there = &*root;
    rules.at = options.at;
  } else if (!is_flat) {
    return no_state_dict(*root, there, where, options.at);
  }
  // An AveragedModel counts beside its network, which a network alone does not.
  bool const counts = is_averaged_model(*there) && KeyIndex(layout.rows).find("n_averaged") < 0;
  StateDictSource const state(*there, counts ? "n_averaged" : "");
  return load_source(layout, object, state.source(), where, rules);
}

#ifndef ASHLAR_IO_COMPILED
/// Tells `load` of the other formats. The first unit of the program that has it sets it.
inline bool const foreign_loader_is_set = (foreign_loader = &load_foreign, true);
#endif

}  // namespace ashlar::detail
