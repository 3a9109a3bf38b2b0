// Ashlar: the layout of a list of tensors.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/pool.hpp>
#include <ashlar/core/result.hpp>
#include <ashlar/io/leaves.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/save.hpp>
#include <ashlar/io/save_tree.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/reflect/fingerprint.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::detail {

ASHLAR_COLD inline Error save_tree_error(std::string_view where, std::vector<std::string> problems) {
  return Error(Errc::value, message({where, ": cannot save as an .ashlar file"}), std::move(problems));
}

/// Why a tensor cannot be in a file, or empty.
ASHLAR_COLD inline std::string entry_problem(TreeEntry const& e) {
  ValueTensor const& t = e.tensor;
  if (static_cast<std::size_t>(t.dtype()) >= dtype_count) {
    return message({printable(e.key), " is ", t.describe(), ", a dtype that .ashlar files do not have"});
  }
  if (e.kind == Kind::scalar && t.shape().rank > 1) {
    return message({printable(e.key), " is ", t.describe(), ", but a scalar has at most 1 dimension"});
  }
  return {};
}

ASHLAR_IO_FUNCTION Result<void> save_tree_entries(std::string const& path, std::span<TreeEntry const> entries,
                                                  TreeOptions const& options) {
  std::vector<std::string> problems;
  std::vector<Row> rows;
  std::vector<void const*> places;
  std::vector<ValueTensor const*> views;
  RepeatBudget repeats;
  std::map<TensorIdentity, std::size_t> stored;
  std::size_t end = 0;
  for (TreeEntry const& e : entries) {
    ValueTensor const& t = e.tensor;
    if (std::string problem = entry_problem(e); !problem.empty()) {
      problems.push_back(std::move(problem));
      continue;
    }
    Row row;
    row.key = e.key;
    row.kind = e.kind;
    row.dtype = t.dtype();
    row.shape = t.shape();
    row.bytes = t.size_bytes();
    auto const* const first = t.storage().data() + t.storage_offset() * size_of(t.dtype());
    if (row.bytes != 0) {
      auto const [same, is_new] = stored.try_emplace(identity_of(t), rows.size());
      if (!is_new) row.alias_of = static_cast<std::ptrdiff_t>(same->second);
    }
    if (row.is_alias()) {
      Row const& target = rows[static_cast<std::size_t>(row.alias_of)];
      row.kind = target.kind;
      row.offset = target.offset;
      places.push_back(nullptr);
    } else if (!repeats.take(t)) {
      problems.push_back(
          message({printable(e.key), " repeats its elements and stands for ", t.size_bytes(), " bytes"}));
      places.push_back(nullptr);
    } else {
      if (t.dtype() == DType::boolean && first_not_bool(t) != t.numel()) {
        problems.push_back(message({printable(e.key), " holds a value that is no bool"}));
      }
      std::size_t const alignment = row.kind == Kind::scalar ? size_of(row.dtype) : tensor_alignment;
      row.offset = (end + alignment - 1) / alignment * alignment;
      end = row.offset + row.bytes;
      places.push_back(t.is_contiguous() ? first : nullptr);
    }
    views.push_back(&t);
    rows.push_back(row);
  }
  if (!problems.empty()) return save_tree_error(path, std::move(problems));
  std::size_t const bytes = (end + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
  Layout const layout{rows, bytes, fingerprint(rows, bytes), options.model};
  return save_places(path, layout, {.of_row = places, .views = views}, {.metadata = options.metadata});
}

ASHLAR_IO_FUNCTION Result<void> save_tree_value(std::string const& path, Value const& tree,
                                                TreeOptions const& options) {
  std::vector<std::string> problems;
  std::vector<TreeEntry> entries;
  std::vector<ValueLeaf> parts;
  try {
    parts = leaves(tree);
  } catch (Error const& e) {
    return save_tree_error(path, {e.headline()});
  }
  for (ValueLeaf& leaf : parts) {
    auto tensor = as_tensor(leaf.value);
    if (!tensor) {
      problems.push_back(message({printable(leaf.path), " is ", leaf.value.describe()}));
      continue;
    }
    Kind const kind = leaf.value.is_tensor() ? kind_of_state(leaf.path, tensor->dtype()) : Kind::scalar;
    entries.push_back({std::move(leaf.path), std::move(*tensor), kind});
  }
  if (!problems.empty()) return save_tree_error(path, std::move(problems));
  TreeOptions all = options;
  if (tree.is_dict() && tree.metadata().is_dict()) {
    for (ValueItem const& item : tree.metadata().items()) {
      if (item.key.kind() != Value::Kind::string || item.value.kind() != Value::Kind::string) continue;
      auto const given = [&](auto const& pair) { return pair.first == item.key.as_string(); };
      if (std::any_of(options.metadata.begin(), options.metadata.end(), given)) continue;
      all.metadata.emplace_back(item.key.as_string(), item.value.as_string());
    }
  }
  return save_tree_entries(path, entries, all);
}

}  // namespace ashlar::detail
