// Ashlar: which kind of file some bytes are.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/calls.hpp>
#include <ashlar/io/prologue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ashlar::detail {

/// Names the format by its first bytes. What is damaged further on still has its name, so that its reader can say more.
inline Content content_of(std::span<std::byte const> bytes) {
  using namespace std::string_view_literals;
  std::string_view const text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
  if (has_magic(bytes)) return Content::ashlar;
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return Content::torch;
  // A pickle of torch.save's magic number, as PyTorch wrote before 1.6.
  if (text.starts_with("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv)) return Content::torch;
  // The length of a header, which may begin as a pickle does, and the header, in JSON.
  std::string_view const header = text.substr(std::min<std::size_t>(text.size(), 8));
  bool const is_short = text.substr(0, 8).ends_with("\0\0\0\0"sv);  // under 4 GiB
  if (header.starts_with("{\"") || header.starts_with("{}") || (header.starts_with('{') && is_short)) {
    return Content::safetensors;
  }
  // Other pickles, and the tar archives of PyTorch before 0.1.10, are refused by their reader with a reason.
  if (text.size() > 1 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5) return Content::torch;
  if (text.size() > 262 && text.substr(257, 5) == "ustar") return Content::torch;
  return Content::unknown;
}

}  // namespace ashlar::detail
