// Ashlar: a sort that is small, and cheap for the compiler to run.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/schema/block.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace ashlar::detail {

/// Stable merge sort of `n` indices at `first`. Never more than n log2 n comparisons, so no input is a slow one; and an
/// eighth of the code of std::sort, which each comparison would instantiate anew.
template <class Less>
constexpr void merge_sort(std::uint32_t* first, std::size_t n, Less less) {
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

__attribute__((cold, noinline)) inline std::vector<std::uint32_t> count_up(std::size_t n) {
  std::vector<std::uint32_t> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint32_t>(i);
  return out;
}

/// A comparison that was left to a pointer.
struct ErasedLess {
  bool (*call)(void const* less, std::uint32_t a, std::uint32_t b);
  void const* less;
  bool operator()(std::uint32_t a, std::uint32_t b) const { return call(less, a, b); }
};
__attribute__((cold, noinline)) inline void sort_indices_by(std::uint32_t* first, std::size_t n, ErasedLess less) {
  merge_sort(first, n, less);
}

/// merge_sort, which a program has once, for all comparisons.
template <class Less>
constexpr void sort_indices(std::uint32_t* first, std::size_t n, Less const& less) {
  if (std::is_constant_evaluated()) {
    merge_sort<Less const&>(first, n, less);
  } else {
    sort_indices_by(
        first, n,
        {[](void const* l, std::uint32_t a, std::uint32_t b) -> bool { return (*static_cast<Less const*>(l))(a, b); },
         &less});
  }
}

/// 0, 1, ..., n - 1, sorted.
template <class Less>
std::vector<std::uint32_t> sorted_indices(std::size_t n, Less const& less) {
  std::vector<std::uint32_t> order = count_up(n);
  sort_indices(order.data(), n, less);
  return order;
}

}  // namespace ashlar::detail
