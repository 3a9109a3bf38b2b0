// The digits data set and the split that the training traces were recorded with.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/tensor.hpp>

#include "support/file.hpp"
#include "support/safetensors.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace ashlar::test {

/// examples/data/digits.csv: 1797 rows of 64 pixels (0 to 16) and a class.
class Digits {
 public:
  static constexpr std::size_t pixels = 64;

  Digits() : split_(ASHLAR_TEST_DATA "/training/digits_split.safetensors") {
    int number = 0;
    std::size_t column = 0;
    for (char const c : read_file(ASHLAR_SOURCE_DIR "/examples/data/digits.csv")) {
      if (c >= '0' && c <= '9') {
        number = 10 * number + (c - '0');
        continue;
      }
      if (c == '\r') continue;
      if (column < pixels) pixel_.push_back(number);
      else label_.push_back(number);
      column = c == '\n' ? 0 : column + 1;
      number = 0;
    }
    if (label_.size() != 1797 || pixel_.size() != 1797 * pixels) throw std::runtime_error("digits.csv is not whole");
  }

  /// Row numbers: "train_index" (1437), "test_index" (360), "epoch_order" (8 * 1437).
  [[nodiscard]] std::vector<std::int64_t> rows(char const* name) const { return split_.values<std::int64_t>(name); }

  /// The pixels of these rows, divided by 16: (n, 64).
  template <class T>
  [[nodiscard]] Tensor<T, dyn, pixels> inputs(std::span<std::int64_t const> rows) const {
    Tensor<T, dyn, pixels> x(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = 0; j < pixels; ++j) {
        x(i, j) = static_cast<T>(pixel_[static_cast<std::size_t>(rows[i]) * pixels + j]) / T(16);
      }
    }
    return x;
  }
  [[nodiscard]] Tensor<std::int64_t, dyn> labels(std::span<std::int64_t const> rows) const {
    Tensor<std::int64_t, dyn> y(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) y(i) = label_[static_cast<std::size_t>(rows[i])];
    return y;
  }

 private:
  SafeTensors split_;
  std::vector<int> pixel_;
  std::vector<int> label_;
};

}  // namespace ashlar::test
