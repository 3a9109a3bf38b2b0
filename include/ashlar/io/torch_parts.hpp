// Ashlar: what PyTorch's optimizers and schedules say in their state_dicts.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/scalars.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The rows of an optimizer, apart by what they are.
struct OptimizerRows {
  std::vector<Row const*> options;  // and the number of steps
  std::vector<std::string_view> moments;  // "exp_avg", in the order of the type
  std::vector<std::string_view> keys;  // of the parameters that are trained
  std::vector<Row const*> rest;  // of a State, what is no parameter: zero
};

/// Adds the numbers of a group's parameters, and their names if it has them.
ASHLAR_COLD inline void add_parameters(Value const& group, std::vector<Value>& ids,
                                       std::vector<std::string_view>& names) {
  Value const* const params = group.is_dict() ? group.find("params") : nullptr;
  Value const* const named = group.is_dict() ? group.find("param_names") : nullptr;
  if (params == nullptr || params->kind() != Value::Kind::list) return;
  for (Value const& id : params->elements()) {
    if (id.kind() == Value::Kind::integer) ids.push_back(id);
  }
  if (named == nullptr || named->kind() != Value::Kind::list) return;
  for (Value const& name : named->elements()) {
    if (name.kind() == Value::Kind::string) names.push_back(name.as_string());
  }
}

/// Collects what the state of a parameter has and the optimizer does not keep; eight names are enough to say.
ASHLAR_COLD inline void note_unknown(OptimizerRows const& rows, Value const& entry,
                                     std::set<std::string, std::less<>>& unknown) {
  for (ValueItem const& item : entry.items()) {
    if (item.value.is_none() || item.key.kind() != Value::Kind::string || unknown.size() == 8) continue;
    std::string_view const name = item.key.as_string();
    if (name == "step" || std::find(rows.moments.begin(), rows.moments.end(), name) != rows.moments.end()) continue;
    unknown.emplace(name);
  }
}

/// The one rate that a schedule's optimizer began with; null if groups have several.
ASHLAR_COLD inline Value const* base_rate(Value const& v) {
  Value const* const rates = v.is_dict() ? v.find("base_lrs") : nullptr;
  if (rates == nullptr || rates->kind() != Value::Kind::list || rates->size() == 0) return nullptr;
  Row row;
  row.dtype = DType::f64;
  row.bytes = sizeof(double);
  for (Value const& rate : rates->elements()) {
    if (!same_scalar(rates->elements()[0], rate, row)) return nullptr;
  }
  return &rates->elements()[0];
}

/// The elements of a Counter, {2: 1, 5: 2} for 2, 5, 5. Not more than a person writes.
ASHLAR_COLD inline Value counted(Value const& counter) {
  std::vector<std::int64_t> steps;
  for (ValueItem const& item : counter.items()) {
    bool const whole = item.key.kind() == Value::Kind::integer && item.value.kind() == Value::Kind::integer;
    if (!whole || item.value.as_int() < 0 || item.value.as_int() > 65536 || steps.size() > 65536) return counter;
    steps.insert(steps.end(), static_cast<std::size_t>(item.value.as_int()), item.key.as_int());
  }
  std::sort(steps.begin(), steps.end());
  std::vector<Value> out;
  for (std::int64_t const step : steps) out.emplace_back(step);
  return Value::list(std::move(out));
}

}  // namespace ashlar::detail
