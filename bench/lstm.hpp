// bench/lstm.hpp: what bench/lstm.cpp measures and who runs it.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace bench {

// One sample at a time, as in models of guitar amplifiers, and blocks of samples.
inline constexpr std::size_t block = 64;

/// Flops of the products of a step; a tanh or sigmoid counts nothing.
constexpr double step_flops(std::size_t gates, std::size_t in, std::size_t hidden) {
  return 2.0 * static_cast<double>(gates * hidden * (in + hidden));
}

/// One implementation: each runs one step from the state that the last left.
struct Recurrent {
  float (*lstm20)();   // LSTM 1 -> 20
  float (*lstm32)();   // LSTM 1 -> 32
  float (*lstm40)();   // LSTM 1 -> 40
  float (*gru32)();    // GRU 1 -> 32
};

Recurrent eigen_recurrent();

/// The same small numbers for everyone.
inline void fill_small(float* x, std::size_t n) {
  unsigned state = 1;
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    x[i] = 0.1f * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
  }
}

/// The next sample.
inline float sample() {
  static float at = 0;
  at += 0.01f;
  if (at > 1) at -= 2;
  return at;
}

}  // namespace bench
