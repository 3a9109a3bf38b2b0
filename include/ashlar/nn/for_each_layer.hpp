// Ashlar: a function of the user's for every layer of a network.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/nn/chain.hpp>
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

/// True for what PyTorch calls a module: what can run, and structs that hold tensors or modules.
template <class M>
constexpr bool is_module() {
  if constexpr (is_stored<M>) {
    return false;  // it can be called too, with indices
  } else if constexpr (is_wrapper<M>) {
    return is_module<unwrapped_t<M>>();
  } else if constexpr (is_array<M>) {
    return is_module<typename M::value_type>();
  } else if constexpr (is_sequential<M> || has_call_operator<M>()) {
    return true;
  } else if constexpr (PlainStruct<M> && !is_state<M>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return ((is_stored<field_t<M, I>> || is_tied<field_t<M, I>> || is_module<field_t<M, I>>()) || ...);
    }(std::make_index_sequence<field_count<M>()>{});
  } else {
    return false;
  }
}

/// L, const if T is.
template <class T, class L>
using const_like = std::conditional_t<std::is_const_v<T>, L const, L>;

template <class F, class L>
constexpr bool takes_layer() {
  return std::is_invocable_v<F&, L&, std::string_view> || std::is_invocable_v<F&, L&>;
}

/// True if f takes the module T or one in it.
template <class F, class T>
constexpr bool takes_any() {
  using M = std::remove_const_t<T>;
  if constexpr (is_wrapper<M>) {
    return takes_any<F, const_like<T, unwrapped_t<M>>>();
  } else if constexpr (is_array<M>) {
    return takes_any<F, const_like<T, typename M::value_type>>();
  } else if constexpr (!is_module<M>()) {
    return false;
  } else if constexpr (takes_layer<F, T>()) {
    return true;
  } else if constexpr (PlainStruct<M> || is_sequential<M>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (takes_any<F, const_like<T, field_t<M, I>>>() || ...);
    }(std::make_index_sequence<field_count<M>()>{});
  } else {
    return false;
  }
}

template <class F, class T>
struct ForEachLayerMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (!takes_any<F, T>()) {
      s.add("ashlar: for_each_layer got a function that takes no layer of ").add(type_name<std::remove_const_t<T>>());
    }
    return s;
  }();
};

template <class T, class F>
void visit_layers(T& module, std::string& key, F& f);

template <class T, class F>
void visit_child(T& child, std::string_view name, std::string& key, F& f) {
  std::size_t const length = key.size();
  if (length != 0) key += '.';
  key += name;
  visit_layers(child, key, f);
  key.resize(length);
}

template <class T, class F>
void visit_layers(T& module, std::string& key, F& f) {
  using M = std::remove_const_t<T>;
  if constexpr (is_wrapper<M>) {
    visit_layers(static_cast<const_like<T, unwrapped_t<M>>&>(module), key, f);
  } else if constexpr (is_module<M>()) {
    if constexpr (is_array<M>) {
      for (std::size_t i = 0; i < module.size(); ++i) detail::visit_child(module[i], std::to_string(i), key, f);
    } else if constexpr (PlainStruct<M> || is_sequential<M>) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (detail::visit_child(get_field<I>(module), member_key<M, I>(), key, f), ...);
      }(std::make_index_sequence<field_count<M>()>{});
    }
    if constexpr (std::is_invocable_v<F&, T&, std::string_view>) {
      f(module, std::string_view(key));
    } else if constexpr (std::is_invocable_v<F&, T&>) {
      f(module);
    }
  }
}

}  // namespace detail

/// Calls f(layer) or f(layer, key) for each layer that f takes: the layers in a struct first, then the struct, as
/// PyTorch's net.apply(f) does. What f takes is its business, so one function is for all layers of a kind:
///
///   for_each_layer(*net, [&]<std::size_t In, std::size_t Out>(Linear<In, Out>& layer) { ... });
///
/// A layer that a Tied names is visited once, where it stands.
///
/// Keys    "0.block 1.0"; empty for the network itself. The string is valid during the call.
/// Errors  compile time: f takes no layer at all.
/// Source  torch.nn.Module.apply.
/// Usage   examples/guide/initialisation.cpp
template <class T, class F>
void for_each_layer(T& net, F&& f) {
  detail::refuse<detail::ForEachLayerMistake<std::remove_reference_t<F>, T>>();
  std::string key;
  detail::visit_layers(net, key, f);
}

}  // namespace ashlar
