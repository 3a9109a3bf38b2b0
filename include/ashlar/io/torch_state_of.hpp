// Ashlar: what makes PyTorch's dicts of our layouts.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/torch_modules.hpp>
#include <ashlar/io/torch_state.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

inline ValueTensor tensor_at(Row const& row, void const* object) {
  return {row.dtype, row.shape, {static_cast<std::byte const*>(object) + row.offset, row.bytes}};
}

ASHLAR_IO_FUNCTION Value torch_state_of(Layout const& layout, void const* object) {
  std::vector<ValueItem> items;
  std::vector<std::string_view> keys;
  for (Row const& row : layout.rows) {
    Row const& stored = row.is_alias() ? layout.rows[static_cast<std::size_t>(row.alias_of)] : row;
    if (stored.kind != Kind::parameter && stored.kind != Kind::buffer) continue;
    keys.push_back(row.key);
    items.push_back({Value(row.key), Value(tensor_at(stored, object))});
  }
  std::vector<ValueItem> metadata;
  for (auto const& [module, version] : module_versions(keys, layout)) {
    metadata.push_back({Value(module), Value::dict({{Value("version"), Value(version)}})});
  }
  return Value::dict(std::move(items), Value::dict(std::move(metadata)));
}

/// A scalar member, or a tuple of those of an array.
ASHLAR_COLD inline Value scalar_value(Row const& row, void const* object) {
  ValueTensor const t = tensor_at(row, object);
  std::vector<Value> values;
  switch (row.dtype) {
    case DType::f64:
      for (double const d : t.to_vector<double>()) values.emplace_back(d);
      break;
    case DType::f32:
      for (float const f : t.to_vector<float>()) values.emplace_back(static_cast<double>(f));
      break;
    case DType::boolean:
      for (bool const b : t.to_vector<bool>()) values.emplace_back(b);
      break;
    case DType::u64:
      for (auto const i : t.to_vector<std::uint64_t>()) values.emplace_back(static_cast<std::int64_t>(i));
      break;
    case DType::i64:
      for (auto const i : t.to_vector<std::int64_t>()) values.emplace_back(i);
      break;
    case DType::u32:
      for (auto const i : t.to_vector<std::uint32_t>()) values.emplace_back(static_cast<std::int64_t>(i));
      break;
    case DType::i32:
      for (auto const i : t.to_vector<std::int32_t>()) values.emplace_back(i);
      break;
    default: return {};
  }
  return row.shape.rank == 0 ? values[0] : Value::tuple(std::move(values));
}

ASHLAR_IO_FUNCTION Value torch_optimizer_state_of(Layout const& layout, void const* optimizer, Layout const& net) {
  // Scalars are hyperparameters, but for the count of steps; what comes before a buffer's first dot is its moment.
  std::vector<ValueItem> group;
  std::vector<std::string_view> moments;
  std::uint64_t steps = 0;
  bool momentum = false;
  for (Row const& row : layout.rows) {
    if (row.kind == Kind::scalar && row.key == "step_count") {
      std::memcpy(&steps, static_cast<std::byte const*>(optimizer) + row.offset, sizeof steps);
    } else if (row.kind == Kind::scalar) {
      group.push_back({Value(row.key), scalar_value(row, optimizer)});
      if (row.key == "momentum") momentum = group.back().value.as_double() != 0;
    } else if (auto const moment = row.key.substr(0, row.key.find('.')); moments.empty() || moments.back() != moment) {
      moments.push_back(moment);
    }
  }
  auto const has = [&](std::string_view moment) {
    return std::find(moments.begin(), moments.end(), moment) != moments.end();
  };
  if (has("exp_avg_sq")) group.push_back({Value("amsgrad"), Value(has("max_exp_avg_sq"))});
  if (has("square_avg")) group.push_back({Value("centered"), Value(has("grad_avg"))});
  bool const counts = has("exp_avg") || has("square_avg");  // SGD's state has no step
  if (!momentum) std::erase(moments, "momentum_buffer");    // PyTorch has none either

  // Each parameter has a step of its own, which PyTorch counts on in place.
  KeyIndex const index(layout.rows);
  auto const step_of = std::make_shared<std::vector<float>>(net.rows.size(), static_cast<float>(steps));
  std::vector<ValueItem> state;
  std::vector<Value> positions;
  for (Row const& row : net.rows) {
    if (row.kind != Kind::parameter || row.is_alias()) continue;
    std::size_t const position = positions.size();
    positions.emplace_back(static_cast<std::int64_t>(position));
    std::vector<ValueItem> entry;
    for (std::string_view const moment : moments) {
      std::ptrdiff_t const at = index.find(message({moment, ".", row.key}));
      if (at < 0) continue;
      entry.push_back({Value(moment), Value(tensor_at(layout.rows[static_cast<std::size_t>(at)], optimizer))});
    }
    if (steps == 0 || entry.empty()) continue;
    if (counts) {
      auto const step = std::as_bytes(std::span(*step_of)).subspan(position * sizeof(float), sizeof(float));
      entry.insert(entry.begin(), {Value("step"), Value(ValueTensor(DType::f32, {}, step, step_of))});
    }
    state.push_back({positions.back(), Value::dict(std::move(entry))});
  }
  group.push_back({Value("params"), Value::list(std::move(positions))});
  return Value::dict({{Value("state"), Value::dict(std::move(state))},
                      {Value("param_groups"), Value::list({Value::dict(std::move(group))})}});
}

}  // namespace ashlar::detail
