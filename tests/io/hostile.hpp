// A builder of .ashlar files with any fault, and a catalogue of them.  SPDX-License-Identifier: BSL-1.0
//
// A Spec says what a file shall hold, sound or not; `build` writes it with checksums that fit, so that a reader has to
// find the fault itself. What the fuzzer finds joins the catalogue.
#pragma once

#include <ashlar/io/manifest_write.hpp>
#include <ashlar/io/modules.hpp>
#include <ashlar/io/prologue.hpp>
#include <ashlar/reflect/fingerprint.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::test {

using Builder = ::flatbuffers::FlatBufferBuilder;
template <class T = void>
using Offset = ::flatbuffers::Offset<T>;

struct TensorSpec {
  std::string key;
  unsigned kind = 0;
  unsigned dtype = 1;  // f32
  std::vector<std::uint64_t> shape;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> aliases{};
  std::vector<std::uint32_t> positions{};
  std::optional<std::uint64_t> checksum{};
};

struct ModuleSpec {
  std::string key;
  std::string type = "M";
  std::uint32_t version = 1;
  std::uint32_t leaves_before = 0;
};

struct Spec {
  std::vector<TensorSpec> tensors{
      {.key = "a.weight", .shape = {4}, .offset = 0, .bytes = 16},
      {.key = "a.bias", .shape = {2, 2}, .offset = 64, .bytes = 16},
      {.key = "step", .kind = 3, .dtype = 11, .shape = {}, .offset = 128, .bytes = 4},
  };
  std::vector<std::pair<std::string, std::string>> metadata{};
  std::vector<ModuleSpec> modules{};
  std::string model = "M";
  std::uint32_t alignment = 4096;
  std::uint64_t data_bytes = 192;
  std::optional<std::string> layout{};
  /// Makes the root from the Tensor tables (one for each key in order) and the header; default: as the writer does.
  std::function<Offset<>(Builder&, std::vector<Offset<file::Tensor>> const&, Offset<file::Header>)> root{};
  std::function<void(std::vector<std::byte>&)> patch_manifest{};
  std::function<void(detail::Prologue&)> patch_prologue{};
  std::function<void(detail::PrologueBytes&)> patch_prologue_bytes{};  ///< before its checksum is taken
  std::function<void(std::vector<std::byte>&)> patch_file{};           ///< last
};

inline std::vector<std::byte> build(Spec const& spec) {
  // The keys in order, for layout text and tree; nonsense stays nonsense.
  std::vector<Row> rows;
  std::vector<std::uint32_t> tensor_of_row;
  std::vector<std::pair<std::uint32_t, Row>> aliases;
  for (std::uint32_t t = 0; t < spec.tensors.size(); ++t) {
    TensorSpec const& s = spec.tensors[t];
    Row row;
    row.key = s.key;
    row.kind = static_cast<Kind>(s.kind);
    row.dtype = static_cast<DType>(s.dtype);
    row.shape.rank = std::min<std::size_t>(s.shape.size(), max_rank);
    for (std::size_t d = 0; d < row.shape.rank; ++d) row.shape[d] = static_cast<std::size_t>(s.shape[d]);
    row.offset = static_cast<std::size_t>(s.offset);
    row.bytes = static_cast<std::size_t>(s.bytes);
    rows.push_back(row);
    tensor_of_row.push_back(t);
  }
  for (std::uint32_t t = 0; t < spec.tensors.size(); ++t) {
    for (std::size_t a = 0; a < spec.tensors[t].aliases.size() && a < spec.tensors[t].positions.size(); ++a) {
      Row alias;
      alias.key = spec.tensors[t].aliases[a];
      alias.alias_of = static_cast<std::ptrdiff_t>(t);
      auto const at = std::min<std::size_t>(spec.tensors[t].positions[a], rows.size());
      rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(at), alias);
      tensor_of_row.insert(tensor_of_row.begin() + static_cast<std::ptrdiff_t>(at), t);
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_alias()) continue;
    std::size_t target = 0;
    while (rows[target].is_alias() || tensor_of_row[target] != tensor_of_row[i]) ++target;
    rows[i].alias_of = static_cast<std::ptrdiff_t>(target);
  }
  std::string const layout = spec.layout.value_or(layout_text(rows, static_cast<std::size_t>(spec.data_bytes)) +
                                                  detail::version_lines(spec.modules));

  // Each tensor's element j has the byte value j, or 1 for bools; all else is zero.
  std::vector<std::byte> data(spec.data_bytes < (1u << 20) ? static_cast<std::size_t>(spec.data_bytes) : 0);
  for (TensorSpec const& s : spec.tensors) {
    for (std::uint64_t j = 0; j < s.bytes && s.offset <= data.size() && j < data.size() - s.offset; ++j) {
      data[static_cast<std::size_t>(s.offset + j)] = static_cast<std::byte>(s.dtype == 9 ? 1 : j + 1);
    }
  }

  detail::ManifestWriter w;
  Builder& b = w.builder;
  b.ForceDefaults(true);
  std::vector<Offset<file::Tensor>> tables;
  for (TensorSpec const& s : spec.tensors) {
    auto const key = b.CreateString(s.key);
    auto const shape = b.CreateVector(s.shape);
    Offset<::flatbuffers::Vector<Offset<::flatbuffers::String>>> names;
    Offset<::flatbuffers::Vector<std::uint32_t>> positions;
    if (!s.aliases.empty()) names = b.CreateVectorOfStrings(s.aliases);
    if (!s.positions.empty()) positions = b.CreateVector(s.positions);
    bool const inside = s.offset <= data.size() && s.bytes <= data.size() - s.offset;
    auto const sum =
        s.checksum.value_or(inside ? detail::checksum(std::span(data).subspan(static_cast<std::size_t>(s.offset),
                                                                              static_cast<std::size_t>(s.bytes)))
                                   : 0);
    tables.push_back(file::CreateTensor(b, key, static_cast<file::Kind>(s.kind), static_cast<file::DType>(s.dtype),
                                        shape, s.offset, s.bytes, sum, names, positions));
  }
  std::vector<Offset<file::KeyValue>> pairs;
  for (auto const& [k, v] : spec.metadata) {
    auto const key = b.CreateString(k);
    pairs.push_back(file::CreateKeyValue(b, key, b.CreateString(v)));
  }
  auto const list = b.CreateVector(tables);
  auto const model = b.CreateString(spec.model);
  auto const library = b.CreateString("0.1.0");
  auto const text = b.CreateString(layout);
  auto const metadata = b.CreateVector(pairs);
  std::vector<Offset<file::Module>> parts;
  for (ModuleSpec const& m : spec.modules) {
    auto const key = b.CreateString(m.key);
    parts.push_back(file::CreateModule(b, key, b.CreateString(m.type), m.version, m.leaves_before));
  }
  Offset<::flatbuffers::Vector<Offset<file::Module>>> modules;
  if (!parts.empty()) modules = b.CreateVector(parts);
  auto const header = file::CreateHeader(b, list, model, library, text, metadata, spec.alignment, modules);

  std::vector<Offset<file::Tensor>> by_row;
  std::vector<::flatbuffers::uoffset_t> offset_of_row;
  std::vector<std::string_view> keys;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    by_row.push_back(tables[tensor_of_row[i]]);
    offset_of_row.push_back(by_row.back().o);
    keys.push_back(rows[i].key);
  }
  detail::Tree const tree = detail::build_tree(keys);
  Offset<> root;
  if (spec.root) {
    root = spec.root(b, by_row, header);
  } else if (tree.ok()) {
    root = w.typed_view(tree, offset_of_row, header);
  } else {
    auto const start = b.StartTable();
    b.AddOffset(4, header);
    root = b.EndTable(start);
  }
  b.Finish(Offset<file::Header>(root.o), detail::manifest_identifier);
  auto const* const begin = reinterpret_cast<std::byte const*>(b.GetBufferPointer());
  std::vector<std::byte> manifest(begin, begin + b.GetSize());
  if (spec.patch_manifest) spec.patch_manifest(manifest);

  detail::Fnv128 fingerprint;
  fingerprint(layout);
  detail::Prologue p;
  p.manifest_length = static_cast<std::uint32_t>(manifest.size());
  p.data_offset = detail::data_offset_for(manifest.size());
  p.data_length = spec.data_bytes;
  p.fingerprint = fingerprint.bytes();
  p.manifest_checksum = detail::checksum(manifest);
  if (spec.patch_prologue) spec.patch_prologue(p);
  auto bytes = detail::encode(p);
  if (spec.patch_prologue_bytes) {
    spec.patch_prologue_bytes(bytes);
    detail::put(bytes, 20, detail::prologue_checksum(bytes));
  }
  std::vector<std::byte> out(detail::data_offset_for(manifest.size()));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  std::memcpy(out.data() + detail::prologue_size, manifest.data(), manifest.size());
  out.insert(out.end(), data.begin(), data.end());
  if (spec.patch_file) spec.patch_file(out);
  return out;
}

/// A fault, and the sentence that a reader has to find for it.
struct BadFile {
  char const* name;
  std::function<void(Spec&)> spoil;
  std::string message;
};

/// The position of a Tensor table in a manifest, by index in the flat list.
inline std::size_t tensor_at(std::vector<std::byte> const& manifest, std::uint32_t index) {
  auto const* const root = ::flatbuffers::GetRoot<::flatbuffers::Table>(manifest.data());
  auto const* const t = root->GetPointer<file::Header const*>(4)->tensors()->Get(index);
  return static_cast<std::size_t>(reinterpret_cast<std::byte const*>(t) - manifest.data());
}

/// Overwrites 4 bytes.
inline void poke(std::vector<std::byte>& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, 4);
}
inline std::uint32_t peek(std::vector<std::byte> const& bytes, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, 4);
  return value;
}
/// Where field `field` of the table at `table` lies.
inline std::size_t field_at(std::vector<std::byte> const& m, std::size_t table, std::uint16_t field) {
  auto const vtable =
      static_cast<std::size_t>(static_cast<std::int64_t>(table) - static_cast<std::int32_t>(peek(m, table)));
  std::uint16_t offset;
  std::memcpy(&offset, m.data() + vtable + field, 2);
  return table + offset;
}

std::vector<BadFile> const& bad_files();

}  // namespace ashlar::test
