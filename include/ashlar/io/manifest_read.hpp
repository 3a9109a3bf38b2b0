// Ashlar: a manifest from bytes that anyone may have written.  SPDX-License-Identifier: BSL-1.0
//
// The FlatBuffers Verifier keeps reads inside the buffer. What it does not look at is checked here: alignment of vector
// elements, enum ranges, UTF-8, order and uniqueness, and that no two tables share parts, which would let a small file
// ask for unbounded work: all that the header refers to has to add up to no more than the manifest's size.
#pragma once

#include <ashlar/schema/ashlar_generated.h>
#include <ashlar/core/result.hpp>
#include <ashlar/io/manifest_write.hpp>
#include <ashlar/io/modules.hpp>
#include <ashlar/io/prologue.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/io/typed_view.hpp>
#include <ashlar/reflect/row.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// What a verified manifest says. Text points into the manifest.
struct Manifest {
  std::vector<Row> rows;  ///< all keys in the order of the state_dict, ties included
  std::vector<std::uint64_t> checksums;  ///< of each row's bytes
  Structure structure;
  std::string_view model;
  std::string_view library_version;
  std::string_view layout;
  std::vector<std::pair<std::string_view, std::string_view>> metadata;
  std::vector<Module> modules;  ///< empty if whoever wrote the file knew no structure
};

class ManifestReader {
 public:
  using Table = ::flatbuffers::Table;
  using Field = ::flatbuffers::voffset_t;
  template <class T>
  using List = ::flatbuffers::Vector<T>;

  /// `bytes` start at a multiple of 8.
  ManifestReader(std::span<std::byte const> bytes, Prologue const& prologue, std::string_view where)
      : bytes_(bytes),
        prologue_(prologue),
        where_(where),
        verifier_(begin(), bytes.size(), options()),
        budget_(bytes.size()) {}

  ASHLAR_COLD Result<Manifest> read() {
    Manifest m;
    if (!read_all(m)) return format_error(where_, {"the manifest is not valid: ", problem_});
    auto structure = check_rows(m.rows, prologue_.data_length, Errc::format, where_);
    if (!structure) return std::move(structure).error();
    m.structure = std::move(*structure);
    if (!check_layout(m) || !check_typed_view(m))
      return format_error(where_, {"the manifest is not valid: ", problem_});
    return m;
  }

 private:
  static ::flatbuffers::Verifier::Options options() {
    ::flatbuffers::Verifier::Options o;
    o.max_tables = 0x7fffffff;  // each table is visited once, and counted by budget_
    o.max_size = max_manifest + 1;
    return o;
  }
  [[nodiscard]] std::uint8_t const* begin() const { return reinterpret_cast<std::uint8_t const*>(bytes_.data()); }

  ASHLAR_COLD bool fail(std::initializer_list<Part> problem) {
    if (problem_.empty()) problem_ = message(problem);
    return false;
  }
  bool spend(std::size_t bytes) {
    if (bytes > budget_) return fail({"its parts overlap"});
    budget_ -= bytes;
    return true;
  }
  ASHLAR_COLD bool start(Table const* table, char const* what) {
    if (!table->VerifyTableStart(verifier_)) return fail({what, " lies outside"});
    return verifier_.EndTable();
  }

  /// The vector or string in a field; null if there is none.
  template <class T>
  ASHLAR_COLD bool follow(Table const* table, Field field, bool required, char const* what, T const*& out) {
    out = nullptr;
    if (table->GetOptionalFieldOffset(field) == 0) return !required || fail({"no ", what});
    if (!table->VerifyOffset(verifier_, field)) return fail({what, " lies outside"});
    out = table->GetPointer<T const*>(field);
    return true;
  }
  ASHLAR_COLD bool text(::flatbuffers::String const* s, char const* what, std::string_view& out) {
    out = {};
    if (s == nullptr) return true;
    if (!verifier_.VerifyString(s)) return fail({what, " lies outside"});
    out = {s->c_str(), s->size()};
    return spend(out.size() + 5) && (is_utf8(out) || fail({what, " is not UTF-8"}));
  }
  ASHLAR_COLD bool text(Table const* table, Field field, char const* what, std::string_view& out) {
    ::flatbuffers::String const* s = nullptr;
    return follow(table, field, true, what, s) && text(s, what, out);
  }
  template <class T>
  ASHLAR_COLD bool list(Table const* table, Field field, bool required, char const* what, List<T> const*& out) {
    if (!follow(table, field, required, what, out)) return false;
    if (out == nullptr) return true;
    if (!verifier_.VerifyVector(out)) return fail({what, " lies outside"});
    auto const at = static_cast<std::size_t>(out->Data() - begin());
    if (out->size() != 0 && at % sizeof(T) != 0) return fail({what, " is misaligned"});
    return spend(4 + std::size_t{out->size()} * sizeof(T));
  }
  /// Checks that element i of a vector of tables or strings leads to something inside.
  template <class T>
  ASHLAR_COLD bool element(List<::flatbuffers::Offset<T>> const* list, std::uint32_t i, char const* what,
                           T const*& out) {
    auto const at = static_cast<std::size_t>(list->Data() - begin()) + i * sizeof(::flatbuffers::uoffset_t);
    if (verifier_.VerifyOffset(at) == 0) return fail({what, " lies outside"});
    out = list->Get(i);
    return true;
  }
  template <class T>
  ASHLAR_COLD bool number(Table const* table, Field field, char const* what, T& out) {
    if (!table->VerifyField<T>(verifier_, field, sizeof(T))) return fail({what, " lies outside"});
    out = table->GetField<T>(field, T{});
    return true;
  }

  ASHLAR_COLD bool read_all(Manifest& m) {
    if (bytes_.size() < FLATBUFFERS_MIN_BUFFER_SIZE ||
        !::flatbuffers::BufferHasIdentifier(begin(), manifest_identifier)) {
      return fail({"its identifier is not ASHM"});
    }
    auto const root = verifier_.VerifyOffset(0);
    if (root == 0) return fail({"its root lies outside"});
    root_ = reinterpret_cast<Table const*>(begin() + root);
    Table const* header = nullptr;
    if (!start(root_, "its root") || !follow(root_, 4, true, "header", header) || !start(header, "header"))
      return false;
    List<::flatbuffers::Offset<Table>> const* tensors = nullptr;
    if (!text(header, file::Header::VT_MODEL, "model", m.model) ||
        !text(header, file::Header::VT_LIBRARY_VERSION, "library_version", m.library_version) ||
        !read_metadata(header, m) || !list(header, file::Header::VT_TENSORS, true, "tensors", tensors)) {
      return false;
    }
    std::uint32_t alignment = 0;
    if (!number(header, file::Header::VT_DATA_ALIGNMENT, "data_alignment", alignment)) return false;
    if (alignment != data_alignment) return fail({"data_alignment is ", alignment, " instead of 4096"});
    return read_tensors(*tensors, m) && read_modules(header, m) &&
           text(header, file::Header::VT_LAYOUT, "layout", m.layout);
  }

  ASHLAR_COLD bool read_modules(Table const* header, Manifest& m) {
    using M = file::Module;
    List<::flatbuffers::Offset<Table>> const* modules = nullptr;
    if (!list(header, file::Header::VT_MODULES, false, "modules", modules)) return false;
    for (std::uint32_t i = 0; modules != nullptr && i < modules->size(); ++i) {
      Table const* table = nullptr;
      Module module;
      if (!element(modules, i, "module", table) || !start(table, "module") || !spend(16) ||
          !text(table, M::VT_KEY, "key of a module", module.key) ||
          !text(table, M::VT_TYPE, "type of a module", module.type) ||
          !number(table, M::VT_VERSION, "version of a module", module.version) ||
          !number(table, M::VT_LEAVES_BEFORE, "leaves_before of a module", module.leaves_before)) {
        return false;
      }
      m.modules.push_back(module);
    }
    std::string const problem = modules_problem(m.modules, m.rows.size());
    return problem.empty() || fail({problem});
  }

  ASHLAR_COLD bool read_metadata(Table const* header, Manifest& m) {
    List<::flatbuffers::Offset<Table>> const* pairs = nullptr;
    if (!list(header, file::Header::VT_METADATA, false, "metadata", pairs)) return false;
    for (std::uint32_t i = 0; pairs != nullptr && i < pairs->size(); ++i) {
      Table const* pair = nullptr;
      std::string_view key;
      std::string_view value;
      if (!element(pairs, i, "metadata", pair) || !start(pair, "metadata") ||
          !text(pair, file::KeyValue::VT_KEY, "key of metadata", key) ||
          !text(pair, file::KeyValue::VT_VALUE, "value of metadata", value)) {
        return false;
      }
      if (!m.metadata.empty() && !(m.metadata.back().first < key)) {
        return fail({"metadata '", printable(key), "' is out of order or stands twice"});
      }
      m.metadata.emplace_back(key, value);
    }
    return true;
  }

  struct Alias {
    std::uint32_t position;
    std::uint32_t tensor;
    std::string_view key;
  };

  ASHLAR_COLD bool read_tensors(List<::flatbuffers::Offset<Table>> const& tensors, Manifest& m) {
    std::vector<Row> stored;
    std::vector<std::uint64_t> checksums;
    std::vector<std::uint32_t> places;
    std::vector<Alias> aliases;
    for (std::uint32_t i = 0; i < tensors.size(); ++i) {
      Table const* table = nullptr;
      Row row;
      std::uint64_t sum = 0;
      if (!element(&tensors, i, "tensor", table) || !start(table, "tensor") || !spend(32) ||
          !read_tensor(table, i, row, sum, aliases)) {
        return fail_tensor(i, row);
      }
      stored.push_back(row);
      checksums.push_back(sum);
      places.push_back(static_cast<std::uint32_t>(reinterpret_cast<std::uint8_t const*>(table) - begin()));
    }

    // Tied keys say where they stand; the keys that store elements fill the rest in order.
    std::size_t const count = stored.size() + aliases.size();
    std::vector<std::uint32_t> alias_at(count, no_index);
    for (std::uint32_t a = 0; a < aliases.size(); ++a) {
      std::uint32_t const at = aliases[a].position;
      if (at >= count || alias_at[at] != no_index) {
        return fail(
            {"the position of the alias ", printable(aliases[a].key), ", ", at, ", is taken or beyond the end"});
      }
      alias_at[at] = a;
    }
    m.rows.resize(count);
    m.checksums.resize(count);
    places_.resize(count);
    std::vector<std::uint32_t> row_of(stored.size());
    for (std::size_t at = 0, next = 0; at < count; ++at) {
      if (alias_at[at] == no_index) row_of[next++] = static_cast<std::uint32_t>(at);
    }
    for (std::size_t t = 0; t < stored.size(); ++t) set_row(m, row_of[t], stored[t], checksums[t], places[t]);
    for (Alias const& a : aliases) {
      set_row(m, a.position, stored[a.tensor], checksums[a.tensor], places[a.tensor]);
      m.rows[a.position].key = a.key;
      m.rows[a.position].alias_of = row_of[a.tensor];
    }
    return true;
  }

  ASHLAR_COLD void set_row(Manifest& m, std::size_t at, Row const& row, std::uint64_t sum, std::uint32_t place) {
    m.rows[at] = row;
    m.checksums[at] = sum;
    places_[at] = place;
  }
  bool fail_tensor(std::uint32_t i, Row const& row) {
    problem_ = message({"tensor ", i, row.key.empty() ? "" : ", ", printable(row.key), ": ", problem_});
    return false;
  }

  ASHLAR_COLD bool read_tensor(Table const* t, std::uint32_t index, Row& row, std::uint64_t& sum,
                               std::vector<Alias>& aliases) {
    using T = file::Tensor;
    std::uint8_t kind = 0;
    std::uint8_t dtype = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    List<std::uint64_t> const* shape = nullptr;
    if (!text(t, T::VT_KEY, "key", row.key) || !number(t, T::VT_KIND, "kind", kind) ||
        !number(t, T::VT_DTYPE, "dtype", dtype) || !number(t, T::VT_OFFSET, "offset", offset) ||
        !number(t, T::VT_BYTES, "bytes", bytes) || !number(t, T::VT_CHECKSUM, "checksum", sum) ||
        !list(t, T::VT_SHAPE, true, "shape", shape)) {
      return false;
    }
    if (kind > static_cast<std::uint8_t>(Kind::scalar)) return fail({"kind ", kind, " is unknown"});
    if (dtype >= dtype_count) return fail({"dtype ", dtype, " is unknown"});
    if (shape->size() > max_rank) return fail({shape->size(), " dimensions, but 8 are allowed"});
    if constexpr (sizeof(std::size_t) < 8) {
      if (offset > prologue_.data_length || bytes > prologue_.data_length)
        return fail({"larger than the address space"});
    }
    row.kind = static_cast<Kind>(kind);
    row.dtype = static_cast<DType>(dtype);
    row.offset = static_cast<std::size_t>(offset);
    row.bytes = static_cast<std::size_t>(bytes);
    row.shape.rank = shape->size();
    for (std::uint32_t d = 0; d < shape->size(); ++d) {
      if (shape->Get(d) >= dyn) return fail({"an extent of 2^64 - 1"});
      row.shape[d] = static_cast<std::size_t>(shape->Get(d));
    }
    return read_aliases(t, index, aliases);
  }

  ASHLAR_COLD bool read_aliases(Table const* t, std::uint32_t index, std::vector<Alias>& aliases) {
    List<::flatbuffers::Offset<::flatbuffers::String>> const* names = nullptr;
    List<std::uint32_t> const* positions = nullptr;
    if (!list(t, file::Tensor::VT_ALIASES, false, "aliases", names) ||
        !list(t, file::Tensor::VT_ALIAS_POSITIONS, false, "alias_positions", positions)) {
      return false;
    }
    std::uint32_t const n = names == nullptr ? 0 : names->size();
    if (n != (positions == nullptr ? 0 : positions->size()))
      return fail({"aliases and alias_positions differ in length"});
    for (std::uint32_t a = 0; a < n; ++a) {
      ::flatbuffers::String const* s = nullptr;
      std::string_view key;
      if (!element(names, a, "alias", s) || !text(s, "alias", key)) return false;
      if (a != 0 && positions->Get(a) <= positions->Get(a - 1)) return fail({"alias_positions are out of order"});
      aliases.push_back({positions->Get(a), index, key});
    }
    return true;
  }

  /// The layout text is that of the rows, and the prologue's fingerprint is that of the text.
  ASHLAR_COLD bool check_layout(Manifest const& m) {
    if (m.layout != layout_text(m.rows, static_cast<std::size_t>(prologue_.data_length)) + version_lines(m.modules)) {
      return fail({"the layout text differs from the list of tensors and modules"});
    }
    Fnv128 hash;
    hash(m.layout);
    if (hash.bytes() != prologue_.fingerprint) {
      return fail({"the fingerprint in the first 64 bytes is that of another layout"});
    }
    return true;
  }

  ASHLAR_COLD bool check_typed_view(Manifest const& m) {
    std::string problem = typed_view_problem(verifier_, begin(), root_, m.structure.tree, m.rows, places_);
    return problem.empty() || fail({problem});
  }

  std::span<std::byte const> bytes_;
  Prologue prologue_;
  std::string_view where_;
  ::flatbuffers::Verifier verifier_;
  std::size_t budget_;
  Table const* root_ = nullptr;
  std::vector<std::uint32_t> places_;  // of each row: where its Tensor table starts
  std::string problem_;
};

}  // namespace ashlar::detail
