// Ashlar: sentences put together from parts.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// On functions that run once a file and not once an element: optimised for size.
#define ASHLAR_COLD __attribute__((cold, noinline))

namespace ashlar::detail {

/// Text or a number.
struct Part {
  std::string_view text{};
  std::uint64_t number = 0;
  bool is_number = false;

  Part(char const* s) : text(s) {}
  Part(std::string_view s) : text(s) {}
  Part(std::string const& s) : text(s) {}
  Part(std::unsigned_integral auto n) : number(n), is_number(true) {}
};

/// One call where `a + b + std::to_string(n)` would be six: messages are most of the code of a reader.
ASHLAR_COLD inline std::string message(std::initializer_list<Part> parts) {
  std::string out;
  for (Part const& p : parts) {
    if (p.is_number) {
      out += std::to_string(p.number);
    } else {
      out += p.text;
    }
  }
  return out;
}

ASHLAR_COLD inline Error error(Errc code, std::initializer_list<Part> parts) { return Error(code, message(parts)); }

}  // namespace ashlar::detail
