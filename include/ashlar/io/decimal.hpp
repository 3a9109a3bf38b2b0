// Ashlar: integers of any size, in decimal.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace ashlar::detail {

/// The digits of a little-endian two's complement number of up to 255 bytes.
ASHLAR_COLD inline std::string decimal_of(std::span<std::byte const> bytes) {
  bool const negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
  std::vector<std::uint32_t> words((bytes.size() + 3) / 4 + 1, negative ? ~0u : 0u);
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  if (negative) {
    std::uint64_t carry = 1;
    for (std::uint32_t& w : words) {
      carry += static_cast<std::uint32_t>(~w);
      w = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }
  std::string digits;  // the last one first
  while (!words.empty()) {
    std::uint64_t rest = 0;
    for (std::size_t i = words.size(); i-- != 0;) {
      rest = rest << 32 | words[i];
      words[i] = static_cast<std::uint32_t>(rest / 1000000000u);
      rest %= 1000000000u;
    }
    while (!words.empty() && words.back() == 0) words.pop_back();
    for (int i = 0; i < 9 && (rest != 0 || !words.empty()); ++i, rest /= 10) {
      digits += static_cast<char>('0' + rest % 10);
    }
  }
  if (digits.empty()) digits = "0";
  if (negative) digits += '-';
  return {digits.rbegin(), digits.rend()};
}

}  // namespace ashlar::detail
