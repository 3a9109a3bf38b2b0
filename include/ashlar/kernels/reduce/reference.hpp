// kernels/reduce/reference.hpp: sums as plain loops in double, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels::reference {

/// Sum of x[0..n), accumulated in long double.
template <class T>
T sum(std::size_t n, T const* x) noexcept {
  long double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += static_cast<long double>(x[i]);
  return static_cast<T>(total);
}

/// Sum of squares, accumulated in long double.
template <class T>
double sum_of_squares(std::size_t n, T const* x) noexcept {
  long double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += static_cast<long double>(x[i]) * static_cast<long double>(x[i]);
  return static_cast<double>(total);
}

}  // namespace ashlar::kernels::reference
