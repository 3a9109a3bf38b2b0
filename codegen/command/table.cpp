// Ashlar command: see table.hpp.  SPDX-License-Identifier: BSL-1.0
#include "table.hpp"

#include "text.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::command {

std::string Table::text(Terminal const& terminal) const {
  constexpr std::size_t least = 16;  // columns that are left to a shortened name
  constexpr std::size_t between = 2;
  std::vector<std::size_t> widths(right_.size());
  for (auto const& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], columns(row[c].text));
  }
  std::size_t const used =
      static_cast<std::size_t>(std::count_if(widths.begin(), widths.end(), [](auto w) { return w != 0; }));
  std::size_t const all =
      std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + between * (used - (used != 0));
  if (terminal.width != 0 && all > terminal.width) {
    std::size_t const over = all - terminal.width;
    widths[0] = std::max(std::min(widths[0], least), widths[0] - std::min(widths[0], over));
  }
  std::string out;
  for (auto const& row : rows_) {
    std::string line;
    std::size_t at = 0;  // columns in the line
    for (std::size_t c = 0, blanks = 0; c < row.size(); ++c) {
      if (widths[c] == 0) continue;
      std::string cell = shortened(row[c].text, widths[c], terminal.utf8);
      std::size_t const free = widths[c] - columns(cell);
      blanks += right_[c] ? free : 0;
      if (!cell.empty()) {
        std::size_t const room =
            terminal.width == 0 ? columns(cell) : terminal.width - std::min(terminal.width, at + blanks);
        if (room == 0) break;
        if (columns(cell) > room) cell = shortened(cell, room, terminal.utf8);
        line.append(blanks, ' ');
        at += blanks + columns(cell);
        line += terminal.paint(cell, row[c].style);
        blanks = 0;
      }
      blanks += (right_[c] ? 0 : free) + between;
    }
    out += line;
    out += '\n';
  }
  return out;
}

}  // namespace ashlar::command
