// Ashlar: what PyTorch's optimizers and schedules say in their state_dicts.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/scalars.hpp>
#include <ashlar/io/training.hpp>
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
  std::vector<std::uint64_t> steps;
  for (ValueItem const& item : counter.items()) {
    std::uint64_t step = 0;
    bool const whole = write_number(item.key, DType::u64, reinterpret_cast<std::byte*>(&step)) &&
                       item.value.kind() == Value::Kind::integer;
    if (!whole || item.value.as_int() < 0 || item.value.as_int() > 65536 || steps.size() > 65536) return counter;
    steps.insert(steps.end(), static_cast<std::size_t>(item.value.as_int()), step);
  }
  std::sort(steps.begin(), steps.end());
  std::vector<Value> out;
  for (std::uint64_t const step : steps) out.push_back(whole_value(step));
  return Value::list(std::move(out));
}

/// Our OneCycleLR of what PyTorch's says of itself, and leaves with its optimizer, whose first group this is. None if
/// they do not say it.
ASHLAR_COLD inline Value one_cycle_of(Value const& schedule, Value const& group) {
  bool known = true;
  auto const number = [&](Value const& dict, std::string_view key) {
    Value const* const v = dict.is_dict() ? dict.find(key) : nullptr;
    double out = 0;
    known = known && v != nullptr && write_number(*v, DType::f64, reinterpret_cast<std::byte*>(&out));
    return out;
  };
  Value const* const phases = schedule.find("_schedule_phases");
  Value const* const shape = schedule.find("_anneal_func_type");
  if (phases->kind() != Value::Kind::list || (phases->size() != 2 && phases->size() != 3) || shape == nullptr ||
      shape->kind() != Value::Kind::string) {
    return {};
  }
  double const total = number(schedule, "total_steps");
  double const up = number(phases->elements()[0], "end_step");
  double const initial = number(group, "initial_lr");
  double const most = number(group, "max_lr");
  double const least = number(group, "min_lr");
  Value const* const cycles = schedule.find("cycle_momentum");
  std::vector<ValueItem> items{{Value("max_lr"), Value(most)},
                               {Value("pct_start"), Value((up + 1) / total)},
                               {Value("linear"), Value(shape->as_string() == "linear")},
                               {Value("three_phase"), Value(phases->size() == 3)},
                               {Value("div_factor"), Value(most / initial)},
                               {Value("final_div_factor"), Value(initial / least)}};
  bool const momentum = cycles != nullptr && !is_off(*cycles);  // without, PyTorch knows none
  items.push_back({Value("base_momentum"), Value(momentum ? number(group, "base_momentum") : 0.85)});
  items.push_back({Value("max_momentum"), Value(momentum ? number(group, "max_momentum") : 0.95)});
  for (std::string_view const same : {"total_steps", "cycle_momentum", "last_epoch"}) {
    if (Value const* const v = schedule.find(same)) items.push_back({Value(same), *v});
  }
  return known ? Value::dict(std::move(items)) : Value();
}

}  // namespace ashlar::detail
