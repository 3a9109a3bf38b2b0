// Ashlar command: see text.hpp.  SPDX-License-Identifier: BSL-1.0
#include "text.hpp"

#include <ashlar/io/printable.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ashlar::command {
namespace {

/// The character at `at`, of text that is UTF-8, and how many bytes it has.
std::pair<char32_t, std::size_t> character(std::string_view text, std::size_t at) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  unsigned const c = byte(at);
  auto const more = [&](std::size_t i) { return static_cast<char32_t>(byte(at + i) & 0x3fu); };
  if (c < 0xc0) return {c, 1};
  if (c < 0xe0) return {(c & 0x1fu) << 6 | more(1), 2};
  if (c < 0xf0) return {(c & 0x0fu) << 12 | more(1) << 6 | more(2), 3};
  return {(c & 0x07u) << 18 | more(1) << 12 | more(2) << 6 | more(3), 4};
}
bool lies_in(char32_t c, auto const& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [&](auto const& r) { return c >= r.first && c <= r.second; });
}
using Ranges = std::pair<char32_t, char32_t>;
/// The blocks of UAX #11 that are wide throughout, and those of marks that take no column.
constexpr std::array<Ranges, 9> wide{{{0x1100, 0x115f},
                                      {0x2e80, 0xa4cf},
                                      {0xac00, 0xd7a3},
                                      {0xf900, 0xfaff},
                                      {0xfe30, 0xfe6f},
                                      {0xff00, 0xff60},
                                      {0xffe0, 0xffe6},
                                      {0x1f300, 0x1faff},
                                      {0x20000, 0x3fffd}}};
constexpr std::array<Ranges, 4> narrowless{{{0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x200b, 0x200d}, {0xfe00, 0xfe0f}}};

std::size_t width_of(char32_t c) { return lies_in(c, narrowless) ? 0 : lies_in(c, wide) ? 2 : 1; }

}  // namespace

std::string shown(std::string_view text) { return detail::printable(text); }

std::size_t columns(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < text.size();) {
    auto const [c, bytes] = character(text, i);
    n += width_of(c);
    i += bytes;
  }
  return n;
}

std::string shortened(std::string_view text, std::size_t width, bool utf8) {
  if (columns(text) <= width) return std::string(text);
  std::string_view const dots = utf8 ? "\u2026" : "..";
  std::size_t const kept = width > columns(dots) ? width - columns(dots) : 0;
  // The end of a key says more than its beginning, so it gets the larger half.
  std::size_t const front = kept / 2;
  std::size_t at = 0;
  std::size_t n = 0;
  while (at < text.size()) {
    auto const [c, bytes] = character(text, at);
    if (n + width_of(c) > front) break;
    n += width_of(c);
    at += bytes;
  }
  std::size_t rest = columns(text);
  std::size_t back = 0;
  while (back < text.size() && rest > kept - n) {
    auto const [c, bytes] = character(text, back);
    rest -= width_of(c);
    back += bytes;
  }
  return fmt::format("{}{}{}", text.substr(0, at), dots, text.substr(back));
}

std::string count_text(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, 1, ',');
  return out;
}

std::string bytes_text(std::uint64_t n) {
  if (n < 1024) return fmt::format("{} B", n);
  static constexpr char const* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double x = static_cast<double>(n) / 1024;
  std::size_t unit = 0;
  // What would be rounded to 1024.0 is 1.0 of the next unit.
  for (; x >= 1023.95; x /= 1024) ++unit;
  return fmt::format("{:.1f} {}", x, units[unit]);
}

std::string counted(std::uint64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(n), noun, n == 1 ? "" : "s");
}

std::string number_text(double x) { return fmt::format("{:.4g}", x); }

}  // namespace ashlar::command
