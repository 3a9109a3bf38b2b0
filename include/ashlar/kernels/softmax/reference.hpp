// kernels/softmax/reference.hpp: softmax and log_softmax over the last dimension, plain loops, oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>

namespace ashlar::kernels::reference {

/// Largest element of a row; NaN if there is one.
template <class T>
T row_maximum(std::size_t classes, T const* x) noexcept {
  T largest = x[0];
  for (std::size_t c = 1; c < classes; ++c) {
    if (x[c] > largest || x[c] != x[c]) largest = x[c];
  }
  return largest;
}

/// log of the sum of exp over a row; does not overflow.
template <class T>
T log_sum_exp(std::size_t classes, T const* x) noexcept {
  T const largest = row_maximum(classes, x);
  if (scalar::isinf(largest) && largest < T(0)) return largest;
  T total = T(0);
  for (std::size_t c = 0; c < classes; ++c) total += scalar::exp(x[c] - largest);
  return largest + scalar::log(total);
}

template <class T>
void softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    T const* in = x + r * classes;
    T* out = y + r * classes;
    T const largest = row_maximum(classes, in);
    T total = T(0);
    for (std::size_t c = 0; c < classes; ++c) {
      out[c] = scalar::exp(in[c] - largest);
      total += out[c];
    }
    for (std::size_t c = 0; c < classes; ++c) out[c] /= total;
  }
}

template <class T>
void log_softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    T const* in = x + r * classes;
    T* out = y + r * classes;
    T const largest = row_maximum(classes, in);
    T total = T(0);
    for (std::size_t c = 0; c < classes; ++c) total += scalar::exp(in[c] - largest);
    T const log_total = scalar::log(total);
    for (std::size_t c = 0; c < classes; ++c) out[c] = in[c] - largest - log_total;
  }
}

/// dx += y * (dy - sum(dy * y)), y = softmax(x).
template <class T>
void softmax_pullback(std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    std::size_t const at = r * classes;
    T dot = T(0);
    for (std::size_t c = 0; c < classes; ++c) dot += dy[at + c] * y[at + c];
    for (std::size_t c = 0; c < classes; ++c) dx[at + c] += y[at + c] * (dy[at + c] - dot);
  }
}

/// dx += dy - exp(y) * sum(dy), y = log_softmax(x).
template <class T>
void log_softmax_pullback(std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    std::size_t const at = r * classes;
    T total = T(0);
    for (std::size_t c = 0; c < classes; ++c) total += dy[at + c];
    for (std::size_t c = 0; c < classes; ++c) dx[at + c] += dy[at + c] - scalar::exp(y[at + c]) * total;
  }
}

}  // namespace ashlar::kernels::reference
