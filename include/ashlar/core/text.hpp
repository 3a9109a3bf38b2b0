// Ashlar: text, a string that can be a template argument.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string_view>

namespace ashlar {

/// A string literal as a template argument: `Named<"block 0", L>`, `Tied<"embed">`.
template <std::size_t N>
struct text {
  char chars[N]{};

  constexpr text() = default;
  constexpr text(char const (&literal)[N]) {  // implicit, so that a literal converts
    for (std::size_t i = 0; i < N; ++i) chars[i] = literal[i];
  }

  [[nodiscard]] static constexpr std::size_t size() { return N - 1; }
  [[nodiscard]] constexpr std::string_view view() const { return {chars, N - 1}; }
  constexpr operator std::string_view() const { return view(); }
};

namespace detail {

/// Where `c` first stands in `s`, from `begin` on; npos if nowhere. For constants, as string_view::find compares an
/// address with null, which g++ 12 does not take for one with -fsanitize=undefined.
constexpr std::size_t find_char(std::string_view s, char c, std::size_t begin = 0) {
  for (; begin < s.size(); ++begin) {
    if (s[begin] == c) return begin;
  }
  return std::string_view::npos;
}

}  // namespace detail

}  // namespace ashlar
