// Ashlar: what a .pt file is made of.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/atomic_write.hpp>
#include <ashlar/io/pickle_write.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/io/torch_checkpoint.hpp>
#include <ashlar/io/torch_modules.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/io/training.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/io/zip_write.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The archive around a pickle and its storages. No .format_version: with it, PyTorch may compute where records lie
/// from habits of its own writer instead of reading it.
ASHLAR_COLD inline Result<void> write_torch_archive(std::string const& path, PickleWriter& pickle) {
  auto file = AtomicFile::create(path);
  if (!file) return std::move(file).error();
  ZipWriter zip(*file);
  auto const text = [](std::string_view s) { return std::as_bytes(std::span(s.data(), s.size())); };
  if (auto done = zip.add("archive/data.pkl", text(pickle.finish())); !done) return done;
  if (auto done = zip.add("archive/byteorder", text("little")); !done) return done;
  auto const storages = pickle.storages();
  for (std::size_t i = 0; i < storages.size(); ++i) {
    if (auto done = zip.add(message({"archive/data/", i}), storages[i]); !done) return done;
  }
  if (auto done = zip.add("archive/version", text("3\n")); !done) return done;
  if (auto done = zip.finish(); !done) return done;
  return file->commit();
}

ASHLAR_COLD inline Error torch_save_error(std::string_view where, std::vector<std::string> problems) {
  return Error(Errc::value, message({where, ": cannot save as a .pt file"}), std::move(problems));
}

// ---- a network -----------------------------------------------------------------------------------------------------

/// A struct with a network and what belongs to its training, as a dict of dicts.
ASHLAR_COLD inline Result<void> save_torch_checkpoint(std::string const& path, Layout const& layout,
                                                      void const* object) {
  std::vector<std::string> problems;
  for (Row const& row : layout.rows) {
    bool const good = row.valid == nullptr || row.valid(static_cast<std::byte const*>(object) + row.offset);
    if (!good && !row.is_alias()) problems.push_back(content_problem(row));
  }
  if (!problems.empty()) return torch_save_error(path, std::move(problems));
  return save_torch_value(path, TorchCheckpoint(layout, object).value());
}

ASHLAR_IO_FUNCTION Result<void> save_torch_object(std::string const& path, Layout const& layout, void const* object) {
  if (is_checkpoint(layout)) return save_torch_checkpoint(path, layout, object);
  PickleWriter pickle;
  std::vector<std::string> problems;
  std::vector<std::string_view> keys;
  pickle.ordered_dict();
  pickle.mark();
  for (Row const& row : layout.rows) {
    Row const& stored = row.is_alias() ? layout.rows[static_cast<std::size_t>(row.alias_of)] : row;
    if (stored.kind != Kind::parameter && stored.kind != Kind::buffer) continue;
    auto const* const from = static_cast<std::byte const*>(object) + stored.offset;
    if (stored.valid != nullptr && !row.is_alias() && !stored.valid(from)) {
      problems.push_back(content_problem(stored));
      continue;
    }
    keys.push_back(row.key);
    pickle.string(row.key);
    std::size_t const rank = stored.shape.rank;
    std::array<std::size_t, max_rank> strides{};
    for (std::size_t d = rank, stride = 1; d-- != 0; stride *= stored.shape[d]) strides[d] = stride;
    pickle.tensor({.dtype = stored.dtype,
                   .shape = std::span(stored.shape.extent).first(rank),
                   .strides = std::span(strides).first(rank),
                   .storage = {from, stored.bytes}});
  }
  if (!problems.empty()) return torch_save_error(path, std::move(problems));
  pickle.set_items();
  pickle.empty_dict();
  pickle.mark();
  pickle.string("_metadata");
  pickle.ordered_dict();
  pickle.mark();
  for (auto const& [module, version] : module_versions(keys, layout)) {
    pickle.string(module);
    pickle.empty_dict();
    pickle.mark();
    pickle.string("version");
    pickle.integer(version);
    pickle.set_items();
  }
  pickle.set_items();
  pickle.set_items();
  pickle.build();
  return write_torch_archive(path, pickle);
}

// ---- a tree --------------------------------------------------------------------------------------------------------

/// Pickles a tree, without recursion.
class TreePickler {
 public:
  explicit TreePickler(PickleWriter& out) : out_(out) {}

  ASHLAR_COLD std::vector<std::string> write(Value const& root) {
    open(root);
    while (!open_.empty()) {
      Frame& f = open_.back();
      if (Value const* const child = next(f)) {
        open(*child);  // makes f invalid
      } else {
        Frame const done = f;
        open_.pop_back();
        close(done);
      }
    }
    return std::move(problems_);
  }

 private:
  struct Frame {
    Value const* value;
    std::size_t at = 0;  // children that are written
    bool ordered = false;  // a dict that is written as an OrderedDict
    bool metadata = false;  // whose _metadata was begun
  };

  Value const* next(Frame& f) {
    Value const& v = *f.value;
    if (!v.is_dict()) return f.at < v.size() ? &v.elements()[f.at++] : nullptr;
    if (f.at < 2 * v.size()) {
      ValueItem const& item = v.items()[f.at / 2];
      return f.at++ % 2 == 0 ? &item.key : &item.value;
    }
    if (f.metadata || !has_torch_metadata(v)) return nullptr;
    f.metadata = true;
    out_.set_items();
    out_.empty_dict();
    out_.mark();
    out_.string("_metadata");
    return &v.metadata();
  }

  void open(Value const& v) {
    using enum Value::Kind;
    if (recalled(v)) return;
    switch (v.kind()) {
      case none: return out_.none();
      case boolean: return out_.boolean(v.as_bool());
      case integer: return out_.integer(v.as_int());
      case floating: return out_.floating(v.as_double());
      case dtype: return out_.dtype(v.as_dtype());
      case big_integer:
        if (!out_.decimal(v.as_decimal())) problems_.push_back("an integer has more than 255 bytes");
        return;
      case string: text(v.as_string()); return v.as_string().size() < 64 ? void() : remember(v);
      case bytes: out_.bytes(v.as_bytes()); return remember(v);
      case device: return device_name(v.as_string());
      case complex:
        out_.global("__builtin__", "complex");
        for (Value const& part : v.elements()) out_.floating(part.as_double());
        out_.tuple(2);
        return out_.reduce();
      case tensor: return tensor_of(v);
      case list:
        out_.empty_list();
        remember(v);
        break;
      case set:
        out_.global("__builtin__", "set");
        out_.empty_list();
        break;
      case dict: {
        bool const ordered = has_torch_metadata(v) || (!open_.empty() && open_.back().metadata);
        ordered ? out_.ordered_dict() : out_.empty_dict();
        remember(v);
        break;
      }
      case tuple: break;
    }
    out_.mark();
    open_.push_back({&v});
  }

  void close(Frame const& f) {
    using enum Value::Kind;
    switch (f.value->kind()) {
      case list: return out_.append_all();
      case tuple: out_.marked_tuple(); return remember(*f.value);
      case set:
        out_.append_all();
        out_.tuple(1);
        out_.reduce();
        return remember(*f.value);
      default:
        out_.set_items();
        if (f.metadata) out_.build();
    }
  }

  /// What load_state_dict expects: module paths, and a dict for each.
  static bool has_torch_metadata(Value const& v) {
    if (!v.metadata().is_dict()) return false;
    auto const items = v.metadata().items();
    return std::all_of(items.begin(), items.end(), [](ValueItem const& i) { return i.value.is_dict(); });
  }

  void text(std::string_view s) {
    if (!is_utf8(s)) return problems_.push_back(message({"the text '", printable(s), "' is not UTF-8"}));
    if (s.size() > std::numeric_limits<std::uint32_t>::max()) return problems_.push_back("a text has more than 4 GiB");
    out_.string(s);
  }
  void device_name(std::string_view name) {
    std::size_t const colon = name.find(':');
    out_.global("torch", "device");
    text(name.substr(0, colon));
    if (colon != std::string_view::npos) {
      std::int64_t index = 0;
      for (char const c : name.substr(colon + 1)) index = index * 10 + (c - '0');
      out_.integer(index);
    }
    out_.tuple(colon == std::string_view::npos ? 1 : 2);
    out_.reduce();
  }
  void tensor_of(Value const& v) {
    ValueTensor const& t = v.tensor();
    std::size_t const rank = t.shape().rank;
    if (t.is_parameter()) out_.global("torch._utils", "_rebuild_parameter");
    out_.tensor({.dtype = t.dtype(),
                 .shape = std::span(t.shape().extent).first(rank),
                 .strides = std::span(t.strides()).first(rank),
                 .offset = t.storage_offset(),
                 .storage = t.storage(),
                 .requires_grad = t.requires_grad() && !t.is_parameter()});
    if (t.is_parameter()) {
      out_.boolean(t.requires_grad());
      out_.ordered_dict();
      out_.tuple(3);
      out_.reduce();
    }
    remember(v);
  }

  // A part that stands in several places is written once: it may stand for more than would ever fit.
  void remember(Value const& v) {
    if (ValueBuilder::node(v)->refs.load(std::memory_order_relaxed) > 1)
      known_.emplace(std::pair(ValueBuilder::node(v), v.kind()), out_.remember());
  }
  bool recalled(Value const& v) {
    if (known_.empty() || ValueBuilder::node(v) == nullptr) return false;
    auto const at = known_.find({ValueBuilder::node(v), v.kind()});
    if (at == known_.end()) return false;
    out_.recall(at->second);
    return true;
  }

  PickleWriter& out_;
  std::vector<Frame> open_;
  std::map<std::pair<void const*, Value::Kind>, std::uint32_t> known_;  // a set may share the node of a list
  std::vector<std::string> problems_;
};

ASHLAR_IO_FUNCTION Result<void> save_named_torch(std::string const& path, Layout const& layout, void const* object,
                                                 SaveOptions const& options) {
  if (!options.metadata.empty())
    return torch_save_error(path, {"SaveOptions::metadata: the format has no place for it"});
  return save_torch_object(path, layout, object);
}
#ifndef ASHLAR_IO_COMPILED
/// Tells `save`; as foreign_loader_is_set.
inline bool const torch_saver_is_set = (torch_saver = &save_named_torch, true);
#endif

ASHLAR_IO_FUNCTION Result<void> save_torch_value(std::string const& path, Value const& value) {
  PickleWriter pickle;
  auto problems = TreePickler(pickle).write(value);
  if (!problems.empty()) return torch_save_error(path, std::move(problems));
  return write_torch_archive(path, pickle);
}

}  // namespace ashlar::detail
