// Ashlar: text from files, in messages.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::detail {

/// Valid UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
ASHLAR_COLD inline bool is_utf8(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    unsigned const c = byte(i);
    std::size_t const more = c < 0x80                ? 0
                             : c >= 0xc2 && c < 0xe0 ? 1
                             : c >= 0xe0 && c < 0xf0 ? 2
                             : c >= 0xf0 && c < 0xf5 ? 3
                                                     : 4;
    if (more == 4 || text.size() - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) return false;
    }
    if ((c == 0xe0 && byte(i + 1) < 0xa0) || (c == 0xed && byte(i + 1) >= 0xa0)) return false;
    if ((c == 0xf0 && byte(i + 1) < 0x90) || (c == 0xf4 && byte(i + 1) >= 0x90)) return false;
    i += more + 1;
  }
  return true;
}

/// Writes a character, which is Unicode, as UTF-8.
inline void put_utf8(std::vector<char>& to, std::uint32_t code) {
  auto const put = [&](std::uint32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

/// How many bytes of valid UTF-8, of which there are some, are a character that does something to the text around it:
/// controls, which command a terminal, and what changes the direction of writing (Unicode 15, UAX #9). 0 for others.
ASHLAR_COLD inline std::size_t unsafe_length(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  unsigned const c = byte(0);
  unsigned const d = byte(1);
  unsigned const e = byte(2);
  if (c < 0x20 || c == 0x7f) return 1;                        // also U+0080 to U+009F, as two bytes
  if ((c == 0xc2 && d < 0xa0) || (c == 0xd8 && d == 0x9c)) return 2;  // U+061C
  bool const marks = c == 0xe2 && d == 0x80 && (e == 0x8e || e == 0x8f || (e >= 0xa8 && e <= 0xae));  // U+200E, U+2028
  bool const isolates = c == 0xe2 && d == 0x81 && e >= 0xa6 && e <= 0xa9;  // U+2066
  bool const order_mark = c == 0xef && d == 0xbb && e == 0xbf;
  return marks || isolates || order_mark ? 3 : 0;
}

/// Text from a file inside a message: at most 200 bytes, with '?' for broken UTF-8 and for what is not only seen.
ASHLAR_COLD inline std::string printable(std::string_view text) {
  std::size_t length = text.size() < 200 ? text.size() : 200;
  if (length < text.size()) {  // not in the middle of a character
    for (int i = 0; i < 3 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80; ++i) --length;
  }
  std::string_view const front = text.substr(0, length);
  bool const utf8 = is_utf8(front);
  std::string out;
  for (std::size_t i = 0; i < length; ++i) {
    auto const u = static_cast<unsigned char>(front[i]);
    std::size_t const unsafe = utf8 || u < 0x80 ? unsafe_length(front.substr(i, utf8 ? 3 : 1)) : 1;
    out += unsafe != 0 ? '?' : front[i];
    if (unsafe > 1) i += unsafe - 1;
  }
  if (length < text.size()) out += "...";
  return out;
}

}  // namespace ashlar::detail
