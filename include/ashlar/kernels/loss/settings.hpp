// kernels/loss/settings.hpp: the settings of cross-entropy and of the negative log-likelihood.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/loss/elementwise.hpp>

#include <cstdint>

namespace ashlar::kernels {

/// Settings of cross_entropy and nll, PyTorch's names and defaults. weight has one element a class, or is null.
template <class T>
struct CrossEntropy {
  T const* weight = nullptr;
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;
};

}  // namespace ashlar::kernels
