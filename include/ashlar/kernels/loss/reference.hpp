// kernels/loss/reference.hpp: cross-entropy written as its definition, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/softmax/reference.hpp>

#include <cstddef>

namespace ashlar::kernels::reference {

/// Loss of one row of logits against class probabilities q: -sum over c of w[c] q[c] log_softmax(x)[c].
/// weight may be null.
template <class T>
T cross_entropy_row(std::size_t classes, T const* logits, T const* q, T const* weight) noexcept {
  T const norm = log_sum_exp(classes, logits);
  T total = T(0);
  for (std::size_t c = 0; c < classes; ++c) {
    T const share = (weight != nullptr ? weight[c] : T(1)) * q[c];
    if (share != T(0)) total -= share * (logits[c] - norm);
  }
  return total;
}

}  // namespace ashlar::kernels::reference
