// kernels/rnn/shape.hpp: cells, and where the rows of a sequence lie.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels {

// Cells. Rows of weights stand gate by gate; a, b: what x and h give, biases included.
//
/// Gates i, f, g, o: c' = sigmoid(a_f + b_f) c + sigmoid(a_i + b_i) tanh(a_g + b_g), h' = sigmoid(a_o + b_o) tanh(c').
struct Lstm {
  static constexpr std::size_t gates = 4;
  static constexpr std::size_t sums = 4;  // of an element
};
/// Gates r, z, n: n = tanh(a_n + sigmoid(a_r + b_r) b_n), h' = n + sigmoid(a_z + b_z) (h - n).
struct Gru {
  static constexpr std::size_t gates = 3;
  static constexpr std::size_t sums = 4;  // r, z, b_n, a_n
};
/// h' = Act(a + b), Act Tanh or ReLU.
template <class Act>
struct Elman {
  static constexpr std::size_t gates = 1;
  static constexpr std::size_t sums = 1;
};

/// Steps of a batch of sequences, taken forwards or backwards. They may be a part of longer ones, of `length` steps.
struct Sequence {
  std::size_t steps;
  std::size_t batch;
  std::size_t length;
  bool batch_first = false;
  bool reverse = false;

  /// Row of x and y of step s, counted in time, of sequence b.
  [[nodiscard]] constexpr std::size_t row(std::size_t s, std::size_t b) const {
    return batch_first ? b * length + s : s * batch + b;
  }
  /// Row of what is kept of these steps alone.
  [[nodiscard]] constexpr std::size_t kept_row(std::size_t s, std::size_t b) const {
    return batch_first ? b * steps + s : s * batch + b;
  }
  /// The i-th step that is taken.
  [[nodiscard]] constexpr std::size_t step(std::size_t i) const { return reverse ? steps - 1 - i : i; }
};

/// ih (gates * H, In), hh (gates * H, H), biases (gates * H) or null.
template <class T>
struct RnnWeights {
  T const* ih = nullptr;
  T const* hh = nullptr;
  T const* bias_ih = nullptr;
  T const* bias_hh = nullptr;
};

/// Where their gradients are collected; null where none is wanted.
template <class T>
struct RnnGradients {
  T* ih = nullptr;
  T* hh = nullptr;
  T* bias_ih = nullptr;
  T* bias_hh = nullptr;
};

}  // namespace ashlar::kernels
