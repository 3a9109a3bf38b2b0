// Ashlar command: numbers and text from files, for people.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ashlar::command {

/// Text from a file on one line: what could move the cursor or turn the line round (control characters, marks of
/// direction, broken UTF-8) as '?', at most 200 bytes.
std::string shown(std::string_view text);

/// Columns that UTF-8 text takes on a terminal.
std::size_t columns(std::string_view text);

/// Text of at most `width` columns: what does not fit is left out in the middle.
std::string shortened(std::string_view text, std::size_t width, bool utf8);

/// "7,946"
std::string count_text(std::uint64_t n);
/// "31.0 KiB"
std::string bytes_text(std::uint64_t n);
/// "1 tensor", "7,946 tensors"
std::string counted(std::uint64_t n, std::string_view noun);
/// Four significant digits: "-0.01234", "1.5e+10", "nan".
std::string number_text(double x);

}  // namespace ashlar::command
