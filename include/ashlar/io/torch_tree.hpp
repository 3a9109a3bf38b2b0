// Ashlar: a training checkpoint of PyTorch, for the struct that holds the same.  SPDX-License-Identifier: BSL-1.0
//
// The file is a tree of dicts; the type says what each of them is. A network's state_dict is taken as it is. An
// optimizer's state goes by position of the parameter there and by key here. A schedule has its rates as lists there.
#pragma once

#include <ashlar/io/calls.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/renamed_rows.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/scalars.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/io/state_dict.hpp>
#include <ashlar/io/torch_parts.hpp>
#include <ashlar/io/torch_schedules.hpp>
#include <ashlar/io/training.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A tree as a source. Keys are those of the file as far as it has them, then the members' names: what LoadOptions
/// renames is looked up in the type under its new name, and renamed later.
class TorchTree : private TorchSchedules {
 public:
  /// The layout and `root` outlive it. `root` is what lies at LoadOptions::at.
  ASHLAR_COLD TorchTree(Layout const& layout, Value const& root, LoadOptions const& options)
      : TorchSchedules(layout), options_(options) {
    visit(root, {});
    for (auto const& [key, type] : structs_) check_members(key, *type);
  }

  /// True if `root` can be meant for the layout: it is an optimizer's or a schedule's state, or has some member's name.
  ASHLAR_COLD static bool fits(Layout const& layout, Value const& root, LoadOptions const& options) {
    if (layout.info == nullptr || !root.is_dict()) return false;
    if (is_optimizer(*layout.info)) return is_optimizer_state(root);
    if (is_schedule(*layout.info)) return root.find("last_epoch") != nullptr;
    auto const items = root.items();
    return std::any_of(items.begin(), items.end(), [&](ValueItem const& item) {
      std::string key;
      append_key(key, item.key);
      return member_at(*layout.info, renamed_key(key, options)).found;
    });
  }

  [[nodiscard]] Source source() const {
    Source out = state_.source();
    out.required = required_;
    out.mistakes = mistakes_;
    out.explained = explained_;
    out.unused = unused_;
    return out;
  }

 private:
  ASHLAR_COLD void visit(Value const& v, std::string const& path) {
    std::string const own = renamed_key(path, options_);
    MemberAt const at = member_at(*layout_.info, own);
    if (!at.found) {
      others_.push_back(path);
      if (v.tensor_count() == 0) return unused_.push_back(path);
      return state_.refuse(
          message({subject(path), " is ", v.describe(), ", for which ", layout_.type, " has no member"}));
    }
    seen_.insert(own);
    if (at.type == nullptr) return leaf(v, path, own);
    if (is_optimizer(*at.type)) return optimizer(*at.type, v, path, own);
    if (is_schedule(*at.type)) return schedule(*at.type, v, path, own);
    if (is_average(*at.type) && is_averaged_model(v)) return average(v, path, own);
    bool const is_list = v.kind() == Value::Kind::list || v.kind() == Value::Kind::tuple;
    if (!v.is_dict() && !is_list) return explain(own, message({subject(path), " is ", v.describe(), ", not a dict"}));
    if (own_tensors(v) != 0 && !is_checkpoint(*at.type)) return state_.add(v, path);
    structs_.emplace_back(own, at.type);
    Value const* const before = std::exchange(around_, &v);
    for (std::size_t i = 0; i < v.size(); ++i) {
      std::string inner = path;
      if (!inner.empty()) inner += '.';
      if (is_list) inner += std::to_string(i);
      else append_key(inner, v.items()[i].key);
      visit(is_list ? v.elements()[i] : v.items()[i].value, inner);
    }
    around_ = before;
  }

  /// Members of a struct that is not a network have to be there; of one that holds more than a number it is said once.
  ASHLAR_COLD void check_members(std::string const& own, TypeInfo const& type) {
    for (MemberInfo const& m : type.members) {
      if (m.key.empty()) continue;
      std::string key = own;
      if (!key.empty()) key += '.';
      key += m.key;
      if (m.type == nullptr) {
        required_.push_back(std::move(key));
        continue;
      }
      auto const at = seen_.lower_bound(key);
      bool const seen = at != seen_.end() && is_in(*at, key);
      if (seen || !index_.has_part(key)) continue;
      explained_.push_back(key);
      std::string text = message({"the file has no ", key});
      for (std::size_t i = 0; i < others_.size() && i < 8; ++i) {
        text += message({i == 0 ? "; what it has beside is " : ", ", "\"", printable(others_[i]), "\""});
      }
      if (!others_.empty()) text += ": LoadOptions::rename can say what is meant";
      state_.refuse(std::move(text));
    }
  }

  /// An AveragedModel holds the network as `module`. Its decay is code there, or a number of ours in the metadata.
  ASHLAR_COLD void average(Value const& v, std::string const& path, std::string const& own) {
    auto const put = [&](std::string_view name, Value const& value) {
      std::ptrdiff_t const row = index_.find(join(own, name));
      if (row >= 0) number(value, join(path, name), layout_.rows[static_cast<std::size_t>(row)]);
    };
    for (ValueItem const& item : v.items()) {
      std::string key;
      append_key(key, item.key);
      if (key == "n_averaged") put(key, item.value);
      else if (!item.value.is_tensor()) unused_.push_back(join(path, key));
      else if (!key.starts_with("module.")) state_.add(join(path, key), item.value.tensor());
      else state_.add(join(path, message({"average.", std::string_view(key).substr(7)})), item.value.tensor());
    }
    Value const* const root = v.metadata().is_dict() ? v.metadata().find("") : nullptr;
    Value const* const decay = root != nullptr && root->is_dict() ? root->find("decay") : nullptr;
    if (decay != nullptr) put("decay", *decay);
  }

  // ---- optimizers

  ASHLAR_COLD OptimizerRows rows_of_optimizer(std::string_view own) const {
    OptimizerRows out;
    for (Row const& row : layout_.rows) {
      if (!is_in(row.key, own) || row.is_alias()) continue;
      std::string_view const rest = rest_of(row.key, own);
      std::size_t const dot = rest.find('.');
      if (dot == std::string_view::npos) {
        out.options.push_back(&row);
        continue;
      }
      std::string_view const moment = rest.substr(0, dot);
      if (out.moments.empty() || out.moments.back() != moment) out.moments.push_back(moment);
      if (!row.moment) out.rest.push_back(&row);
      else if (out.moments.size() == 1) out.keys.push_back(rest.substr(dot + 1));
    }
    return out;
  }

  ASHLAR_COLD void optimizer(TypeInfo const& type, Value const& v, std::string const& path, std::string const& own) {
    if (!is_optimizer_state(v)) {
      return explain(own, message({subject(path), " is ", v.describe(),
                                   ", not an optimizer's state_dict: a dict of \"state\" and \"param_groups\""}));
    }
    OptimizerRows const rows = rows_of_optimizer(own);
    Value const& state = *v.find("state");
    auto const groups = v.find("param_groups")->elements();
    std::vector<Value> ids;
    std::vector<std::string_view> names;
    for (Value const& group : groups) {
      if (ids.size() <= layout_.rows.size()) add_parameters(group, ids, names);  // one list may stand in many groups
    }
    if (groups.size() != 1 && names.size() != ids.size()) {
      return explain(own, message({join(printable(path), "param_groups"), ": ", groups.size(),
                                   " groups without param_names, which do not say whose state is whose"}));
    }
    if (names.size() != ids.size()) names = parameter_order(rows, ids.size());
    if (names.size() != ids.size()) {
      return explain(own, message({join(printable(path), "param_groups"), ": ", ids.size(), " parameters in the file, ",
                                   rows.keys.size(), " in ", short_name(type)}));
    }
    for (Row const* row : rows.rest) zeros(join(path, rest_of(row->key, own)), *row);
    Steps steps;
    std::set<std::string, std::less<>> unknown;
    for (std::size_t p = 0; p < ids.size(); ++p) {
      Value const* const entry = state.find(ids[p]);
      moments(rows, entry, names[p], path, own, steps);
      if (entry != nullptr && entry->is_dict()) note_unknown(rows, *entry, unknown);
    }
    for (std::string const& name : unknown) {
      mistakes_.push_back(message(
          {join(printable(path), "state"), " has ", printable(name), ", which ", short_name(type), " does not keep"}));
    }
    if (!steps.problem.empty())
      explain(join(own, "step_count"), message({join(printable(path), "state"), ": ", steps.problem}));
    options(type, rows, groups, steps, path, own);
  }
  /// The keys of `count` parameters by position: of those that are trained, or of all of the network, as PyTorch's
  /// optimizers are given either. Empty if there are neither as many.
  ASHLAR_COLD std::vector<std::string_view> parameter_order(OptimizerRows const& rows, std::size_t count) const {
    if (rows.keys.size() == count) return rows.keys;
    std::vector<std::string_view> all = parameters_around(layout_, index_, rows.keys);
    return all.size() == count ? all : std::vector<std::string_view>();
  }

  struct Steps {
    bool known = false;
    bool buffers = false;  // something is remembered
    std::uint64_t count = 0;
    std::string problem;
  };
  /// What is remembered of one parameter. PyTorch has nothing of one that never had a gradient: zeros.
  ASHLAR_COLD void moments(OptimizerRows const& rows, Value const* entry, std::string_view key, std::string const& path,
                           std::string_view own, Steps& steps) {
    bool const empty = entry == nullptr || !entry->is_dict() || entry->size() == 0;
    bool trained = false;
    for (std::string_view const moment : rows.moments) {
      std::string const inner = message({moment, ".", key});
      std::ptrdiff_t const found = index_.find(join(own, inner));
      if (found < 0) continue;  // frozen here
      trained = true;
      Value const* const v = empty ? nullptr : entry->find(moment);
      if (v != nullptr && v->is_tensor()) {
        state_.add(join(path, inner), v->tensor());
        steps.buffers = true;
      } else if (empty || (v == nullptr ? moment == "momentum_buffer" : v->is_none())) {
        zeros(join(path, inner), layout_.rows[static_cast<std::size_t>(found)]);
      }
    }
    Value const* const step = empty || !trained ? nullptr : entry->find("step");
    if (step == nullptr || !steps.problem.empty()) return;
    Row row;
    row.dtype = DType::u64;
    row.bytes = sizeof(std::uint64_t);
    std::uint64_t count = 0;
    if (std::string const problem = write_scalar(*step, row, reinterpret_cast<std::byte*>(&count)); !problem.empty()) {
      steps.problem = message({"step of ", key, " is ", problem});
    } else if (steps.known && steps.count != count) {
      steps.problem =
          message({key, " has done ", count, " steps and others ", steps.count, ", but step_count is one for all"});
    }
    steps.known = true;
    steps.count = count;
  }

  /// Hyperparameters, the same in all groups. What older versions of PyTorch do not say is off.
  ASHLAR_COLD void options(TypeInfo const& type, OptimizerRows const& rows, std::span<Value const> groups,
                           Steps const& steps, std::string const& path, std::string_view own) {
    std::vector<std::string_view> names{"params", "param_names"};
    for (Row const* row : rows.options) {
      std::string_view const name = rest_of(row->key, own);
      std::string const inner = join(path, name);
      if (name == "step_count") {
        if (!steps.problem.empty()) continue;
        std::uint64_t const known = steps.known ? steps.count : steps.buffers ? 1 : 0;  // SGD's are not counted there
        number(whole_value(known), inner, *row);
        continue;
      }
      names.push_back(name);
      required_.emplace_back(row->key);
      Value const* const first = groups[0].is_dict() ? groups[0].find(name) : nullptr;
      if (first != nullptr) number(*first, inner, *row);
      else if (row->dtype == DType::boolean) number(Value(false), inner, *row);
      for (std::size_t g = 1; first != nullptr && g < groups.size(); ++g) {
        Value const* const other = groups[g].is_dict() ? groups[g].find(name) : nullptr;
        if (other != nullptr && same_scalar(*first, *other, *row)) continue;
        explain(std::string(row->key), message({join(printable(path), "param_groups"), ": ", name,
                                                " is not the same in all groups, and ", short_name(type), " has one"}));
        break;
      }
    }
    auto const keeps = [&](std::string_view moment) {
      return std::find(rows.moments.begin(), rows.moments.end(), moment) != rows.moments.end();
    };
    if (!groups[0].is_dict()) return;
    for (ValueItem const& item : groups[0].items()) {
      if (item.key.kind() != Value::Kind::string) continue;
      std::string_view const name = item.key.as_string();
      bool const on = !is_off(item.value);
      bool const known = std::find(names.begin(), names.end(), name) != names.end() || is_torch_bookkeeping(name);
      bool const ours = name == "amsgrad"                  ? keeps("max_exp_avg_sq")
                        : name == "centered"               ? keeps("grad_avg")
                        : name == "decoupled_weight_decay" ? type.name.starts_with("ashlar::AdamW<")
                                                           : false;
      if (known || ours == on) continue;
      mistakes_.push_back(message({join(printable(path), "param_groups"), " has ", printable(name), ", which is ",
                                   item.value.describe(), ": not so in ", short_name(type)}));
    }
  }

  LoadOptions const& options_;
  std::set<std::string, std::less<>> seen_;  // keys of the layout that the file has, or whose parts it has
  std::vector<std::pair<std::string, TypeInfo const*>> structs_;
  std::vector<std::string> unused_;
  std::vector<std::string> others_;  // what the file has and the object does not
};

}  // namespace ashlar::detail
