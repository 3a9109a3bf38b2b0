// bench/mlp.hpp: what bench/mlp.cpp measures and who runs it.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace bench {

inline constexpr std::size_t infer_in = 20, infer_hidden = 256, infer_out = 10;  // inference: 20-256-10, ReLU
inline constexpr std::size_t train_in = 64, train_hidden = 128, train_out = 10;  // training: 64-128-10, ReLU
inline constexpr std::size_t train_rows = 32;

/// Flops of a product and sum of each weight, for each row; a training step takes three of them but the first dx.
inline constexpr double infer_flops = 2.0 * (infer_in * infer_hidden + infer_hidden * infer_out);
inline constexpr double train_flops = 2.0 * train_rows * (2 * train_in * train_hidden + 3 * train_hidden * train_out);

/// One implementation. Pointers stay valid until the program ends; every call runs once.
struct Contestant {
  float (*infer1)();        // one row
  float (*infer64)();       // 64 rows
  float (*train_sgd)();     // forward, cross-entropy, backward, SGD with momentum
  float (*train_adam)();    // the same with Adam
};

Contestant eigen_mlp();

/// The same small numbers for everyone.
inline void fill(float* x, std::size_t n, float scale) {
  unsigned state = 1;
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 1664525u + 1013904223u;
    x[i] = scale * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
  }
}

}  // namespace bench
