// Ashlar: values that a bool or an enum member may have.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {

/// Which values of an enum member a file may hold. Default: the named ones between -64 and 191.
/// Specialise it for enums used as flags, or with other values.
template <class E>
struct enum_values;

namespace detail {

/// True if V is the value of a named enumerator: the compiler spells it as a name, and others as a cast of a number.
template <class E, E V>
constexpr bool is_named_value() {
  std::string_view const all = __PRETTY_FUNCTION__;  // "... V = (anonymous namespace)::Mode::on]", "... V = (Mode)5]"
  std::size_t word = all.size() - 1;
  if (all[word - 1] == ')') --word;  // nvcc's "(Mode)(-5)"
  while (word > 0 && is_word(all[word - 1])) --word;
  return !(all[word] >= '0' && all[word] <= '9');
}

template <class E>
struct NamedValues {
  using Raw = std::underlying_type_t<E>;
  static constexpr int first = std::is_signed_v<Raw> ? -64 : 0;
  template <std::size_t... I>
  static constexpr auto make(std::index_sequence<I...>) {
    // Not static_cast<E>: clang refuses that of a number outside the range of an enum without a fixed type.
    return std::array<bool, sizeof...(I)>{
        is_named_value<E, std::bit_cast<E>(static_cast<Raw>(static_cast<int>(I) + first))>()...};
  }
  static constexpr std::size_t span = (sizeof(E) == 1 && std::is_signed_v<Raw>) ? 192 : std::size_t(192 - first);
  static constexpr auto named = make(std::make_index_sequence<span>{});
};

template <class E>
constexpr bool is_valid_enum(std::underlying_type_t<E> raw) {
  if constexpr (requires { enum_values<E>::valid(static_cast<E>(raw)); }) {
    return enum_values<E>::valid(static_cast<E>(raw));
  } else if constexpr (std::is_same_v<std::underlying_type_t<E>, bool>) {
    return true;
  } else {
    constexpr auto const& named = NamedValues<E>::named;
    // Unsigned, where the difference from the first value cannot overflow, and is large for a value before it.
    auto const at = static_cast<std::uint64_t>(raw) - static_cast<std::uint64_t>(std::int64_t{NamedValues<E>::first});
    return at < named.size() && named[at];
  }
}

/// Checks N elements of type T at any address, without making a T of them first.
template <class T, std::size_t N>
bool valid_elements(void const* at) {
  auto const* bytes = static_cast<unsigned char const*>(at);
  for (std::size_t i = 0; i < N; ++i) {
    if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> raw;
      if constexpr (std::is_same_v<decltype(raw), bool>) {
        if (bytes[i] > 1) return false;
      } else {
        std::memcpy(&raw, bytes + i * sizeof raw, sizeof raw);
        if (!is_valid_enum<T>(raw)) return false;
      }
    } else {
      if (bytes[i] > 1) return false;  // bool
    }
  }
  return true;
}

/// The check of N elements of type T; null if every content is one.
template <class T, std::size_t N>
inline constexpr bool (*content_check)(void const*) = nullptr;
template <class T, std::size_t N>
  requires(std::is_same_v<T, bool> || std::is_enum_v<T>)
inline constexpr bool (*content_check<T, N>)(void const*) = &valid_elements<T, N>;

}  // namespace detail
}  // namespace ashlar
