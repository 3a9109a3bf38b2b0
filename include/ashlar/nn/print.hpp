// Ashlar: a network as text, as PyTorch prints it.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/owned.hpp>
#include <ashlar/nn/for_each_layer.hpp>
#include <ashlar/nn/repr.hpp>
#include <ashlar/reflect/fields.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

/// "Linear": a type's name without its arguments.
template <class T>
std::string_view module_name() {
  std::string_view const name = type_name<T>();
  return name.substr(0, name.find('<'));
}

/// The text with all lines but the first moved right by two blanks.
inline std::string indented(std::string_view text) {
  std::string out;
  for (char const c : text) out.append(1, c).append(c == '\n' ? "  " : "");
  return out;
}

/// Puts lines between the parentheses, each on its own and indented; `extra` stays on the first if it is alone.
inline std::string module_text(std::string_view name, std::string const& extra, std::string const& children) {
  std::string out(name);
  out.append("(");
  if (children.empty()) return out.append(extra).append(")");
  if (!extra.empty()) out.append("\n  ").append(extra);
  return out.append(children).append("\n)");
}

inline void add_child(std::string& children, std::string_view key, std::string_view text) {
  children.append("\n  (").append(key).append("): ").append(indented(text));
}

/// What a Tied names, looked up from the struct that holds it outwards.
template <class Tie, class T, class... Around>
constexpr decltype(auto) tied_target(T const& holder, Around const&... around) {
  if constexpr (!std::is_same_v<member_at_t<T, Tie>, NoMember>) {
    return (member_at<Tie, 0>(holder));
  } else if constexpr (sizeof...(Around) != 0) {
    return tied_target<Tie>(around...);
  } else {
    return NoMember{};
  }
}

template <class T, class... Around>
std::string module_repr(T const& module, Around const&... around);

/// Equal neighbours in one line, as in torch.nn.ModuleList: "(0-3): 4 x Linear(...)".
template <class L, std::size_t N, class... Around>
std::string module_list_repr(std::array<L, N> const& list, Around const&... around) {
  std::string children;
  std::string text = N == 0 ? std::string() : module_repr(list[0], around...);
  for (std::size_t first = 0, i = 1; i <= N; ++i) {
    std::string next = i == N ? std::string() : module_repr(list[i], around...);
    if (i < N && next == text) continue;
    if (std::size_t const count = i - first; count == 1) {
      add_child(children, std::to_string(first), text);
    } else {
      std::string key = std::to_string(first);
      key.append("-").append(std::to_string(i - 1));
      add_child(children, key, std::to_string(count).append(" x ").append(text));
    }
    first = i;
    text = std::move(next);
  }
  return module_text("ModuleList", {}, children);
}

template <std::size_t I, class T, class... Around>
void add_member(std::string& children, T const& module, Around const&... around) {
  using M = field_t<T, I>;
  if constexpr (is_tied<M>) {
    decltype(auto) target = tied_target<M>(module, around...);
    if constexpr (is_module<std::remove_cvref_t<decltype(target)>>()) {
      add_child(children, member_key<T, I>(), module_repr(target, module, around...));
    }
  } else if constexpr (is_module<M>()) {
    add_child(children, member_key<T, I>(), module_repr(get_field<I>(module), module, around...));
  }
}

/// `around`: the structs that hold the module, from the inside out.
template <class T, class... Around>
std::string module_repr(T const& module, Around const&... around) {
  if constexpr (is_wrapper<T>) {
    return module_repr(static_cast<unwrapped_t<T> const&>(module), around...);
  } else if constexpr (is_array<T>) {
    return module_list_repr(module, around...);
  } else {
    Repr extra;
    if constexpr (requires { module.extra_repr(extra); }) module.extra_repr(extra);
    std::string children;
    if constexpr (PlainStruct<T> || is_sequential<T>) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (add_member<I>(children, module, around...), ...);
      }(std::make_index_sequence<field_count<T>()>{});
    }
    return module_text(module_name<T>(), extra.text(), children);
  }
}

}  // namespace detail

/// The layers of a network, one a line, nested and indented: what PyTorch prints for print(net).
///
/// Keys    the members' names, as in a state_dict. A layer that a Tied names is printed again under that key, as
/// PyTorch
///         prints a module that is registered twice. Tensors, numbers and the state of optimizers are no layers.
/// Source  torch.nn.Module.__repr__; oracle tests/golden/d2l/*.print.txt.
/// Usage   examples/guide/access.cpp
template <class T>
std::string structure(T const& net) {
  return detail::module_repr(net);
}
template <class T>
std::string structure(Owned<T> const& net) {
  return detail::module_repr(*net);
}

}  // namespace ashlar
