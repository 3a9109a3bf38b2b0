// Ashlar: rows by their keys.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/schema/sort.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::detail {

/// Keys of a list of rows, sorted, to be found by binary search.
class KeyIndex {
 public:
  ASHLAR_COLD explicit KeyIndex(std::span<Row const> rows)
      : rows_(rows),
        order_(
            sorted_indices(rows.size(), [&](std::uint32_t a, std::uint32_t b) { return rows[a].key < rows[b].key; })) {}
  /// Index of the row with this key, or -1.
  [[nodiscard]] ASHLAR_COLD std::ptrdiff_t find(std::string_view key) const {
    std::size_t const at = lower_bound(key);
    return at == order_.size() || rows_[order_[at]].key != key ? -1 : static_cast<std::ptrdiff_t>(order_[at]);
  }
  /// True if there is this key, or one that continues it after a dot.
  [[nodiscard]] ASHLAR_COLD bool has_part(std::string_view key) const {
    if (find(key) >= 0) return true;
    std::string const begin = message({key, "."});
    std::size_t const at = lower_bound(begin);
    return at != order_.size() && rows_[order_[at]].key.starts_with(begin);
  }

 private:
  /// Place in the order of the first key that is not less.
  [[nodiscard]] ASHLAR_COLD std::size_t lower_bound(std::string_view key) const {
    std::size_t begin = 0;
    std::size_t end = order_.size();
    while (begin != end) {
      std::size_t const middle = begin + (end - begin) / 2;
      if (rows_[order_[middle]].key < key) begin = middle + 1;
      else end = middle;
    }
    return begin;
  }

  std::span<Row const> rows_;
  std::vector<std::uint32_t> order_;
};

}  // namespace ashlar::detail
