// Ashlar: the manifest, all that a type stores, computed by the compiler.  SPDX-License-Identifier: BSL-1.0
//
// Every type has a table of rows relative to itself. A struct's table is made from the tables of its members by loops
// over arrays, so a layer type used a hundred times is described once, and the cost grows with the number of rows.
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/reflect/expand.hpp>
#include <ashlar/reflect/field.hpp>
#include <ashlar/reflect/mistakes.hpp>
#include <ashlar/reflect/open.hpp>
#include <ashlar/reflect/row.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar {
namespace detail {

template <class T>
inline constexpr TableSize expanded_size = measure(fields<T>.data(), fields<T>.size());

template <class T>
constexpr auto expand_with(KeyWriter keys) {
  constexpr std::string_view owner = is_std_array<T> ? std::string_view{} : type_name<unwrapped_t<T>>();
  return expand<expanded_size<T>.rows>(fields<T>.data(), fields<T>.size(), owner, keys);
}

template <class T>
constexpr auto make_expanded_chars() {
  std::array<char, expanded_size<T>.chars + 1> chars{};
  if constexpr (expanded_size<T>.chars != 0) (void)expand_with<T>({chars.data(), nullptr});
  return chars;
}
template <class T>
inline constexpr auto expanded_chars = make_expanded_chars<T>();

template <class T>
inline constexpr auto expanded_rows = expand_with<T>({nullptr, expanded_chars<T>.data()});

template <class T>
inline constexpr TableSize resolved_size = measure_resolved(expanded_rows<T>.data(), expanded_rows<T>.size());

template <class T>
constexpr auto resolve_with(KeyWriter keys) {
  return resolve<resolved_size<T>.rows>(expanded_rows<T>.data(), expanded_rows<T>.size(), keys);
}

template <class T>
constexpr auto make_resolved_chars() {
  std::array<char, resolved_size<T>.chars + 1> chars{};
  (void)resolve_with<T>({chars.data(), nullptr});
  return chars;
}
template <class T>
inline constexpr auto resolved_chars = make_resolved_chars<T>();

template <class T>
inline constexpr auto resolved_rows = resolve_with<T>({nullptr, resolved_chars<T>.data()});

/// Always true. Reading the rows makes g++ 12 compute them now, and not only after their address has been followed.
template <std::size_t N>
constexpr bool is_computed(std::array<Row, N> const& rows) {
  if constexpr (N != 0) return rows[0].kind == rows[0].kind;
  return true;
}

/// The rows of T, relative to T; ties that only an enclosing struct can resolve are pending.
template <class T>
constexpr auto const& table() {
  if constexpr (CustomRows<T>::specialised) {
    return CustomRows<T>::rows();
  } else if constexpr (HasGivenNames<T>) {
    static_assert(is_computed(tensor_rows<T>));
    return tensor_rows<T>;
  } else if constexpr (expanded_size<T>.ties) {
    static_assert(is_computed(resolved_rows<T>));
    return resolved_rows<T>;
  } else {
    static_assert(is_computed(expanded_rows<T>));
    return expanded_rows<T>;
  }
}

template <class T>
constexpr bool table_has_ties() {
  if constexpr (CustomRows<T>::specialised || HasGivenNames<T>) {
    return false;
  } else if constexpr (expanded_size<T>.ties) {
    return resolved_size<T>.ties;
  } else {
    return false;
  }
}

template <class T>
struct TieMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    for (Row const& row : table<T>()) {
      if (row.alias_of != pending) continue;
      s.add("ashlar: ").add(type_name<T>()).add(".").add(row.key).add(" is tied to ").add(row.owner);
      s.add(" but nothing stored has that key");
      break;
    }
    return s;
  }();
};

inline constexpr std::array<Row, 0> no_rows{};

/// Types that have members at all, so that a mistake can name one of them.
template <class T>
concept HasFields =
    IndexedChildren<T>::specialised || CustomRows<T>::specialised || is_std_array<T> || is_state<T> || is_frozen<T> ||
    PlainStruct<T> || (std::is_class_v<T> && std::is_aggregate_v<T> && std::is_empty_v<T>);

template <class T>
struct RootMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if constexpr (PlainClass<T> && !HasFields<T>) {
      s.add("ashlar: ").add(type_name<T>()).add(irregular_reason<T>().substr(2));
    } else if (IsHandle<T>) {
      s.add("ashlar: ").add(type_name<T>()).add(" holds a network and is none: write *net for the network itself");
    } else if (!HasFields<T> || !std::is_trivially_copyable_v<T> || !std::is_trivially_destructible_v<T>) {
      s.add("ashlar: ").add(type_name<T>()).add(" is not a plain struct: a network has no constructors, ");
      s.add("destructor, virtual functions or private members");
    }
    return s;
  }();
};

/// True if some extent in T is left to the compiler and nothing has filled it in.
template <class T>
inline constexpr bool has_open_rows = [] {
  for (Row const& row : table<T>()) {
    for (std::size_t d = 0; d < row.shape.rank; ++d) {
      if (row.shape[d] == infer) return true;
    }
  }
  return false;
}();

/// The type that says what is wrong with T as a whole; NoMistake if all is well.
template <class T>
constexpr auto whole_mistake() {
  if constexpr (!HasFields<T>) {
    return RootMistake<T>{};
  } else if constexpr (!std::is_same_v<decltype(find_mistake<T>()), NoMistake>) {
    return find_mistake<T>();
  } else if constexpr (!std::is_trivially_copyable_v<T> || !std::is_trivially_destructible_v<T>) {
    return RootMistake<T>{};
  } else if constexpr (has_open_rows<T>) {
    return find_open<T>();
  } else if constexpr (table_has_ties<T>()) {
    return TieMistake<T>{};
  } else if constexpr (is_frozen<T>) {
    return freeze_mistake<T>();
  } else {
    return NoMistake{};
  }
}

/// True if T can be stored. Code that goes on after a mistake was reported asks this first.
template <class T>
inline constexpr bool is_storable = std::is_same_v<decltype(whole_mistake<T>()), NoMistake>;

/// True if all that is wrong with T is an extent left to the compiler that nothing fills in.
template <class T>
inline constexpr bool is_left_open = is_open_mistake<decltype(whole_mistake<T>())>;

template <class T>
constexpr auto const& checked_table() {
  if constexpr (is_storable<T>) {
    return table<T>();
  } else {
    refuse<decltype(whole_mistake<T>())>();
    return no_rows;
  }
}

}  // namespace detail

/// Every stored tensor and scalar of T, in the order of PyTorch's state_dict: a constexpr std::array of Row.
///
/// Errors  compile time, each one sentence with the member's name: a member that a network cannot hold, a duplicate or
///         illegal key, a tie to something that does not exist, a layer whose `infer` nothing fills in.
template <class T>
constexpr auto const& manifest() {
  return detail::checked_table<T>();
}

}  // namespace ashlar
