// Ashlar command: tables for people.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include "terminal.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ashlar::command {

struct Cell {
  std::string text;
  Style style = Style::plain;
};

/// Rows of cells, two blanks between columns. Where lines are longer than the terminal, the first column is shortened,
/// and what still does not fit is cut off. Columns without any text are left out.
class Table {
 public:
  /// `right`: for each column, whether it is flushed right, as numbers are.
  explicit Table(std::vector<bool> right) : right_(std::move(right)) {}

  void row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] std::string text(Terminal const& terminal) const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace ashlar::command
