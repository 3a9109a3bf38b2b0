// Ashlar: members by key at compile time: what a Tied runs, and get<"hidden.weight">.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/text.hpp>
#include <ashlar/reflect/fields.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

template <class T>
inline constexpr bool is_array = false;
template <class L, std::size_t N>
inline constexpr bool is_array<std::array<L, N>> = true;

/// Key of member I: its own, or the one `Named` gives.
template <class T, std::size_t I>
constexpr std::string_view member_key() {
  if constexpr (is_named<field_t<T, I>>) {
    return field_t<T, I>::Reflected::key;
  } else {
    return field_name<T, I>();
  }
}

template <class T>
constexpr std::size_t member_index(std::string_view key) {
  return [key]<std::size_t... I>(std::index_sequence<I...>) {
    std::size_t found = sizeof...(I);
    ((member_key<T, I>() == key ? void(found = I) : void()), ...);
    return found;
  }(std::make_index_sequence<field_count<T>()>{});
}

constexpr std::size_t parse_index(std::string_view digits) {
  std::size_t n = digits.empty() ? static_cast<std::size_t>(-1) : 0;
  for (char const c : digits) {
    if (c < '0' || c > '9') return static_cast<std::size_t>(-1);
    n = n * 10 + static_cast<std::size_t>(c - '0');
  }
  return n;
}

constexpr std::size_t part_end(std::string_view path, std::size_t begin) {
  std::size_t const dot = find_char(path, '.', begin);
  return dot == std::string_view::npos ? path.size() : dot;
}

struct NoMember {};

/// The member of `object` with the key Path::target, from character Begin on; NoMember if there is none.
template <class Path, std::size_t Begin, class T>
constexpr decltype(auto) member_at(T& object) {
  using U = std::remove_const_t<T>;
  constexpr std::string_view path = Path::target;
  constexpr std::size_t end = part_end(path, Begin);
  constexpr std::string_view part = path.substr(Begin, end - Begin);
  if constexpr (is_wrapper<U>) {
    using Layer = unwrapped_t<U>;
    return member_at<Path, Begin>(static_cast<std::conditional_t<std::is_const_v<T>, Layer const, Layer>&>(object));
  } else if constexpr (is_array<U>) {
    constexpr std::size_t i = parse_index(part);
    if constexpr (i >= std::tuple_size_v<U>) {
      return NoMember{};
    } else if constexpr (end == path.size()) {
      return (object[i]);
    } else {
      return member_at<Path, end + 1>(object[i]);
    }
  } else if constexpr (!PlainStruct<U> && !IndexedChildren<U>::specialised) {
    return NoMember{};
  } else {
    constexpr std::size_t i = member_index<U>(part);
    if constexpr (i == field_count<U>()) {
      return NoMember{};
    } else if constexpr (end == path.size()) {
      return (get_field<i>(object));
    } else {
      return member_at<Path, end + 1>(get_field<i>(object));
    }
  }
}

template <class T, class Path>
using member_at_t = std::remove_cvref_t<decltype(member_at<Path, 0>(std::declval<T const&>()))>;

}  // namespace ashlar::detail
