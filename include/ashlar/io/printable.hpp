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

/// Text from a file inside a message: control characters and broken UTF-8 as '?', at most 200 bytes.
ASHLAR_COLD inline std::string printable(std::string_view text) {
  std::size_t length = text.size() < 200 ? text.size() : 200;
  if (length < text.size()) {  // not in the middle of a character
    for (int i = 0; i < 3 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80; ++i) --length;
  }
  std::string out(text.substr(0, length));
  bool const utf8 = is_utf8(out);
  for (char& c : out) {
    auto const u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f || (u >= 0x80 && !utf8)) c = '?';
  }
  if (length < text.size()) out += "...";
  return out;
}

}  // namespace ashlar::detail
