// Ashlar: writing .safetensors files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/append.hpp>
#include <ashlar/io/atomic_write.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/safetensors_header.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/io/training.hpp>
#include <ashlar/io/value_tensor.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A tensor to be written: its bytes, or else the view that they are gathered from.
struct SafetensorsItem {
  std::string_view name;
  SafetensorsDType const* dtype = nullptr;
  Extents shape{};
  std::span<std::byte const> bytes{};
  ValueTensor const* gathered = nullptr;

  [[nodiscard]] std::uint64_t size() const { return gathered != nullptr ? gathered->size_bytes() : bytes.size(); }
};

/// What a file will hold: the tensors, and the names that are left out because another tensor is theirs too.
struct SafetensorsPlan {
  std::vector<SafetensorsItem> items;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;  // ties: dropped name, kept name
  std::vector<std::string> problems;
};

/// Text as a JSON string. The text is UTF-8.
ASHLAR_COLD inline void put_json(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (char const c : text) {
    auto const u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20) {
      out += "\\u00";
      out += hex[u >> 4];
      out += hex[u & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

/// Everything before the data. Puts the items into the order in which the format's own writer has them: by dtype, large
/// elements first, so that each tensor is aligned for its elements, then by name.
ASHLAR_COLD inline Result<std::string> make_safetensors_header(SafetensorsPlan& plan, Metadata const& extra,
                                                               std::string_view where) {
  auto& problems = plan.problems;
  for (auto const& [key, value] : extra) {
    if (!is_utf8(key) || !is_utf8(value))
      problems.push_back(message({"the metadata '", printable(key), "' is not UTF-8"}));
    plan.metadata.emplace_back(key, value);
  }
  std::sort(plan.metadata.begin(), plan.metadata.end());
  for (std::size_t i = 1; i < plan.metadata.size(); ++i) {
    std::string_view const key = plan.metadata[i].first;
    if (key == plan.metadata[i - 1].first) {
      problems.push_back(
          message({"the metadata '", printable(key), "' stands twice, or is the name of a tied tensor"}));
    }
  }
  std::sort(plan.items.begin(), plan.items.end(),
            [](auto const& a, auto const& b) { return a.dtype != b.dtype ? a.dtype > b.dtype : a.name < b.name; });
  for (SafetensorsItem const& item : plan.items) {
    if (!is_utf8(item.name)) problems.push_back(message({"the name '", printable(item.name), "' is not UTF-8"}));
    if (item.name == "__metadata__") problems.emplace_back("__metadata__ cannot be the name of a tensor");
  }
  if (!problems.empty()) {
    return Error(Errc::value, message({where, ": cannot save as safetensors"}), std::move(problems));
  }

  std::string out(8, '\0');
  out += '{';
  if (!plan.metadata.empty()) {
    out += "\"__metadata__\":{";
    for (auto const& [key, value] : plan.metadata) {
      if (out.back() != '{') out += ',';
      put_json(out, key);
      out += ':';
      put_json(out, value);
    }
    out += '}';
  }
  std::uint64_t at = 0;
  for (SafetensorsItem const& item : plan.items) {
    if (out.back() != '{') out += ',';
    put_json(out, item.name);
    out += ":{\"dtype\":\"";
    out += item.dtype->name;
    out += "\",\"shape\":[";
    for (std::size_t d = 0; d < item.shape.rank; ++d) {
      if (d != 0) out += ',';
      out += std::to_string(item.shape[d]);
    }
    out += "],\"data_offsets\":[";
    out += std::to_string(at);
    out += ',';
    out += std::to_string(at += item.size());
    out += "]}";
  }
  out += '}';
  out.append((64 - out.size() % 64) % 64, ' ');
  std::uint64_t const length = out.size() - 8;
  if (length > safetensors_max_header) {
    return error(Errc::value, {where, ": cannot save as safetensors: a header of ", length,
                               " bytes exceeds the limit of the format, 100000000"});
  }
  std::memcpy(out.data(), &length, 8);
  return out;
}

ASHLAR_COLD inline Result<void> write_safetensors(std::string const& path, SafetensorsPlan& plan,
                                                  SafetensorsOptions const& options) {
  auto header = make_safetensors_header(plan, options.metadata, path);
  if (!header) return std::move(header).error();
  auto file = AtomicFile::create(path);
  if (!file) return std::move(file).error();
  Appender out(*file);
  if (auto done = out.add(std::as_bytes(std::span(*header))); !done) return done;
  std::vector<std::byte> buffer;
  for (SafetensorsItem const& item : plan.items) {
    if (item.gathered == nullptr) {
      if (auto done = out.add(item.bytes); !done) return done;
      continue;
    }
    if (auto done = out.flush(); !done) return done;  // what the buffer holds
    std::size_t const size = size_of(item.gathered->dtype());
    for (std::size_t done = 0; done < item.size(); done += buffer.size()) {
      buffer.resize(std::min(item.size() - done, std::size_t{256} << 10));
      item.gathered->copy_part(done / size, buffer);
      if (auto added = out.add(buffer); !added) return added;
      if (auto flushed = out.flush(); !flushed) return flushed;
    }
  }
  if (auto done = out.flush(); !done) return done;
  return file->commit();
}

ASHLAR_COLD inline void add_item(SafetensorsPlan& plan, SafetensorsItem item, DType dtype) {
  item.dtype = safetensors_dtype(dtype);
  if (item.dtype == nullptr) {
    plan.problems.push_back(
        message({printable(item.name), " is ", name_of(dtype), ", a dtype that the format does not have"}));
    return;
  }
  plan.items.push_back(std::move(item));
}

ASHLAR_IO_FUNCTION Result<void> save_safetensors_object(std::string const& path, Layout const& layout,
                                                        void const* object, SafetensorsOptions const& options) {
  SafetensorsPlan plan;
  auto const rows = layout.rows;
  // Of tied names the first in the order of their bytes is kept, as safetensors' save_model does.
  std::vector<std::string_view> kept(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string_view& name = kept[rows[i].is_alias() ? static_cast<std::size_t>(rows[i].alias_of) : i];
    if (name.empty() || rows[i].key < name) name = rows[i].key;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::size_t const stored = rows[i].is_alias() ? static_cast<std::size_t>(rows[i].alias_of) : i;
    Row const& row = rows[stored];
    if (row.kind != Kind::parameter && row.kind != Kind::buffer) continue;
    if (options.ties_once && kept[stored] != rows[i].key) {
      plan.metadata.emplace_back(rows[i].key, kept[stored]);
      continue;
    }
    auto const* const from = static_cast<std::byte const*>(object) + row.offset;
    if (row.valid != nullptr && !row.valid(from)) {
      plan.problems.push_back(content_problem(row));
      continue;
    }
    add_item(plan, {.name = rows[i].key, .shape = row.shape, .bytes = {from, row.bytes}}, row.dtype);
  }
  return write_safetensors(path, plan, options);
}

ASHLAR_IO_FUNCTION Result<void> save_safetensors_list(std::string const& path, std::span<NamedTensor const> tensors,
                                                      SafetensorsOptions const& options) {
  SafetensorsPlan plan;
  std::string_view twice;
  if (duplicate_name(tensors.size(), [&](std::size_t i) { return std::string_view(tensors[i].path); }, twice)) {
    plan.problems.push_back(message({"the name '", printable(twice), "' stands twice"}));
  }
  RepeatBudget repeats;
  std::map<TensorIdentity, std::string_view> kept;
  if (options.ties_once) {
    for (auto const& [name, t] : tensors) {
      if (t.numel() == 0) continue;
      auto const [at, first] = kept.try_emplace(identity_of(t), name);
      if (!first && name < at->second) at->second = name;
    }
  }
  for (auto const& [name, t] : tensors) {
    if (options.ties_once && t.numel() != 0) {
      std::string_view const keep = kept.find(identity_of(t))->second;
      if (keep != name) {
        plan.metadata.emplace_back(name, keep);
        continue;
      }
    }
    if (!repeats.take(t)) {
      plan.problems.push_back(
          message({printable(name), " repeats its elements and stands for ", t.size_bytes(), " bytes"}));
      continue;
    }
    if (t.dtype() == DType::boolean && first_not_bool(t) != t.numel()) {  // what could not be read again is not written
      plan.problems.push_back(message({printable(name), " holds a value that is no bool"}));
    }
    SafetensorsItem item{.name = name, .shape = t.shape()};
    if (t.is_contiguous()) {
      item.bytes = t.bytes();
    } else {
      item.gathered = &t;
    }
    add_item(plan, item, t.dtype());
  }
  return write_safetensors(path, plan, options);
}

ASHLAR_IO_FUNCTION Result<void> save_safetensors_value(std::string const& path, Value const& value,
                                                       SafetensorsOptions const& options) {
  if (!value.is_dict()) {
    return error(Errc::value,
                 {path, ": cannot save as safetensors: expected a dict of tensors, this is ", value.describe()});
  }
  std::vector<NamedTensor> tensors;
  std::vector<std::string> problems;
  for (auto const& [key, element] : value.items()) {
    if (key.kind() == Value::Kind::string && element.is_tensor()) {
      tensors.push_back({std::string(key.as_string()), element.tensor()});
    } else if (key.kind() == Value::Kind::string) {
      problems.push_back(message({printable(key.as_string()), ": expected a tensor, this is ", element.describe()}));
    } else {
      problems.push_back(message({"expected a name, this is ", key.describe()}));
    }
  }
  if (!problems.empty()) {
    return Error(Errc::value, message({path, ": cannot save as safetensors: no flat dict of tensors"}),
                 std::move(problems));
  }
  SafetensorsOptions with = options;
  if (value.metadata().is_dict()) {
    for (auto const& [key, text] : value.metadata().items()) {
      if (key.kind() != Value::Kind::string || text.kind() != Value::Kind::string) continue;
      std::string_view const name = key.as_string();
      bool const given = std::any_of(options.metadata.begin(), options.metadata.end(),
                                     [&](auto const& pair) { return pair.first == name; });
      // What the source said of its own ties holds no longer if it has the tensor now.
      if (!given && value.find(name) == nullptr) with.metadata.emplace_back(name, text.as_string());
    }
  }
  return save_safetensors_list(path, tensors, with);
}

ASHLAR_IO_FUNCTION Result<void> save_named_safetensors(std::string const& path, Layout const& layout,
                                                       void const* object, SaveOptions const& options) {
  if (is_checkpoint(layout)) {
    return error(Errc::value, {path, ": .safetensors has tensors only, and ", layout.type,
                               " is a checkpoint with numbers: save it as .ashlar or .pt"});
  }
  return save_safetensors_object(path, layout, object, {.metadata = options.metadata});
}
#ifndef ASHLAR_IO_COMPILED
/// Tells `save`; as foreign_loader_is_set.
inline bool const safetensors_saver_is_set = (safetensors_saver = &save_named_safetensors, true);
#endif

}  // namespace ashlar::detail
