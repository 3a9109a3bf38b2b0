// kernels/reduce/cpu.hpp: sums and tests over a flat block on the host.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels {

/// Sum of x[0..n). Sixteen partial sums in double, joined pairwise: one fixed order on every machine, so the
/// same input gives the same bits; the error of a float sum is one rounding.
template <class T>
T sum(std::size_t n, T const* x) noexcept {
  double part[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (std::size_t j = 0; j < 16; ++j) part[j] += static_cast<double>(x[i + j]);
  }
  for (std::size_t j = 0; i < n; ++i, ++j) part[j] += static_cast<double>(x[i]);
  for (std::size_t width = 8; width > 0; width /= 2) {
    for (std::size_t j = 0; j < width; ++j) part[j] += part[j + width];
  }
  return static_cast<T>(part[0]);
}

/// sum / n; NaN for n = 0, as in PyTorch.
template <class T>
T mean(std::size_t n, T const* x) noexcept {
  return static_cast<T>(static_cast<double>(sum(n, x)) / static_cast<double>(n));
}

/// Sum of x[i]^2 in double, in the order of sum(): for norms and gradient clipping.
template <class T>
double sum_of_squares(std::size_t n, T const* x) noexcept {
  double part[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (std::size_t j = 0; j < 16; ++j) {
      double const v = static_cast<double>(x[i + j]);
      part[j] += v * v;
    }
  }
  for (std::size_t j = 0; i < n; ++i, ++j) {
    double const v = static_cast<double>(x[i]);
    part[j] += v * v;
  }
  for (std::size_t width = 8; width > 0; width /= 2) {
    for (std::size_t j = 0; j < width; ++j) part[j] += part[j + width];
  }
  return part[0];
}

/// True if every element is neither infinite nor NaN.
template <class T>
bool all_finite(std::size_t n, T const* x) noexcept {
  // x * 0 is 0 or, for infinities and NaN, NaN: one multiply-add an element and no branch.
  T part[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (std::size_t j = 0; j < 16; ++j) part[j] += x[i + j] * T(0);
  }
  for (; i < n; ++i) part[0] += x[i] * T(0);
  bool finite = true;
  for (T const p : part) finite = finite && p == T(0);
  return finite;
}

/// True if an element is infinite or NaN.
template <class T>
bool any_non_finite(std::size_t n, T const* x) noexcept {
  return !all_finite(n, x);
}

/// out[c] += sum over r of x[r][c]: rows (rows, columns) added to a row, in the order of the rows.
template <class T>
void add_rows(std::size_t rows, std::size_t columns, T const* x, T* out) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) out[c] += x[r * columns + c];
  }
}

/// Largest element's index in a row; the first of equals, and the first NaN before all (as torch.argmax).
template <class T>
std::size_t argmax(std::size_t n, T const* x) noexcept {
  std::size_t best = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (x[i] != x[i]) return i;
    if (x[i] > x[best]) best = i;
  }
  return best;
}

}  // namespace ashlar::kernels
