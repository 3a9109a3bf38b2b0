// Ashlar: the manifest of a file, from a layout.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/schema/ashlar_generated.h>
#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/modules.hpp>
#include <ashlar/io/prologue.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/schema/sort.hpp>
#include <ashlar/schema/tree.hpp>
#include <ashlar/version.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {

namespace detail {

inline constexpr char manifest_identifier[] = "ASHM";

/// Metadata in the order of a file. Error: value, if a key stands twice or text is not UTF-8.
ASHLAR_COLD inline Result<Metadata> sorted_metadata(Metadata const& metadata, std::string_view where) {
  Metadata sorted;
  for (std::uint32_t const i : sorted_indices(
           metadata.size(), [&](std::uint32_t a, std::uint32_t b) { return metadata[a].first < metadata[b].first; })) {
    auto const& [key, value] = metadata[i];
    if (!is_utf8(key) || !is_utf8(value)) {
      return error(Errc::value, {where, ": metadata '", printable(key), "' is not UTF-8"});
    }
    if (!sorted.empty() && sorted.back().first == key) {
      return error(Errc::value, {where, ": metadata '", printable(key), "' is given twice"});
    }
    sorted.emplace_back(key, value);
  }
  return sorted;
}

/// Where the header and the tables of a FlatBuffer under construction are.
struct ManifestWriter {
  ::flatbuffers::FlatBufferBuilder builder;

  ASHLAR_COLD ::flatbuffers::Offset<file::Tensor> tensor(std::span<Row const> rows, std::size_t i,
                                                         std::vector<std::uint32_t> const& aliases) {
    Row const& row = rows[i];
    auto const key = string(row.key);
    std::uint64_t extents[max_rank]{};
    for (std::size_t d = 0; d < row.shape.rank; ++d) extents[d] = row.shape[d];
    auto const shape = builder.CreateVector(extents, row.shape.rank);
    ::flatbuffers::Offset<::flatbuffers::Vector<::flatbuffers::Offset<::flatbuffers::String>>> names;
    ::flatbuffers::Offset<::flatbuffers::Vector<std::uint32_t>> positions;
    if (!aliases.empty()) {
      std::vector<std::uint32_t> strings;
      for (std::uint32_t const a : aliases) strings.push_back(string(rows[a].key).o);
      names = list(strings).o;
      positions = builder.CreateVector(aliases);
    }
    return file::CreateTensor(builder, key, static_cast<file::Kind>(row.kind), static_cast<file::DType>(row.dtype),
                              shape, row.offset, row.bytes, 0, names, positions);
  }

  ASHLAR_COLD ::flatbuffers::Offset<::flatbuffers::String> string(std::string_view s) {
    return builder.CreateString(s.data(), s.size());
  }

  /// A vector of what lies at these offsets, whatever it is: one function instead of one for each type.
  ASHLAR_COLD ::flatbuffers::Offset<> list(std::vector<::flatbuffers::uoffset_t> const& offsets) {
    builder.StartVector<::flatbuffers::Offset<>>(offsets.size());
    for (std::size_t i = offsets.size(); i-- != 0;) builder.PushElement(::flatbuffers::Offset<>(offsets[i]));
    return ::flatbuffers::Offset<>(builder.EndVector(offsets.size()));
  }

  /// The tables of the typed view, children first, as their offsets are needed by their parents.
  ASHLAR_COLD ::flatbuffers::Offset<> typed_view(Tree const& tree,
                                                 std::vector<::flatbuffers::uoffset_t> const& tensor_of,
                                                 ::flatbuffers::Offset<file::Header> header) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t at = 0; at != no_index; at = tree.after(at)) order.push_back(at);
    std::vector<::flatbuffers::uoffset_t> offset(tree.nodes.size());
    std::vector<::flatbuffers::uoffset_t> elements;
    for (std::size_t i = order.size(); i-- != 0;) {
      std::uint32_t const at = order[i];
      TreeNode const& node = tree.nodes[at];
      if (node.is_leaf()) {
        offset[at] = tensor_of[node.key];
      } else if (node.list) {
        elements.clear();
        for (std::uint32_t c = node.first_child; c != no_index; c = tree.nodes[c].next) elements.push_back(offset[c]);
        offset[at] = list(elements).o;
      } else {
        auto const start = builder.StartTable();
        ::flatbuffers::voffset_t field = 4;
        if (at == 0) {
          builder.AddOffset(field, header);
          field += 2;
        }
        for (std::uint32_t c = node.first_child; c != no_index; c = tree.nodes[c].next, field += 2) {
          builder.AddOffset(field, ::flatbuffers::Offset<>(offset[c]));
        }
        offset[at] = builder.EndTable(start);
      }
    }
    return offset[0];
  }
};

/// The manifest with all checksums 0. Its length does not depend on them: see set_checksums.
ASHLAR_COLD inline Result<std::vector<std::byte>> build_manifest(Layout const& layout, Structure const& structure,
                                                                 Metadata const& metadata, std::string_view where) {
  std::vector<ModuleText> modules;
  if (layout.info != nullptr) collect_modules(*layout.info, {}, 0, modules);
  std::string const text = layout_text(layout.rows, layout.bytes) + version_lines(modules);
  std::size_t least = text.size();
  for (ModuleText const& m : modules) {
    if (m.type.size() > max_type_length) {
      return error(Errc::value, {where, ": the name of the type of ", m.key, " has more than 65536 characters"});
    }
    least += m.key.size() + m.type.size();
  }
  for (auto const& [key, value] : metadata) least += key.size() + value.size();
  auto const too_large = [&] {
    return error(Errc::value, {where, ": keys and metadata take more than the 64 MiB a manifest may have"});
  };
  if (least > max_manifest) return too_large();

  ManifestWriter w;
  w.builder.ForceDefaults(true);  // zero checksums and offsets too take their place
  auto const rows = layout.rows;
  std::vector<std::vector<std::uint32_t>> aliases(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].is_alias()) {
      aliases[static_cast<std::size_t>(rows[i].alias_of)].push_back(static_cast<std::uint32_t>(i));
    }
  }
  std::vector<::flatbuffers::uoffset_t> tensor_of(rows.size());  // of an alias: the tensor it is tied to
  std::vector<::flatbuffers::uoffset_t> tensors;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_alias()) tensors.push_back(tensor_of[i] = w.tensor(rows, i, aliases[i]).o);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].is_alias()) tensor_of[i] = tensor_of[static_cast<std::size_t>(rows[i].alias_of)];
  }
  std::vector<::flatbuffers::uoffset_t> pairs;
  for (auto const& [key, value] : metadata) {
    auto const k = w.string(key);
    pairs.push_back(file::CreateKeyValue(w.builder, k, w.string(value)).o);
  }
  auto const list = w.list(tensors);
  auto const model = w.string(layout.type);
  auto const library = w.string(version);
  auto const lines = w.string(text);
  std::vector<::flatbuffers::uoffset_t> parts;
  for (ModuleText const& m : modules) {
    auto const key = w.string(m.key);
    parts.push_back(file::CreateModule(w.builder, key, w.string(m.type), m.version, m.leaves_before).o);
  }
  auto const metadata_list = w.list(pairs);
  ::flatbuffers::Offset<::flatbuffers::Vector<::flatbuffers::Offset<file::Module>>> module_list;
  if (!parts.empty()) module_list = w.list(parts).o;
  auto const header =
      file::CreateHeader(w.builder, list.o, model, library, lines, metadata_list.o, data_alignment, module_list);
  w.builder.Finish(::flatbuffers::Offset<file::Header>(w.typed_view(structure.tree, tensor_of, header).o),
                   manifest_identifier);
  if (w.builder.GetSize() > max_manifest) return too_large();
  auto const* begin = reinterpret_cast<std::byte const*>(w.builder.GetBufferPointer());
  return std::vector<std::byte>(begin, begin + w.builder.GetSize());
}

/// Puts checksums, one for each stored row in order, into what build_manifest made.
ASHLAR_COLD inline void set_checksums(std::span<std::byte> manifest, std::span<std::uint64_t const> checksums) {
  auto* const root = ::flatbuffers::GetMutableRoot<::flatbuffers::Table>(manifest.data());
  auto const* const tensors = root->GetPointer<file::Header const*>(4)->tensors();
  for (std::size_t i = 0; i < checksums.size(); ++i) {
    auto* const tensor = const_cast<file::Tensor*>(tensors->Get(static_cast<::flatbuffers::uoffset_t>(i)));
    (void)reinterpret_cast<::flatbuffers::Table*>(tensor)->SetField<std::uint64_t>(file::Tensor::VT_CHECKSUM,
                                                                                   checksums[i], 0);
  }
}

}  // namespace detail
}  // namespace ashlar
