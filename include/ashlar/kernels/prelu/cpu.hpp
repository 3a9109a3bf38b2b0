// kernels/prelu/cpu.hpp: a leaky ReLU whose slope is learned, on the host, one thread.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels {

/// y = x where x > 0, else slope[c] * x: x, y (outer, channels, inner), slope (channels).
template <class T>
void prelu(std::size_t outer, std::size_t channels, std::size_t inner, T const* x, T const* slope, T* y) noexcept {
  for (std::size_t row = 0; row < outer * channels; ++row) {
    T const w = slope[row % channels];
    for (std::size_t i = row * inner; i < (row + 1) * inner; ++i) y[i] = x[i] > T(0) ? x[i] : w * x[i];
  }
}

/// dx and dslope are added to; either may be null.
template <class T>
void prelu_pullback(std::size_t outer, std::size_t channels, std::size_t inner, T const* x, T const* slope, T const* dy,
                    T* dx, T* dslope) noexcept {
  for (std::size_t row = 0; row < outer * channels; ++row) {
    std::size_t const c = row % channels;
    T total = T(0);
    for (std::size_t i = row * inner; i < (row + 1) * inner; ++i) {
      bool const positive = x[i] > T(0);
      if (!positive) total += x[i] * dy[i];
      if (dx != nullptr) dx[i] += positive ? dy[i] : slope[c] * dy[i];
    }
    if (dslope != nullptr) dslope[c] += total;
  }
}

}  // namespace ashlar::kernels
