// Ashlar: what is wrong with a type as a network, in one sentence about its members.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/reflect/expand.hpp>
#include <ashlar/reflect/field.hpp>
#include <ashlar/reflect/fields.hpp>
#include <ashlar/reflect/open.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

/// Index of the first member that a network cannot hold; the number of members if there is none.
template <class T>
constexpr std::size_t first_unsupported() {
  std::size_t i = 0;
  while (i != fields<T>.size() && fields<T>[i].pass != Pass::unsupported) ++i;
  return i;
}

template <class T>
constexpr std::string_view irregular_reason() {
  switch (irregular_of<T>) {
    case Irregular::array: return "it has a C array as a member: use std::array, Parameter, Buffer or Constant";
    case Irregular::many: return "it has more than 200 members: put some of them into a struct of their own";
    case Irregular::base: return "it inherits from another struct, whose members cannot be seen: make that a member";
    default: return "it has a reference as a member, which means nothing in a file: hold the value";
  }
}

/// Owned, Mapped, a unique_ptr: what points to a network.
template <class T>
concept IsHandle = std::is_class_v<T> && requires(T const& t) {
  *t;
  t.operator->();
};

template <class T>
struct MemberMistake {
  template <std::size_t K>
  static constexpr auto member() {
    if constexpr (is_std_array<T>) {
      return std::type_identity<typename T::value_type>{};
    } else {
      return std::type_identity<field_t<T, K>>{};
    }
  }
  template <std::size_t K>
  using member_type = typename decltype(member<K>())::type;

  template <class M>
  static constexpr std::string_view reason() {
    if constexpr (std::is_const_v<M>) return "load writes to what it fills: leave const out, or write static constexpr";
    if constexpr (std::is_pointer_v<M>) return "a pointer means nothing in a file";
    if constexpr (std::is_array_v<M>) return "use std::array, Parameter, Buffer or Constant";
    if constexpr (std::is_arithmetic_v<M>) return "no file format has such a number";
    if constexpr (requires { typename M::device; }) return "use Parameter, Buffer or Constant for what is stored";
    if constexpr (PlainClass<M>) return irregular_reason<M>();
    if constexpr (IsHandle<M>) return "hold the network itself";
    if constexpr (std::is_polymorphic_v<M> || (std::is_class_v<M> && std::is_trivially_copyable_v<M>)) {
      return "it has constructors, virtual functions or private members";
    }
    return "its content does not lie inside the struct";
  }
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr std::size_t i = first_unsupported<T>();
    if constexpr (i < fields<T>.size()) {
      using M = member_type<i>;
      s.add("ashlar: ").add(type_name<T>()).add(".").add(fields<T>[i].name).add(" is a ").add(type_name<M>());
      s.add(", which a network cannot hold: ").add(reason<M>());
    }
    return s;
  }();
};

/// Keys that PyTorch would refuse, and keys that stand twice. C++ sees to all names but those given as text.
template <class T>
struct KeyMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    auto const& all = fields<T>;
    for (std::size_t i = 0; i < all.size() && s.empty(); ++i) {
      std::string_view const name = all[i].name;
      if (all[i].indexed || all[i].pass == Pass::nothing) continue;
      bool legal = !name.empty();
      for (char const c : name) legal = legal && c != '.' && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
      if (!legal) {
        s.add("ashlar: ").add(type_name<T>()).add(" has a member with the key ").add(name);
        s.add(": a key is not empty and has no dot and no control character");
        break;
      }
      for (std::size_t k = 0; k < i; ++k) {
        if (all[k].name != name || all[k].indexed || all[k].pass == Pass::nothing) continue;
        s.add("ashlar: ").add(type_name<T>()).add(" has two members with the key ").add(name);
        break;
      }
    }
    return s;
  }();
};

template <class T>
constexpr bool has_given_keys() {
  if constexpr (is_std_array<T>) {
    return false;
  } else {
    return []<class... M>(Members<M...>) { return (is_named<M> || ...); }(fields_t<T>{});
  }
}

// A Sentence is computed only where there may be something to say: it costs as much as a small struct's reflection.
template <class T>
constexpr bool has_key_mistake() {
  if constexpr (has_given_keys<T>()) return !KeyMistake<T>::value.empty();
  else return false;
}
template <class T>
constexpr bool has_layout_mistake() {
  if constexpr (PlainStruct<T> && !is_std_array<T>) return !has_plain_layout<T>();
  else return false;
}

template <class T>
struct FreezeMistake {
  static constexpr Sentence value{};
};
template <class T>
  requires(is_frozen<T>)
struct FreezeMistake<T> {
  static constexpr Sentence value = [] {
    Sentence s;
    auto const check = [&](std::string_view key) {
      for (Row const& row : table<T>()) {
        if (row.kind == Kind::parameter && is_under(row.key, key)) return;
      }
      if (!s.empty()) return;
      s.add("ashlar: ").add(type_name<unwrapped_t<T>>()).add(" has no parameter with the key ").add(key);
      s.add(", which is to be frozen");
    };
    for (std::size_t i = 0; i != T::Reflected::count; ++i) check(T::Reflected::keys[i]);
    return s;
  }();
};

/// What is wrong with the keys of a Frozen, T itself or a member of it.
template <class T>
constexpr auto freeze_mistake() {
  if constexpr (is_frozen<T>) {
    if constexpr (!FreezeMistake<T>::value.empty()) return FreezeMistake<T>{};
    else return NoMistake{};
  } else {
    constexpr std::size_t first = []<std::size_t... I>(std::index_sequence<I...>) {
      std::size_t at = sizeof...(I);
      ((at == sizeof...(I) && !FreezeMistake<field_t<T, I>>::value.empty() ? void(at = I) : void()), ...);
      return at;
    }(std::make_index_sequence<field_count<T>()>{});
    if constexpr (first != field_count<T>()) return FreezeMistake<field_t<T, first>>{};
    else return NoMistake{};
  }
}

/// True if some member is a Frozen.
template <class T>
constexpr bool has_frozen_members() {
  if constexpr (is_std_array<T>) {
    return false;
  } else {
    return []<class... M>(Members<M...>) { return (is_frozen<M> || ...); }(fields_t<T>{});
  }
}

/// What is wrong with T itself, as the type that says it.
template <class T>
constexpr auto own_mistake() {
  if constexpr (first_unsupported<T>() != fields<T>.size()) {
    return MemberMistake<T>{};
  } else if constexpr (has_key_mistake<T>()) {
    return KeyMistake<T>{};
  } else if constexpr (has_layout_mistake<T>()) {
    return LayoutMistake<T>{};
  } else if constexpr (has_frozen_members<T>()) {
    return freeze_mistake<T>();
  } else {
    return NoMistake{};
  }
}

/// The parts of M that may be wrong in themselves: a layer, a struct.
template <class M>
constexpr auto inner_type() {
  if constexpr (is_std_array<M>) {
    return inner_type<typename M::value_type>();
  } else if constexpr (is_wrapper<M>) {
    return inner_type<unwrapped_t<M>>();
  } else if constexpr (is_state<M>) {
    return inner_type<decltype(M::value)>();
  } else {
    return std::type_identity<M>{};
  }
}

constexpr bool are_supported(Field const* fields, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (fields[i].pass == Pass::unsupported) return false;
  }
  return true;
}

/// Nothing is wrong in M, a member: asked for each type, so without lambdas and functions of its own where possible.
template <class M>
inline constexpr bool is_sound = true;

template <class T, class... M>
constexpr bool is_sound_struct(Members<M...>) {
  if constexpr (IndexedChildren<T>::specialised || ((is_named<M> || is_frozen<M>) || ...)) {
    return (is_sound<M> && ...) && std::is_same_v<decltype(own_mistake<T>()), NoMistake>;
  } else {
    return (is_sound<M> && ...) && are_supported(fields<T>.data(), fields<T>.size()) && has_plain_layout<T>();
  }
}
template <class M>
  requires(!HasGivenNames<M> && !std::is_const_v<M> && (IndexedChildren<M>::specialised || PlainStruct<M>))
inline constexpr bool is_sound<M> = is_sound_struct<M>(fields_t<M>{});
template <class L, std::size_t N>
inline constexpr bool is_sound<std::array<L, N>> = is_sound<L>;
template <Wrapper W>
inline constexpr bool is_sound<W> = is_sound<unwrapped_t<W>>;
template <class T>
inline constexpr bool is_sound<State<T>> = is_sound<T>;
template <Kind K, class T, std::size_t... E>
inline constexpr bool is_sound<Stored<K, T, E...>> = true;

/// The mistake in T that lies furthest in, in the order of the members.
template <class T>
constexpr auto find_mistake() {
  if constexpr (is_std_array<T> || is_wrapper<T> || is_state<T>) {
    if constexpr (first_unsupported<T>() != fields<T>.size()) {
      return MemberMistake<T>{};
    } else {
      return find_mistake<typename decltype(inner_type<T>())::type>();
    }
  } else if constexpr (is_sound<T>) {
    return NoMistake{};
  } else {
    constexpr std::size_t first = []<std::size_t... I>(std::index_sequence<I...>) {
      std::size_t at = sizeof...(I);
      ((at == sizeof...(I) && !is_sound<field_t<T, I>> ? void(at = I) : void()), ...);
      return at;
    }(std::make_index_sequence<field_count<T>()>{});
    if constexpr (first != field_count<T>()) {
      return find_mistake<typename decltype(inner_type<field_t<T, first>>())::type>();
    } else {
      return own_mistake<T>();
    }
  }
}

}  // namespace detail
}  // namespace ashlar
