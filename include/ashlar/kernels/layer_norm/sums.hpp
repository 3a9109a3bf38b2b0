// kernels/layer_norm/sums.hpp: what the gradient of a normalised row needs.  SPDX-License-Identifier: BSL-1.0
#pragma once

namespace ashlar::kernels {

/// Of g = dy * weight, and of g * (x - mean).
struct RowSums {
  double sum = 0;
  double product = 0;
};

}  // namespace ashlar::kernels
