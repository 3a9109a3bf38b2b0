// Ashlar: a checkpoint struct as the dict that PyTorch goes on from.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/scalars.hpp>
#include <ashlar/io/torch_state_of.hpp>
#include <ashlar/io/training.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/transfer.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// Makes the dict: each member under its name, networks as their state_dict, optimizers and schedules as PyTorch's.
/// Tensors are views of the object.
class TorchCheckpoint {
 public:
  /// Both outlive it.
  ASHLAR_COLD TorchCheckpoint(Layout const& layout, void const* object)
      : layout_(layout), index_(layout.rows), object_(object) {}
  [[nodiscard]] Value value() const { return value_of(*layout_.info, {}, {}); }

 private:
  /// The optimizer and the schedule of a struct, which PyTorch lets know of each other.
  struct Pair {
    std::string optimizer;
    std::string schedule;
  };

  [[nodiscard]] Value value_of(TypeInfo const& type, std::string const& key, Pair const& pair) const {
    if (is_optimizer(type)) return optimizer(key, pair);
    if (is_schedule(type)) return schedule(type, key, pair);
    if (is_average(type)) return average(type, key);
    std::vector<Row> const rows = rows_under(key);
    bool const numbers = std::all_of(rows.begin(), rows.end(), [](Row const& r) { return r.kind == Kind::scalar; });
    bool const checkpoint = key.empty() ? is_checkpoint(layout_) : is_checkpoint(type);
    if (!checkpoint && !numbers) {
      return torch_state_of({rows, layout_.bytes, {}, type.name, &type}, object_);
    }
    Pair inner;
    for (MemberInfo const& m : type.members) {
      if (m.type == nullptr || m.key.empty()) continue;
      if (inner.optimizer.empty() && is_optimizer(*m.type)) inner.optimizer = join(key, m.key);
      if (inner.schedule.empty() && is_schedule(*m.type)) inner.schedule = join(key, m.key);
    }
    std::vector<Value> list;
    std::vector<ValueItem> items;
    for (MemberInfo const& m : type.members) {
      for (std::size_t k = 0; k < m.repeat; ++k) {
        std::string const part = m.key.empty() ? std::to_string(k) : std::string(m.key);
        std::string const at = join(key, part);
        if (!index_.has_part(at)) continue;  // an empty member
        Value v = m.type != nullptr ? value_of(*m.type, at, inner) : leaf(row(at));
        if (m.key.empty()) list.push_back(std::move(v));
        else items.push_back({Value(part), std::move(v)});
      }
    }
    return items.empty() ? Value::list(std::move(list)) : Value::dict(std::move(items));
  }
  [[nodiscard]] Value leaf(Row const& row) const {
    return row.kind == Kind::scalar ? read_scalar(row, object_) : Value(tensor_at(row, object_));
  }

  static std::string join(std::string_view front, std::string_view key) {
    return front.empty() ? std::string(key) : message({front, ".", key});
  }
  [[nodiscard]] Row const& row(std::string_view key) const {
    return layout_.rows[static_cast<std::size_t>(index_.find(key))];
  }
  /// A number of a part that is found by its key; `otherwise`, if there is none.
  [[nodiscard]] double number(std::string_view part, std::string_view key, double otherwise) const {
    std::ptrdiff_t const at = part.empty() ? -1 : index_.find(join(part, key));
    return at < 0 ? otherwise : number_or(read_scalar(layout_.rows[static_cast<std::size_t>(at)], object_), otherwise);
  }
  /// The rows of a part by their keys in it, with the offsets that they have.
  [[nodiscard]] std::vector<Row> rows_under(std::string_view key) const {
    std::vector<Row> out;
    std::vector<std::ptrdiff_t> place(layout_.rows.size(), -1);
    for (std::size_t i = 0; i < layout_.rows.size(); ++i) {
      if (!is_in(layout_.rows[i].key, key)) continue;
      std::size_t const stored = stored_row(layout_.rows, i);
      Row row = layout_.rows[stored];
      row.key = rest_of(layout_.rows[i].key, key);
      row.alias_of = place[stored];
      if (place[stored] < 0) place[stored] = static_cast<std::ptrdiff_t>(out.size());
      out.push_back(row);
    }
    return out;
  }

  [[nodiscard]] Value optimizer(std::string const& key, Pair const& pair) const {
    std::vector<Row> const rows = rows_under(key);
    std::vector<std::string_view> trained;
    std::string_view first;
    for (Row const& row : rows) {
      std::string_view const moment = row.key.substr(0, row.key.find('.'));
      if (!row.moment || row.is_alias() || (!first.empty() && first != moment)) continue;
      first = moment;
      trained.push_back(row.key.substr(moment.size() + 1));
    }
    std::vector<std::string_view> const all = parameters_around(layout_, index_, trained);
    return optimizer_state(rows, object_, all.empty() ? trained : all, rates(pair.schedule));
  }
  /// What a schedule leaves with its optimizer.
  [[nodiscard]] std::vector<ValueItem> rates(std::string_view schedule) const {
    if (double const base = number(schedule, "base_lr", 0); base != 0) return {{Value("initial_lr"), Value(base)}};
    double const most = number(schedule, "max_lr", 0);
    if (most == 0) return {};
    double const initial = most / number(schedule, "div_factor", 1);
    return {{Value("initial_lr"), Value(initial)},
            {Value("max_lr"), Value(most)},
            {Value("min_lr"), Value(initial / number(schedule, "final_div_factor", 1))},
            {Value("base_momentum"), Value(number(schedule, "base_momentum", 0))},
            {Value("max_momentum"), Value(number(schedule, "max_momentum", 0))}};
  }

  /// An AveragedModel: a module that holds the network. What its author gave as a function, the decay, stands where
  /// load_state_dict does not look.
  [[nodiscard]] Value average(TypeInfo const& type, std::string const& key) const {
    std::vector<ValueItem> items;
    std::vector<ValueItem> modules;
    for (MemberInfo const& m : type.members) {
      std::string const at = join(key, m.key);
      if (m.key == "n_averaged") {
        auto const count = std::make_shared<std::int64_t>(number_or(read_scalar(row(at), object_), std::int64_t{0}));
        items.insert(
            items.begin(),
            {Value(m.key), Value(ValueTensor(DType::i64, {}, std::as_bytes(std::span(count.get(), 1)), count))});
      } else if (m.type == nullptr) {
        modules.push_back({Value(m.key), read_scalar(row(at), object_)});
      } else {
        std::vector<Row> const rows = rows_under(at);
        Value const net = torch_state_of({rows, layout_.bytes, {}, m.type->name, m.type}, object_);
        for (ValueItem const& i : net.items()) items.push_back({Value(join("module", i.key.as_string())), i.value});
      }
    }
    modules.insert(modules.begin(), {Value("version"), Value(1)});
    return Value::dict(std::move(items), Value::dict({{Value(""), Value::dict(std::move(modules))}}));
  }

  [[nodiscard]] Value schedule(TypeInfo const& type, std::string const& key, Pair const& pair) const {
    double const epoch = number(key, "last_epoch", 0);
    double const rate = number(key, "base_lr", number(pair.optimizer, "lr", 0));
    return schedule(type, key, epoch, rate, number(pair.optimizer, "lr", rate));
  }
  [[nodiscard]] Value schedule(TypeInfo const& type, std::string const& key, double epoch, double base,
                               double now) const {
    std::vector<ValueItem> items;
    for (MemberInfo const& m : type.members) {
      if (m.type != nullptr || m.key == "base_lr" || m.key == "last_epoch" || m.key == "milestone") continue;
      Value v = read_scalar(row(join(key, m.key)), object_);
      items.push_back({Value(m.key), m.key == "milestones" ? counter(v) : std::move(v)});
    }
    if (has_number(type, "milestone")) {
      std::vector<Value> milestones;
      std::vector<Value> parts;
      sequence(type, key, epoch, base, now, 0, milestones, parts);
      items.push_back({Value("_milestones"), Value::list(std::move(milestones))});
      items.push_back({Value("_schedulers"), Value::list(std::move(parts))});
    } else if (has_number(type, "base_lr")) {
      items.push_back({Value("base_lrs"), Value::list({Value(base)})});
    }
    if (has_number(type, "pct_start") && has_number(type, "three_phase") && has_number(type, "linear")) {
      put_phases(key, items);
    }
    if (has_number(type, "T_0") && has_number(type, "T_mult")) {
      Restart const at = restart_at(std::max(epoch, 0.0), number(key, "T_0", 1), number(key, "T_mult", 1));
      items.push_back({Value("T_cur"), Value(whole(at.T_cur))});
      items.push_back({Value("T_i"), Value(whole(at.T_i))});
    }
    if (type.members.size() == 2) items.push_back({Value("lr_lambdas"), Value::list({Value()})});  // LambdaLR's is code
    std::int64_t const count = whole(epoch);
    items.push_back({Value("last_epoch"), Value(count)});
    items.push_back({Value("_step_count"), Value(count + 1)});
    items.push_back({Value("_get_lr_called_within_step"), Value(false)});
    items.push_back({Value("_last_lr"), Value::list({Value(now)})});
    return Value::dict(std::move(items));
  }
  /// What PyTorch's OneCycleLR has made of its arguments.
  void put_phases(std::string const& key, std::vector<ValueItem>& items) const {
    double const total = number(key, "total_steps", 0);
    double const up = number(key, "pct_start", 0) * total - 1;
    bool const three = read_scalar(row(join(key, "three_phase")), object_).as_bool();
    bool const linear = read_scalar(row(join(key, "linear")), object_).as_bool();
    std::vector<Value> phases;
    auto const add = [&](double end, char const* rate, char const* next, char const* momentum, char const* then) {
      phases.push_back(Value::dict({{Value("end_step"), Value(end)},
                                    {Value("start_lr"), Value(rate)},
                                    {Value("end_lr"), Value(next)},
                                    {Value("start_momentum"), Value(momentum)},
                                    {Value("end_momentum"), Value(then)}}));
    };
    add(up, "initial_lr", "max_lr", "max_momentum", "base_momentum");
    if (three) add(2 * up, "max_lr", "initial_lr", "base_momentum", "max_momentum");
    char const* const from = three ? "initial_lr" : "max_lr";
    add(total - 1, from, "min_lr", three ? "max_momentum" : "base_momentum", "max_momentum");
    items.push_back({Value("_schedule_phases"), Value::list(std::move(phases))});
    items.push_back({Value("_anneal_func_type"), Value(linear ? "linear" : "cos")});
  }
  /// Of a count of epochs; not more than a double has.
  static std::int64_t whole(double count) { return static_cast<std::int64_t>(std::clamp(count, -1.0, 0x1p53)); }
  /// PyTorch's SequentialLR has any number of parts in a row, each with the epochs since its turn came.
  void sequence(TypeInfo const& type, std::string const& key, double epoch, double base, double now,
                std::int64_t before, std::vector<Value>& milestones, std::vector<Value>& parts) const {
    double const milestone = number(key, "milestone", 0);
    milestones.emplace_back(before + whole(milestone));
    TypeInfo const& first = *member_at(type, "first").type;
    TypeInfo const& second = *member_at(type, "second").type;
    parts.push_back(schedule(first, join(key, "first"), std::min(epoch, milestone - 1), base, now));
    double const since = epoch < milestone ? -1 : epoch - milestone;
    if (has_number(second, "milestone")) {
      sequence(second, join(key, "second"), since, base, now, milestones.back().as_int(), milestones, parts);
    } else {
      parts.push_back(schedule(second, join(key, "second"), since, base, now));
    }
  }
  /// {2: 1, 5: 2} for 2, 5, 5.
  static Value counter(Value const& steps) {
    std::vector<std::uint64_t> sorted;
    for (Value const& step : steps.elements()) sorted.push_back(number_or(step, std::uint64_t{0}));
    std::sort(sorted.begin(), sorted.end());
    std::vector<ValueItem> items;
    for (std::size_t i = 0, n = 0; i < sorted.size(); i += n) {
      n = static_cast<std::size_t>(std::upper_bound(sorted.begin(), sorted.end(), sorted[i]) - sorted.begin()) - i;
      items.push_back({whole_value(sorted[i]), Value(static_cast<std::int64_t>(n))});
    }
    return Value::dict(std::move(items));
  }

  Layout const& layout_;
  KeyIndex index_;
  void const* object_;
};

}  // namespace ashlar::detail
