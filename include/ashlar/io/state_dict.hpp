// Ashlar: the state_dict in a tree that a file holds.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A dict that has tensors itself, and not only in what it holds.
ASHLAR_COLD inline std::size_t own_tensors(Value const& value) {
  if (!value.is_dict()) return 0;
  auto const items = value.items();
  return static_cast<std::size_t>(
      std::count_if(items.begin(), items.end(), [](ValueItem const& i) { return i.value.is_tensor(); }));
}

/// The value of a key, or of a position that is written out; null if there is none.
ASHLAR_COLD inline Value const* child_at(Value const& parent, std::string_view key) {
  std::size_t number = 0;
  auto const [end, code] = std::from_chars(key.data(), key.data() + key.size(), number);
  bool const is_number = code == std::errc() && end == key.data() + key.size();
  if (parent.is_dict()) {
    Value const* const value = parent.find(key);
    return value == nullptr && is_number ? parent.find(number) : value;
  }
  bool const is_list = parent.kind() == Value::Kind::list || parent.kind() == Value::Kind::tuple;
  return is_list && is_number && number < parent.size() ? &parent.elements()[number] : nullptr;
}
/// What has a path in a tree, keys and positions with '.' between; null if nothing has. Of keys with dots, the longest
/// counts.
ASHLAR_COLD inline Value const* value_at(Value const& root, std::string_view path) {
  Value const* value = &root;
  while (!path.empty()) {
    std::size_t length = path.size();
    Value const* next = child_at(*value, path);
    while (next == nullptr) {
      length = length == 0 ? std::string_view::npos : path.rfind('.', length - 1);
      if (length == std::string_view::npos) return nullptr;
      next = child_at(*value, path.substr(0, length));
    }
    value = next;
    path = length < path.size() ? path.substr(length + 1) : std::string_view();
  }
  return value;
}

/// The dicts of tensors in a tree, a line for each. A small tree of shared parts can stand for any number: not more are
/// listed than a person reads, nor looked for in more places than a large file has.
class StateDictList {
 public:
  ASHLAR_COLD explicit StateDictList(Value const& root) { visit(root, {}); }
  [[nodiscard]] std::vector<std::string> const& lines() const { return lines_; }

 private:
  // Not deeper than trees are: 500.
  void visit(Value const& value, std::string const& path) {
    if (value.tensor_count() == 0 || value.is_tensor() || lines_.size() == 32) return;
    if (value.size() >= places_) return;
    places_ -= value.size() + 1;
    if (std::size_t const n = own_tensors(value); n != 0) {
      auto const items = value.items();
      auto const first =
          std::find_if(items.begin(), items.end(), [](ValueItem const& i) { return i.value.is_tensor(); });
      std::string key;
      append_key(key, first->key);
      lines_.push_back(message({"\"", printable(path), "\": ", n, n == 1 ? " tensor, " : " tensors, the first is ",
                                printable(key), ", ", first->value.tensor().describe()}));
    }
    std::size_t const n = value.size();
    for (std::size_t i = 0; i < n; ++i) {
      std::string inner = path;
      if (!inner.empty()) inner += '.';
      if (value.is_dict()) append_key(inner, value.items()[i].key);
      else inner += std::to_string(i);
      visit(value.is_dict() ? value.items()[i].value : value.elements()[i], inner);
    }
  }

  std::vector<std::string> lines_;
  std::size_t places_ = std::size_t{1} << 22;
};

/// Why a tree is not what an object can be filled from, and what in it may be.
ASHLAR_COLD inline Error no_state_dict(Value const& root, Value const* there, std::string_view where,
                                       std::string_view at) {
  std::vector<std::string> lines = StateDictList(root).lines();
  std::string what = at.empty()         ? message({"holds ", root.describe(), ", no state_dict"})
                     : there == nullptr ? message({"has nothing at \"", at, "\""})
                                        : message({"has ", there->describe(), " at \"", at, "\", no state_dict"});
  what += lines.empty() ? "; there are no dicts of tensors in it" : "; LoadOptions::at can be one of";
  return Error(Errc::mismatch, message({where, ": ", what}), std::move(lines));
}

/// The tensors of a dict as a source; what else is in it is a problem, but for PyTorch's "_extra_state".
class StateDictSource {
 public:
  StateDictSource() = default;
  /// Without the key `but`.
  ASHLAR_COLD explicit StateDictSource(Value const& dict, std::string_view but = {}) { add(dict, {}, but); }
  /// The tensors of a dict that lies under `prefix`.
  ASHLAR_COLD void add(Value const& dict, std::string_view prefix, std::string_view but = {}) {
    for (ValueItem const& item : dict.items()) {
      std::string key(prefix);
      if (!key.empty()) key += '.';
      append_key(key, item.key);
      if (!but.empty() && key == but) continue;
      if (key == "_extra_state" || key.ends_with("._extra_state")) continue;
      if (!item.value.is_tensor()) refuse(message({printable(key), " is ", item.value.describe(), ", not a tensor"}));
      else add(std::move(key), item.value.tensor());
    }
    if (dict.metadata().is_dict()) read_versions(dict.metadata(), prefix);
  }
  ASHLAR_COLD void add(std::string key, ValueTensor tensor) {
    ValueTensor const& t = tensors_.emplace_back(std::move(tensor));
    Row row;
    row.key = keys_.emplace_back(std::move(key));
    row.dtype = t.dtype();
    row.shape = t.shape();
    row.bytes = t.size_bytes();
    rows_.push_back(row);
  }
  void refuse(std::string problem) { problems_.push_back(std::move(problem)); }
  StateDictSource(StateDictSource const&) = delete;
  StateDictSource& operator=(StateDictSource const&) = delete;

  [[nodiscard]] Source source() const {
    auto const tensor = [](void const* context, std::size_t row) {
      return static_cast<StateDictSource const*>(context)->tensors_[row];
    };
    Source out;
    out.rows = rows_;
    out.versions = versions_;
    out.problems = problems_;
    out.is_state_dict = true;
    out.context = this;
    out.tensor = tensor;
    return out;
  }

 private:
  /// PyTorch's _metadata: {"bn": {"version": 2}}.
  ASHLAR_COLD void read_versions(Value const& metadata, std::string_view prefix) {
    for (ValueItem const& item : metadata.items()) {
      Value const* const version = item.value.is_dict() ? item.value.find("version") : nullptr;
      if (item.key.kind() != Value::Kind::string || version == nullptr) continue;
      if (version->kind() != Value::Kind::integer || !std::in_range<std::uint32_t>(version->as_int())) continue;
      std::string key(prefix);
      if (!key.empty() && !item.key.as_string().empty()) key += '.';
      key += item.key.as_string();
      versions_.push_back({std::move(key), static_cast<std::uint32_t>(version->as_int())});
    }
    std::sort(versions_.begin(), versions_.end(), [](auto const& a, auto const& b) { return a.key < b.key; });
  }

  std::deque<std::string> keys_;
  std::vector<ValueTensor> tensors_;
  std::vector<Row> rows_;
  std::vector<LayerVersion> versions_;
  std::vector<std::string> problems_;
};

}  // namespace ashlar::detail
