// Ashlar: layers' names with their settings, as people write them.  SPDX-License-Identifier: BSL-1.0
//
// Compilers print template arguments each in its own way, with all defaults, and mostly not as C++. A layer's NameOf
// spells them instead: "Conv2d<1, 6, 5, ConvOptions{.padding = 2}>".
#pragma once

#include <ashlar/reflect/type_name.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace ashlar::detail {

/// A name under construction; what is longer than it has room for is cut off.
struct Spelling : CleanName<480> {
  bool any_argument = false;
  bool any_option = false;

  constexpr explicit Spelling(std::string_view name) {
    put(name);
    put("<");
  }
  constexpr void put(std::string_view s) {
    for (char const c : s) {
      if (length < chars.size()) chars[length++] = c;
    }
  }
  constexpr void put(std::size_t n) {
    char digits[20]{};
    std::size_t count = 0;
    for (; n != 0 || count == 0; n /= 10) digits[count++] = static_cast<char>('0' + n % 10);
    while (count != 0) put(std::string_view(&digits[--count], 1));
  }
  /// The shortest of 0.001, 1e-12 and the like that is this number, or its bits in hexadecimal.
  constexpr void put(double v) {
    if (v < 0) {
      put("-");
      v = -v;
    }
    double power = 1;  // exact up to 10^22
    for (std::size_t k = 0; k <= 22; ++k, power *= 10) {
      double const scaled = v * power;
      if (scaled >= 1e6) break;
      auto const n = static_cast<std::size_t>(scaled + 0.5);
      if (n == 0 || static_cast<double>(n) / power != v) continue;
      put(n);
      if (k != 0) {
        put("e-");
        put(k);
      } else {
        put(".0");
      }
      return;
    }
    if (v == 0) return put("0.0");
    auto const bits = std::bit_cast<std::uint64_t>(v);
    put("0x1.");
    for (std::size_t d = 13; d-- != 0;) {
      put(std::string_view("0123456789abcdef").substr(static_cast<std::size_t>(bits >> (4 * d)) % 16, 1));
    }
    std::size_t const exponent = static_cast<std::size_t>(bits >> 52);
    put(exponent < 1023 ? "p-" : "p");
    put(exponent < 1023 ? 1023 - exponent : exponent - 1023);
  }
  constexpr void put(std::same_as<bool> auto b) { put(std::string_view(b ? "true" : "false")); }

  /// Begins the next template argument.
  constexpr Spelling& argument() {
    if (any_argument) put(", ");
    any_argument = true;
    return *this;
  }
  /// ".name = value", if it is not the default. `write` puts a value.
  template <class V>
  constexpr void option(std::string_view name, V const& value, V const& preset) {
    if (value == preset) return;
    if (any_option) put(", ");
    any_option = true;
    put(".");
    put(name);
    put(" = ");
    spell(*this, value);
  }
  /// "Settings{...}" and the element type, as far as they are not the defaults.
  template <class T, class Options, class Fields>
  constexpr void settings(std::string_view type, Options const& options, Fields&& fields) {
    std::size_t const before = length;
    bool const first = any_argument;
    argument().put(type);
    put("{");
    fields(*this, options, Options{});
    put("}");
    if (any_option || !std::is_same_v<T, float>) return element<T>();
    length = before;
    any_argument = first;
  }
  template <class T>
  constexpr void element() {
    if constexpr (!std::is_same_v<T, float>) argument().put(type_name<T>());
  }
  constexpr Spelling& end() {
    put(">");
    return *this;
  }
};

constexpr void spell(Spelling& s, std::size_t v) { s.put(v); }
constexpr void spell(Spelling& s, double v) { s.put(v); }
constexpr void spell(Spelling& s, bool v) { s.put(v); }

}  // namespace ashlar::detail
