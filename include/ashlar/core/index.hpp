// Ashlar: an index as a type, for layers of different types under one name.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>

#include <cstddef>

namespace ashlar {

/// A compile-time index: `net[0_c]`.
template <std::size_t I>
struct Index {
  static constexpr std::size_t value = I;
};

inline namespace literals {
template <char... Digits>
consteval auto operator""_c() {
  constexpr std::size_t value = [] {
    std::size_t n = 0;
    for (char const d : {Digits...}) {
      if (d != '\'') n = n * 10 + static_cast<std::size_t>(d - '0');
    }
    return n;
  }();
  return Index<value>{};
}
}  // namespace literals

}  // namespace ashlar
