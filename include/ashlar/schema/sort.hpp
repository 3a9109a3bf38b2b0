// Ashlar: a sort that is small, and cheap for the compiler to run.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/schema/block.hpp>

#include <cstddef>
#include <cstdint>

namespace ashlar::detail {

/// Stable merge sort of `n` indices at `first`. Never more than n log2 n comparisons, so no input is a slow one; and an
/// eighth of the code of std::sort, which each comparison would instantiate anew.
template <class Less>
constexpr void sort_indices(std::uint32_t* first, std::size_t n, Less less) {
  Block<std::uint32_t> other(n, 0);
  std::uint32_t* from = first;
  std::uint32_t* to = other.data();
  for (std::size_t width = 1; width < n; width *= 2) {
    for (std::size_t begin = 0; begin < n; begin += 2 * width) {
      std::size_t const middle = begin + width < n ? begin + width : n;
      std::size_t const end = begin + 2 * width < n ? begin + 2 * width : n;
      std::size_t a = begin;
      std::size_t b = middle;
      // Runs that are in order already are common: keys come grouped by layer, tensors by place.
      bool const ordered = middle == end || !less(from[middle], from[middle - 1]);
      for (std::size_t k = begin; k < end; ++k) {
        bool const second = !ordered && b < end && (a == middle || less(from[b], from[a]));
        to[k] = second ? from[b++] : a < middle ? from[a++] : from[b++];
      }
    }
    std::uint32_t* const swap = from;
    from = to;
    to = swap;
  }
  if (from != first) {
    for (std::size_t i = 0; i < n; ++i) first[i] = from[i];
  }
}

}  // namespace ashlar::detail
