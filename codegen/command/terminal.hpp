// Ashlar command: where output goes, and what can be shown there.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ashlar::command {

/// How a piece of text stands out. Only on terminals.
enum class Style : std::uint8_t { plain, bold, dim, red, green, yellow, cyan };

/// What stdout or stderr can show: a file or a pipe is plain ASCII without colours and has lines of any length.
struct Terminal {
  bool is_terminal = false;
  bool colour = false;  ///< a terminal, and neither NO_COLOR nor TERM=dumb
  bool utf8 = false;  ///< a terminal whose locale is UTF-8
  std::size_t width = 0;  ///< columns; 0: no limit

  static Terminal of(int descriptor);
  [[nodiscard]] std::string paint(std::string_view text, Style style) const;
};

/// stdout's and stderr's.
Terminal const& out_terminal();
Terminal const& error_terminal();

/// Writes all of a command's output at once. Error: io, if it cannot be written; a reader that has closed its end of
/// the pipe has seen enough, and ends the command without a word.
void write_out(std::string_view text);
/// Writes to stderr whatever happens.
void write_error(std::string_view text) noexcept;

/// A line on stderr that says how far something has come; only on terminals, and gone when it is done.
class ProgressLine {
 public:
  /// `total`: bytes; nothing is shown for less than 256 MiB.
  ProgressLine(std::string_view what, std::uint64_t total);
  ProgressLine(ProgressLine const&) = delete;
  ProgressLine& operator=(ProgressLine const&) = delete;
  ~ProgressLine();
  void show(std::uint64_t done);

 private:
  std::string what_;
  std::uint64_t total_;
  std::uint64_t percent_ = 101;
  bool shows_;
};

}  // namespace ashlar::command
