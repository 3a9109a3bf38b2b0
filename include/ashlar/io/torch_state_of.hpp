// Ashlar: what makes PyTorch's dicts of our layouts.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/convert.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/scalars.hpp>
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

/// A tensor of the row's form that has one value everywhere.
ASHLAR_COLD inline ValueTensor filled(Row const& row, double value) {
  auto const bytes = std::make_shared<std::vector<std::byte>>(row.bytes);
  std::size_t const size = size_of(row.dtype);
  for (std::size_t at = 0; at < row.bytes; at += size) narrow(row.dtype, &value, 1, bytes->data() + at);
  return {row.dtype, row.shape, *bytes, bytes};
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

/// The options of an optimizer in PyTorch, and what it remembers of each parameter by position. `rows` are those of the
/// optimizer by their keys in it, `parameters` the keys of all of the network's. What `more` has joins the options.
ASHLAR_COLD inline Value optimizer_state(std::span<Row const> rows, void const* object,
                                         std::span<std::string_view const> parameters,
                                         std::vector<ValueItem> const& more) {
  // Scalars are options, but for the count of steps; what comes before a buffer's first dot is its moment.
  std::vector<ValueItem> group;
  std::vector<std::string_view> moments;
  std::uint64_t steps = 0;
  double first_sum = 0;
  bool momentum = false;
  for (Row const& row : rows) {
    std::size_t const dot = row.key.find('.');
    if (row.key == "step_count") {
      steps = number_or(read_scalar(row, object), steps);
    } else if (dot == std::string_view::npos && row.kind == Kind::scalar) {
      group.push_back({Value(row.key), read_scalar(row, object)});
      if (row.key == "momentum") momentum = number_or(group.back().value, 0.0) != 0;
      if (row.key == "initial_accumulator_value") first_sum = number_or(group.back().value, 0.0);
    } else if (auto const moment = row.key.substr(0, dot); moments.empty() || moments.back() != moment) {
      moments.push_back(moment);
    }
  }
  auto const has = [&](std::string_view moment) {
    return std::find(moments.begin(), moments.end(), moment) != moments.end();
  };
  if (has("exp_avg_sq")) group.push_back({Value("amsgrad"), Value(has("max_exp_avg_sq"))});
  if (has("square_avg")) group.push_back({Value("centered"), Value(has("grad_avg"))});
  group.insert(group.end(), more.begin(), more.end());
  if (!momentum) std::erase(moments, "momentum_buffer");  // PyTorch has none either
  bool const counts = !moments.empty() && moments != std::vector<std::string_view>{"momentum_buffer"};  // not SGD

  // Each parameter has a step of its own, which PyTorch counts on in place. Adagrad's state is there from the start.
  KeyIndex const index(rows);
  auto const step_of = std::make_shared<std::vector<float>>(parameters.size(), static_cast<float>(steps));
  std::vector<ValueItem> state;
  std::vector<Value> positions;
  for (std::string_view const key : parameters) {
    std::size_t const position = positions.size();
    positions.emplace_back(static_cast<std::int64_t>(position));
    std::vector<ValueItem> entry;
    for (std::string_view const moment : moments) {
      std::ptrdiff_t const at = index.find(message({moment, ".", key}));
      if (at < 0) continue;
      Row const& row = rows[static_cast<std::size_t>(at)];
      entry.push_back(
          {Value(moment), Value(moment == "sum" && steps == 0 ? filled(row, first_sum) : tensor_at(row, object))});
    }
    if ((steps == 0 && !has("sum")) || entry.empty()) continue;
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

ASHLAR_IO_FUNCTION Value torch_optimizer_state_of(Layout const& layout, void const* optimizer, Layout const& net) {
  std::vector<std::string_view> parameters;
  for (Row const& row : net.rows) {
    if (row.kind == Kind::parameter && !row.is_alias()) parameters.push_back(row.key);
  }
  return optimizer_state(layout.rows, optimizer, parameters, {});
}

}  // namespace ashlar::detail
