// kernels/linear/reference.hpp: the affine map and its pullbacks as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels::reference {

/// y[r][o] = bias[o] + sum over i of x[r][i] * weight[o][i]; overwrites y (rows, Out). bias may be null.
template <std::size_t In, std::size_t Out, class T>
void linear(std::size_t rows, T const* x, T const* weight, T const* bias, T* y) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < Out; ++o) {
      T sum = bias != nullptr ? bias[o] : T(0);
      for (std::size_t i = 0; i < In; ++i) sum += x[r * In + i] * weight[o * In + i];
      y[r * Out + o] = sum;
    }
  }
}

/// dx[r][i] += sum over o of dy[r][o] * weight[o][i].
template <std::size_t In, std::size_t Out, class T>
void linear_backward_input(std::size_t rows, T const* dy, T const* weight, T* dx) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < Out; ++o) {
      T const scale = dy[r * Out + o];
      for (std::size_t i = 0; i < In; ++i) dx[r * In + i] += scale * weight[o * In + i];
    }
  }
}

/// dweight[o][i] += sum over r of dy[r][o] * x[r][i]; dbias[o] += sum over r of dy[r][o]. dbias may be null.
template <std::size_t In, std::size_t Out, class T>
void linear_backward_parameters(std::size_t rows, T const* x, T const* dy, T* dweight, T* dbias) noexcept {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < Out; ++o) {
      T const scale = dy[r * Out + o];
      for (std::size_t i = 0; i < In; ++i) dweight[o * In + i] += scale * x[r * In + i];
      if (dbias != nullptr) dbias[o] += scale;
    }
  }
}

}  // namespace ashlar::kernels::reference
