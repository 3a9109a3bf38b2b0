// Ashlar: a schedule of PyTorch, for ours of the same name.  SPDX-License-Identifier: BSL-1.0
//
// A schedule has its rates as lists there, a SequentialLR any number of parts, and a OneCycleLR its arguments with its
// optimizer.
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/scalars.hpp>
#include <ashlar/io/state_dict.hpp>
#include <ashlar/io/torch_parts.hpp>
#include <ashlar/io/training.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// What is read of a tree for a layout, and what is wrong with it.
class TorchTarget {
 protected:
  /// The layout outlives it.
  explicit TorchTarget(Layout const& layout) : layout_(layout), index_(layout.rows) {}
  TorchTarget(TorchTarget const&) = delete;
  TorchTarget& operator=(TorchTarget const&) = delete;
  ~TorchTarget() = default;

  /// A tensor, or the number of a scalar member.
  ASHLAR_COLD void leaf(Value const& v, std::string const& path, std::string_view own) {
    std::ptrdiff_t const found = index_.find(own);
    if (v.is_tensor()) return state_.add(path, v.tensor());
    if (found < 0 || layout_.rows[static_cast<std::size_t>(found)].kind != Kind::scalar) {
      return explain(std::string(own), message({subject(path), " is ", v.describe(), ", not a tensor"}));
    }
    number(v, path, layout_.rows[static_cast<std::size_t>(found)]);
  }
  ASHLAR_COLD void number(Value const& v, std::string const& path, Row const& row) {
    auto& bytes = numbers_.emplace_back(row.bytes);
    std::string const problem = write_scalar(v, row, bytes.data());
    if (!problem.empty()) return explain(std::string(row.key), message({subject(path), " is ", problem}));
    state_.add(path, ValueTensor(row.dtype, row.shape, bytes));
  }
  ASHLAR_COLD void zeros(std::string const& path, Row const& row) {
    static constexpr std::byte zero[16]{};
    state_.add(path, ValueTensor(row.dtype, row.shape, {}, zero, 0));
  }
  /// Notes what is wrong with a part, of which nothing else is said then.
  ASHLAR_COLD void explain(std::string own, std::string problem) {
    mistakes_.push_back(std::move(problem));
    explained_.push_back(std::move(own));
  }
  static std::string subject(std::string const& path) { return path.empty() ? "the file" : printable(path); }
  /// "Adam<MLP>"
  static std::string_view short_name(TypeInfo const& type) {
    return type.name.starts_with("ashlar::") ? type.name.substr(8) : type.name;
  }
  static std::string join(std::string_view front, std::string_view key) {
    return front.empty() ? std::string(key) : message({front, ".", key});
  }

  Layout const& layout_;
  KeyIndex index_;
  StateDictSource state_;
  std::deque<std::vector<std::byte>> numbers_;
  std::vector<std::string> required_;
  std::vector<std::string> mistakes_;
  std::vector<std::string> explained_;
};

/// The part of it that knows schedules.
class TorchSchedules : protected TorchTarget {
 protected:
  using TorchTarget::TorchTarget;

  ASHLAR_COLD void schedule(TypeInfo const& type, Value const& v, std::string const& path, std::string const& own) {
    if (!v.is_dict() || v.find("last_epoch") == nullptr) {
      return explain(own, message({subject(path), " is ", v.describe(), ", not a schedule's state_dict"}));
    }
    Value const* const parts = v.find("_schedulers");
    Value const* const milestones = v.find("_milestones");
    if (parts == nullptr && has_number(type, "pct_start") && v.find("pct_start") == nullptr &&
        v.find("_schedule_phases") != nullptr) {
      Value const cycle = one_cycle_of(v, group_around());
      if (!cycle.is_none()) return plain_schedule(cycle, path, own);
      return explain(own,
                     message({subject(path), " is a OneCycleLR's, whose rates are expected in the param_groups of ",
                              "an optimizer beside it"}));
    }
    if (parts == nullptr) return plain_schedule(v, path, own);
    if (parts->kind() != Value::Kind::list || parts->size() < 2 || milestones == nullptr ||
        milestones->kind() != Value::Kind::list || milestones->size() + 1 != parts->size()) {
      return explain(own, message({subject(path), " has not one of _schedulers more than _milestones"}));
    }
    sequence(type, v, parts->elements(), milestones->elements(), 0, path, own);
  }
  /// The first group of the optimizer that stands beside what is visited; none if there is no optimizer.
  ASHLAR_COLD Value group_around() const {
    if (around_ == nullptr || !around_->is_dict()) return {};
    for (ValueItem const& item : around_->items()) {
      if (is_optimizer_state(item.value)) return item.value.find("param_groups")->elements()[0];
    }
    return {};
  }
  /// A SequentialLR of n schedules there is one of the first and a SequentialLR of the others here.
  ASHLAR_COLD void sequence(TypeInfo const& type, Value const& v, std::span<Value const> parts,
                            std::span<Value const> milestones, std::int64_t before, std::string const& path,
                            std::string const& own) {
    MemberAt const first = member_at(type, "first");
    MemberAt const second = member_at(type, "second");
    bool const nested = second.type != nullptr && member_at(*second.type, "first").found;
    if (first.type == nullptr || second.type == nullptr || nested != (parts.size() > 2) ||
        milestones[0].kind() != Value::Kind::integer || milestones[0].as_int() < before) {
      return explain(own,
                     message({subject(path), " has ", parts.size(), " schedules, not those of ", short_name(type)}));
    }
    auto const put = [&](std::string_view name, Value const& value) {
      std::ptrdiff_t const row = index_.find(join(own, name));
      if (row >= 0) number(value, join(path, name), layout_.rows[static_cast<std::size_t>(row)]);
    };
    std::int64_t const milestone = milestones[0].as_int();
    put("milestone", Value(milestone - before));
    Value const& epoch = *v.find("last_epoch");
    put("last_epoch", epoch.kind() == Value::Kind::integer ? Value(std::max(epoch.as_int(), before) - before) : epoch);
    if (Value const* const rate = base_rate(parts[0])) put("base_lr", *rate);
    schedule(*first.type, parts[0], join(path, "first"), join(own, "first"));
    if (nested) {
      sequence(*second.type, v, parts.subspan(1), milestones.subspan(1), milestone, join(path, "second"),
               join(own, "second"));
    } else {
      schedule(*second.type, parts[1], join(path, "second"), join(own, "second"));
    }
  }
  ASHLAR_COLD void plain_schedule(Value const& v, std::string const& path, std::string const& own) {
    std::vector<std::string_view> names;
    for (Row const& row : layout_.rows) {
      std::string_view const name = is_in(row.key, own) ? rest_of(row.key, own) : std::string_view();
      if (name.empty() || name.find('.') != std::string_view::npos) continue;
      names.push_back(name);
      required_.emplace_back(row.key);
      Value const* found = v.find(name);
      if (name == "base_lr" && found == nullptr) {
        found = base_rate(v);
      } else if (name == "milestones" && found != nullptr && found->is_dict()) {
        number(counted(*found), join(path, name), row);
        continue;
      } else if (name == "last_epoch" && found->kind() == Value::Kind::integer && found->as_int() < 0) {
        number(Value(0), join(path, name), row);  // of a part of a SequentialLR whose turn has not come
        continue;
      }
      if (found != nullptr) number(*found, join(path, name), row);
    }
    for (ValueItem const& item : v.items()) {
      if (item.key.kind() != Value::Kind::string || is_off(item.value)) continue;
      std::string_view const name = item.key.as_string();
      if (name.starts_with('_') || name == "base_lrs" || name == "verbose" || name == "lr_lambdas") continue;
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      if ((name == "T_cur" || name == "T_i") && restarts(v, name, item.value)) continue;
      mistakes_.push_back(message({subject(path), " has ", printable(name), ", which ",
                                   short_name(*member_at(*layout_.info, own).type), " has not"}));
    }
  }

  /// True if what `name` says follows from the other members, as it does unless PyTorch was given parts of an epoch.
  ASHLAR_COLD static bool restarts(Value const& v, std::string_view name, Value const& found) {
    auto const number = [](Value const* x) {
      double out = -1;
      if (x != nullptr) write_number(*x, DType::f64, reinterpret_cast<std::byte*>(&out));
      return out;
    };
    double const epoch = number(v.find("last_epoch"));
    Restart const at = restart_at(epoch < 0 ? 0 : epoch, number(v.find("T_0")), number(v.find("T_mult")));
    return number(&found) == (name == "T_cur" ? at.T_cur : at.T_i);
  }

  Value const* around_ = nullptr;  // the dict of the struct that is visited
};

}  // namespace ashlar::detail
