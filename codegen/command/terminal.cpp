// Ashlar command: see terminal.hpp.  SPDX-License-Identifier: BSL-1.0
#include "terminal.hpp"

#include "text.hpp"

#include <ashlar/core/error.hpp>

#include <fmt/core.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace ashlar::command {
namespace {

std::string_view variable(char const* name) {
  char const* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}
/// The first of the locale's variables that is set decides.
bool locale_is_utf8() {
  for (char const* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value(variable(name));
    if (value.empty()) continue;
    std::transform(value.begin(), value.end(), value.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}
/// Writes all of `text`; the errno of what failed, or 0.
int write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    ::ssize_t const n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace

Terminal Terminal::of(int descriptor) {
  Terminal t;
  t.is_terminal = ::isatty(descriptor) == 1;
  if (!t.is_terminal) return t;
  t.colour = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  t.utf8 = locale_is_utf8();
  ::winsize size{};
  t.width = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
  return t;
}

std::string Terminal::paint(std::string_view text, Style style) const {
  if (!colour || style == Style::plain || text.empty()) return std::string(text);
  static constexpr int codes[] = {0, 1, 2, 31, 32, 33, 36};
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(style)], text);
}

Terminal const& out_terminal() {
  static Terminal const t = Terminal::of(STDOUT_FILENO);
  return t;
}
Terminal const& error_terminal() {
  static Terminal const t = Terminal::of(STDERR_FILENO);
  return t;
}

void write_out(std::string_view text) {
  int const code = write_all(STDOUT_FILENO, text);
  if (code == 0) return;
  if (code == EPIPE) std::_Exit(141);  // as the signal would, where it is not ignored
  throw Error(Errc::io, fmt::format("cannot write the output: {}", std::generic_category().message(code)));
}
void write_error(std::string_view text) noexcept { (void)write_all(STDERR_FILENO, text); }

ProgressLine::ProgressLine(std::string_view what, std::uint64_t total)
    : what_(what), total_(total), shows_(error_terminal().is_terminal && total >= std::uint64_t{256} << 20) {}
ProgressLine::~ProgressLine() {
  if (shows_) write_error("\r\x1b[K");
}
void ProgressLine::show(std::uint64_t done) {
  std::uint64_t const percent = total_ == 0 ? 100 : std::min<std::uint64_t>(100, done * 100 / total_);
  if (!shows_ || percent == percent_) return;
  percent_ = percent;
  std::size_t const room = std::max<std::size_t>(error_terminal().width, 20) - 8;
  write_error(fmt::format("\r\x1b[K{} {:3} %", shortened(what_, room, false), percent));
}

}  // namespace ashlar::command
