// Ashlar: which types of a checkpoint are optimizers and schedules, and what PyTorch calls theirs.
// SPDX-License-Identifier: BSL-1.0
//
// They are known by their members, so that an optimizer which a user wrote has the same files.
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/transfer.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::detail {

/// Something that remembers a value for each parameter: a State, or the packed state of what is trained.
inline bool is_moment(MemberInfo const& m) {
  if (m.type == nullptr) return false;
  return m.type->state || (!m.type->rows.empty() && m.type->rows[0].moment);  // an LSTM has rows of its own, too
}

inline bool has_number(TypeInfo const& type, std::string_view key) {
  return std::any_of(type.members.begin(), type.members.end(),
                     [&](MemberInfo const& m) { return m.key == key && m.type == nullptr; });
}
/// Counts steps and has moments, as Adam.
inline bool is_optimizer(TypeInfo const& type) {
  return has_number(type, "step_count") && std::any_of(type.members.begin(), type.members.end(), is_moment);
}
/// Counts epochs, as StepLR.
inline bool is_schedule(TypeInfo const& type) { return has_number(type, "last_epoch"); }

/// Counts networks and has one, as ExponentialAverage.
inline bool is_average(TypeInfo const& type) {
  return has_number(type, "n_averaged") && std::any_of(type.members.begin(), type.members.end(), is_moment);
}

/// Where a CosineAnnealingWarmRestarts is after `epoch` steps, in PyTorch's words.
struct Restart {
  double T_cur;  ///< steps since it began anew
  double T_i;    ///< steps until it does
};
inline Restart restart_at(double epoch, double T_0, double T_mult) {
  if (!(T_0 >= 1)) return {0, T_0};
  if (!(T_mult >= 2)) return {std::fmod(epoch, T_0), T_0};
  while (epoch >= T_0) {
    epoch -= T_0;
    T_0 *= T_mult;
  }
  return {epoch, T_0};
}

/// An optimizer, a schedule, a moving average, or a struct that holds one: what is written as a dict with an item for
/// each member. All else is a network, whose state_dict is flat.
inline bool is_checkpoint(TypeInfo const& type) {
  if (is_schedule(type)) return true;
  return std::any_of(type.members.begin(), type.members.end(), [](MemberInfo const& m) {
    return is_moment(m) || (m.type != nullptr && !m.type->state && is_checkpoint(*m.type));
  });
}

/// The same of a whole object, which may also be a checkpoint of a network alone: { model; numbers, as the epoch }. The
/// network's name decides, because a network, too, may have numbers beside its layers.
inline bool is_checkpoint(Layout const& layout) {
  if (layout.info == nullptr) return false;
  if (is_checkpoint(*layout.info)) return true;
  bool numbers = false;
  bool model = false;
  for (Row const& row : layout.rows) {
    bool const own = row.key.find('.') == std::string_view::npos;
    if (own && row.kind != Kind::scalar) return false;
    numbers = numbers || own;
    model = model || (row.kind == Kind::parameter && row.key.starts_with("model."));
  }
  return numbers && model;
}

/// What a key names in a type: nothing, a tensor or number (no type), or a struct.
struct MemberAt {
  bool found = false;
  TypeInfo const* type = nullptr;
};
ASHLAR_COLD inline MemberAt member_at(TypeInfo const& type, std::string_view key) {
  if (key.empty()) return {true, &type};
  for (Row const& row : type.rows) {
    if (row.key == key) return {true, nullptr};
  }
  for (MemberInfo const& m : type.members) {
    std::string_view rest;
    if (m.key.empty()) {
      std::size_t index = 0;
      auto const [end, code] = std::from_chars(key.data(), key.data() + key.size(), index);
      auto const length = static_cast<std::size_t>(end - key.data());
      if (code != std::errc() || index >= m.repeat || (length < key.size() && key[length] != '.')) continue;
      rest = key.substr(std::min(length + 1, key.size()));
    } else if (is_in(key, m.key)) {
      rest = rest_of(key, m.key);
    } else {
      continue;
    }
    if (m.type != nullptr) return member_at(*m.type, rest);
    return {rest.empty(), nullptr};
  }
  return {};
}

/// The keys of all parameters of the network somewhere in the layout that has each of `keys`: in PyTorch's order,
/// frozen ones too. Empty if there is none.
ASHLAR_COLD inline std::vector<std::string_view> parameters_around(Layout const& layout, KeyIndex const& index,
                                                                   std::vector<std::string_view> const& keys) {
  std::vector<std::string_view> out;
  for (Row const& row : layout.rows) {
    if (keys.empty() || row.kind != Kind::parameter || !row.key.ends_with(keys[0])) continue;
    std::string_view front = row.key.substr(0, row.key.size() - keys[0].size());
    if (!front.empty() && front.back() != '.') continue;
    bool const all = std::all_of(keys.begin(), keys.end(), [&](std::string_view key) {
      std::ptrdiff_t const at = index.find(message({front, key}));
      return at >= 0 && layout.rows[static_cast<std::size_t>(at)].kind == Kind::parameter;
    });
    if (!all) continue;
    for (Row const& r : layout.rows) {
      if (r.kind == Kind::parameter && !r.is_alias() && r.key.starts_with(front))
        out.push_back(r.key.substr(front.size()));
    }
    break;
  }
  return out;
}

/// torch.optim.Optimizer.state_dict()
inline bool is_optimizer_state(Value const& v) {
  if (!v.is_dict()) return false;
  Value const* const state = v.find("state");
  Value const* const groups = v.find("param_groups");
  return state != nullptr && state->is_dict() && groups != nullptr && groups->kind() == Value::Kind::list &&
         groups->size() != 0;
}

/// torch.optim.swa_utils.AveragedModel.state_dict()
inline bool is_averaged_model(Value const& v) {
  Value const* const count = v.is_dict() ? v.find("n_averaged") : nullptr;
  if (count == nullptr || !count->is_tensor()) return false;
  auto const items = v.items();
  return std::all_of(items.begin(), items.end(), [&](ValueItem const& i) {
    return &i.value == count || (i.key.kind() == Value::Kind::string && i.key.as_string().starts_with("module."));
  });
}

/// What param_groups say of how PyTorch computes, not of what; and what schedules leave there.
inline bool is_torch_bookkeeping(std::string_view name) {
  for (std::string_view const known : {"foreach", "fused", "capturable", "differentiable", "initial_lr", "max_lr",
                                       "min_lr", "max_momentum", "base_momentum"}) {
    if (name == known) return true;
  }
  return false;
}

/// An option that does nothing: none, False, 0, or an empty list.
inline bool is_off(Value const& v) {
  switch (v.kind()) {
    case Value::Kind::none: return true;
    case Value::Kind::boolean: return !v.as_bool();
    case Value::Kind::integer: return v.as_int() == 0;
    case Value::Kind::floating: return v.as_double() == 0;
    case Value::Kind::list:
    case Value::Kind::tuple:
    case Value::Kind::dict: return v.size() == 0;
    default: return false;
  }
}

}  // namespace ashlar::detail
