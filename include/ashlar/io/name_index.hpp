// Ashlar: the names in a file's directory, to be found.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// Sorts entries by `less`, which compares their hashes first. Hashes spread evenly, so once entries are dealt out by
/// the upper bits hardly one is left to compare; where all are equal, it is a plain sort.
template <class Entry, class HashOf, class Less>
void sort_by_hash(std::vector<Entry>& entries, HashOf hash_of, Less less) {
  auto const bits = static_cast<unsigned>(std::bit_width(entries.size()));
  if (bits < 6) return std::sort(entries.begin(), entries.end(), less);
  auto const bucket = [&](Entry const& e) {
    return static_cast<std::size_t>(std::uint64_t{hash_of(e)} >> (64 - bits));
  };
  std::vector<std::size_t> begin((std::size_t{1} << bits) + 1);
  for (Entry const& e : entries) ++begin[bucket(e) + 1];
  for (std::size_t b = 1; b < begin.size(); ++b) begin[b] += begin[b - 1];
  std::vector<Entry> sorted(entries.size());
  for (Entry const& e : entries) sorted[begin[bucket(e)]++] = e;
  for (std::size_t first = 0; std::size_t const last : begin) {  // each is now where its bucket ends
    if (last - first > 1) {
      std::sort(sorted.begin() + static_cast<std::ptrdiff_t>(first), sorted.begin() + static_cast<std::ptrdiff_t>(last),
                less);
    }
    first = last;
  }
  entries = std::move(sorted);
}

/// Sorts hashes beside positions, and looks at names only where hashes are equal: long names that begin alike cost no
/// more, and names made to have one hash no more than a sort by name. Names stay the caller's.
class NameIndex {
 public:
  NameIndex() = default;
  /// name_of(i) for i from 0 to n - 1.
  template <class NameOf>
  NameIndex(std::size_t n, NameOf name_of) {
    order_.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
      std::string_view const name = name_of(i);
      order_.push_back({std::hash<std::string_view>{}(name), static_cast<std::uint32_t>(i), name});
    }
    sort_by_hash(order_, [](Entry const& e) { return e.hash; }, std::less<>{});
  }

  /// The position of a name, or -1.
  [[nodiscard]] std::ptrdiff_t find(std::string_view name) const {
    Entry const sought{std::hash<std::string_view>{}(name), 0, name};
    auto const at = std::lower_bound(order_.begin(), order_.end(), sought);
    return at != order_.end() && at->name == name ? static_cast<std::ptrdiff_t>(at->position) : -1;
  }
  /// The second position of a name that stands twice, or -1.
  [[nodiscard]] std::ptrdiff_t duplicate() const {
    auto const at = std::adjacent_find(order_.begin(), order_.end(), [](Entry const& a, Entry const& b) {
      return a.hash == b.hash && a.name == b.name;
    });
    return at == order_.end() ? -1 : static_cast<std::ptrdiff_t>(std::max(at->position, (at + 1)->position));
  }

 private:
  struct Entry {
    std::size_t hash;
    std::uint32_t position;
    std::string_view name;
    friend bool operator<(Entry const& a, Entry const& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.name < b.name;
    }
  };
  std::vector<Entry> order_;
};

}  // namespace ashlar::detail
