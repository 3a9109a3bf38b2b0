// Ashlar: what a file has to hold for an object to be filled from it, earlier versions of layers included.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/reflect/migration.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/type_info.hpp>
#include <ashlar/schema/sort.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A layer of a file that has a version other than 1.
struct LayerVersion {
  std::string key;
  std::uint32_t version;
};

ASHLAR_COLD inline void sort_versions(std::vector<LayerVersion>& versions) {
  std::vector<LayerVersion> sorted;
  for (std::uint32_t const i : sorted_indices(
           versions.size(), [&](std::uint32_t a, std::uint32_t b) { return versions[a].key < versions[b].key; })) {
    sorted.push_back(std::move(versions[i]));
  }
  versions = std::move(sorted);
}

/// Memory for objects of earlier versions, zero, aligned to 64 bytes.
class Scratch {
 public:
  Scratch() = default;
  Scratch(Scratch&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  Scratch& operator=(Scratch&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~Scratch() { ::operator delete(data_, std::align_val_t{tensor_alignment}); }
  std::byte* allocate(std::size_t bytes) {
    data_ = ::operator new(bytes, std::align_val_t{tensor_alignment});
    return static_cast<std::byte*>(std::memset(data_, 0, bytes));
  }

 private:
  void* data_ = nullptr;
};

/// The rows a file has to hold. Without earlier versions they are those of the layout. A layer that the file holds in
/// an earlier version is replaced by that version's rows; these are read into memory of their own, behind the object as
/// far as offsets go, and `steps` bring them to today's version afterwards.
class Expected {
 public:
  /// `versions` are sorted by key; of a layer that is not there it is 1. Those of a state_dict are PyTorch's: they
  /// count for layers that have a version here too, and what is not there is today's.
  ASHLAR_COLD Expected(Layout const& layout, std::span<LayerVersion const> versions, bool is_state_dict = false)
      : layout_(layout), versions_(versions), is_state_dict_(is_state_dict) {
    if (layout.info == nullptr || !may_differ(*layout.info)) return;
    std::string key;
    find(*layout.info, key, 0, layout.info->state, layers_);
    if (layers_.empty()) return;
    std::vector<Tie> ties;
    emit(layout.rows, {}, 0, false, layers_, ties);
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i].key = keys_[i];
    resolve(ties);
    layout_.rows = rows_;
  }

  /// As the layout it was made from, but with these rows.
  [[nodiscard]] Layout const& layout() const { return layout_; }
  [[nodiscard]] std::vector<std::string> const& problems() const { return problems_; }
  /// Keys of the layers that `problems` are about.
  [[nodiscard]] std::span<std::string const> unreadable() const { return unreadable_; }
  /// Some layer is read from an earlier version.
  [[nodiscard]] bool migrates() const { return !steps_.empty(); }

  /// Bytes needed beside the object.
  [[nodiscard]] std::size_t scratch_bytes() const { return scratch_; }
  /// Where row i is to be put.
  [[nodiscard]] std::byte* place(std::size_t i, void* object, std::byte* scratch) const {
    return at(layout_.rows[i].offset, object, scratch);
  }

  struct Step {
    MigrationInfo const* migration;
    std::size_t from;  // offsets, behind the object if they are beyond its end
    std::size_t to;
    bool state;
    std::size_t first_row;  // of those that hold the earliest version
    std::size_t end_row;
    std::string text;  // "bn: Norm 1 -> 2"; of the last step of a layer
  };
  [[nodiscard]] std::span<Step const> steps() const { return steps_; }
  void run(Step const& step, void* object, std::byte* scratch) const {
    step.migration->run(at(step.from, object, scratch), at(step.to, object, scratch), step.state);
  }

 private:
  /// A layer to be read from an earlier version: the migrations from today's back to it.
  struct Layer {
    std::string key;
    std::size_t offset;
    bool state;
    std::vector<MigrationInfo const*> chain;
    std::uint32_t version;
    std::string_view name;
  };
  struct Tie {
    std::size_t row;
    std::string target;
  };

  [[nodiscard]] std::byte* at(std::size_t offset, void* object, std::byte* scratch) const {
    return offset < layout_.bytes ? static_cast<std::byte*>(object) + offset : scratch + (offset - layout_.bytes);
  }
  /// Something in the type may have another version in the file.
  [[nodiscard]] bool may_differ(TypeInfo const& type) const {
    return type.versioned || (!is_state_dict_ && !versions_.empty());
  }
  [[nodiscard]] std::uint32_t version_in_file(TypeInfo const& type, std::string_view key) const {
    if (is_state_dict_ && type.version == 1) return 1;
    auto const v = std::lower_bound(versions_.begin(), versions_.end(), key,
                                    [](LayerVersion const& a, std::string_view k) { return a.key < k; });
    if (v == versions_.end() || v->key != key) return is_state_dict_ ? type.version : 1;
    return v->version;
  }

  /// Lists the layers in `type` that the file has in another version; `key` and `offset` are its own.
  ASHLAR_COLD void find(TypeInfo const& type, std::string& key, std::size_t offset, bool state,
                        std::vector<Layer>& out) {
    std::uint32_t const there = version_in_file(type, key);
    if (there != type.version) {
      Layer layer{key, offset, state, {}, type.version, type.name};
      if (trace_back(type, there, layer)) out.push_back(std::move(layer));
      return;
    }
    find_in_members(type, key, offset, state, out);
  }
  ASHLAR_COLD void find_in_members(TypeInfo const& type, std::string& key, std::size_t offset, bool state,
                                   std::vector<Layer>& out) {
    for (MemberInfo const& m : type.members) {
      if (m.type == nullptr || !may_differ(*m.type)) continue;
      for (std::size_t k = 0; k < m.repeat; ++k) {
        std::size_t const before = key.size();
        if (before != 0) key += '.';
        if (m.key.empty()) key += std::to_string(k);
        else key += m.key;
        find(*m.type, key, offset + m.offset + k * m.stride, state || m.type->state, out);
        key.resize(before);
      }
    }
  }
  ASHLAR_COLD bool trace_back(TypeInfo const& type, std::uint32_t there, Layer& layer) {
    TypeInfo const* from = &type;
    while (from != nullptr && from->version > there) {
      MigrationInfo const* const m = from->migration;
      if (m == nullptr || m->from < there) break;
      layer.chain.push_back(m);
      from = m->layout().info;
    }
    if (from != nullptr && from->version == there) return true;
    std::string_view const where = layer.key.empty() ? "the model" : std::string_view(layer.key);
    unreadable_.push_back(layer.key);
    if (there > type.version) {
      problems_.push_back(message({where, ": the file holds version ", there, " of ", type.name,
                                   ", which this program knows up to version ", type.version}));
    } else {
      problems_.push_back(
          message({where, ": the file holds version ", there, " of ", type.name, ", this program has version ",
                   type.version, " and no migration from version ", there}));
    }
    return false;
  }

  /// Adds the rows of a type that lies at `base`, with the layers in it that are read from an earlier version.
  ASHLAR_COLD void emit(std::span<Row const> rows, std::string const& prefix, std::size_t base, bool state,
                        std::vector<Layer> const& layers, std::vector<Tie>& ties) {
    for (Row const& row : rows) {
      std::string key = prefix;
      if (!key.empty() && !row.key.empty()) key += '.';
      key += row.key;
      bool replaced = false;
      for (Layer const& layer : layers) replaced = replaced || is_in(key, layer.key);
      if (replaced) continue;
      if (row.is_alias()) {
        std::string target = prefix;
        if (!target.empty()) target += '.';
        ties.push_back({rows_.size(), target.append(rows[static_cast<std::size_t>(row.alias_of)].key)});
      }
      Row& out = rows_.emplace_back(row);
      keys_.push_back(std::move(key));
      out.offset += base;
      out.alias_of = -1;
      if (state && out.kind == Kind::parameter) out.kind = Kind::buffer;
    }
    for (Layer const& layer : layers) emit_earlier(layer, ties);
  }
  ASHLAR_COLD void emit_earlier(Layer const& layer, std::vector<Tie>& ties) {
    std::size_t to = layer.offset;
    std::vector<Step> steps;
    for (MigrationInfo const* m : layer.chain) {
      std::size_t const from = layout_.bytes + scratch_;
      scratch_ += (m->layout().bytes + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
      steps.push_back({m, from, to, layer.state, 0, 0, {}});
      to = from;
    }
    Layout const oldest = layer.chain.back()->layout();
    std::vector<Layer> inner;
    std::string key = layer.key;
    find_in_members(*oldest.info, key, to, layer.state, inner);
    std::size_t const first = rows_.size();
    emit(oldest.rows, layer.key, to, layer.state, inner, ties);
    std::uint32_t version = layer.chain.back()->from;
    for (std::size_t i = steps.size(); i-- != 0;) {
      Step& step = steps[i];
      step.first_row = first;
      step.end_row = rows_.size();
      if (i == 0) {
        step.text =
            message({layer.key, layer.key.empty() ? "" : ": ", layer.name, " ", version, " -> ", layer.version});
      }
      steps_.push_back(std::move(step));
    }
  }
  /// Points ties at the rows that now hold what they are tied to. A tie to what an earlier version does not have stands
  /// for itself no more: the file may hold its key, and nothing is read from there.
  ASHLAR_COLD void resolve(std::vector<Tie> const& ties) {
    KeyIndex const index(rows_);
    for (Tie const& tie : ties) {
      std::ptrdiff_t const target = index.find(tie.target);
      rows_[tie.row].alias_of = target;
      if (target < 0) {
        problems_.push_back(
            message({rows_[tie.row].key, " is tied to ", tie.target, ", which the version in the file does not have"}));
      }
    }
  }

  Layout layout_;
  std::span<LayerVersion const> versions_;
  bool is_state_dict_;
  std::vector<Layer> layers_;
  std::vector<Row> rows_;
  std::vector<std::string> keys_;  // of rows_
  std::vector<Step> steps_;
  std::vector<std::string> problems_;
  std::vector<std::string> unreadable_;
  std::size_t scratch_ = 0;
};

}  // namespace ashlar::detail
