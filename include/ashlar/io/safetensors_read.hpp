// Ashlar: reading .safetensors files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/safetensors_header.hpp>
#include <ashlar/io/value.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The tree of a file whose bytes `owner` keeps, or the caller.
inline Result<Value> safetensors_value(std::span<std::byte const> bytes, std::shared_ptr<void const> const& owner,
                                       std::string_view where) {
  auto header = read_safetensors_header(bytes, where);
  if (!header) return std::move(header).error();
  Value out = ValueBuilder::open_dict();
  ValueBuilder::reserve_items(out, header->tensors.size());
  for (SafetensorsEntry const& e : header->tensors) {
    if (e.rank > max_rank) {
      return error(Errc::format,
                   {where, ": ", printable(e.name), ": the shape has ", e.rank, " dimensions, but 8 are supported"});
    }
    Extents shape{e.rank, {}};
    for (std::size_t d = 0; d < e.rank; ++d) shape[d] = static_cast<std::size_t>(header->shape(e)[d]);
    auto const data =
        header->data.subspan(static_cast<std::size_t>(e.begin), static_cast<std::size_t>(e.end - e.begin));
    require(ValueBuilder::set(out, Value(e.name), ValueBuilder::make_tensor(e.dtype->dtype, shape, data, owner)));
  }
  if (header->has_metadata) {
    std::vector<ValueItem> pairs;
    pairs.reserve(header->metadata.size());
    for (auto const& [key, value] : header->metadata) pairs.push_back({Value(key), Value(value)});
    require(ValueBuilder::set_metadata(out, Value::dict(std::move(pairs))));
  }
  require(ValueBuilder::close(out));
  return out;
}

ASHLAR_IO_FUNCTION Result<Value> read_safetensors_file(std::string const& path) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  auto mapping = Mapping::map(*file, false);
  if (!mapping) return std::move(mapping).error();
  auto const bytes = mapping->bytes();
  return safetensors_value(bytes, std::make_shared<Mapping>(std::move(*mapping)), path);
}

ASHLAR_IO_FUNCTION Result<Value> read_safetensors_image(std::span<std::byte const> bytes, std::string_view where) {
  return safetensors_value(bytes, nullptr, where);
}

}  // namespace ashlar::detail
