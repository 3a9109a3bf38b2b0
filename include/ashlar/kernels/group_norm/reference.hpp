// kernels/group_norm/reference.hpp: normalisation of groups of channels and its pullback as plain loops, the oracle of
// cpu.hpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/layer_norm/reference.hpp>

#include <cstddef>

namespace ashlar::kernels::reference {

/// y[i] = (x[i] - mean of its group) * inverse of its group * weight[channel] + bias[channel], in double. A group is
/// channels / groups neighbouring channels of one image. weight and bias may be null.
template <class T>
void group_norm(Planes const& planes, std::size_t groups, T const* x, double eps, T const* weight, T const* bias,
                T* y) noexcept {
  std::size_t const n = planes.channels / groups * planes.area;
  for (std::size_t g = 0; g < planes.images * groups; ++g) {
    RowScale const s = row_scale(n, x + g * n, eps);
    for (std::size_t i = g * n; i < (g + 1) * n; ++i) {
      std::size_t const c = i / planes.area % planes.channels;
      double const w = weight != nullptr ? static_cast<double>(weight[c]) : 1;
      double const b = bias != nullptr ? static_cast<double>(bias[c]) : 0;
      y[i] = static_cast<T>((static_cast<double>(x[i]) - s.mean) * s.inverse * w + b);
    }
  }
}

/// Within a group the derivative of y[j] by x[i] is weight * inverse * ((i == j) - (1 + h[i] * h[j]) / n), h the
/// normalised x. Adds; weight and any of the results may be null.
template <class T>
void group_norm_backward(Planes const& planes, std::size_t groups, T const* x, double eps, T const* weight, T const* dy,
                         T* dx, T* dweight, T* dbias) noexcept {
  std::size_t const n = planes.channels / groups * planes.area;
  for (std::size_t g = 0; g < planes.images * groups; ++g) {
    RowScale const s = row_scale(n, x + g * n, eps);
    auto const channel = [&](std::size_t i) { return i / planes.area % planes.channels; };
    auto const h = [&](std::size_t i) { return (static_cast<double>(x[i]) - s.mean) * s.inverse; };
    for (std::size_t i = g * n; i < (g + 1) * n; ++i) {
      if (dweight != nullptr) dweight[channel(i)] += static_cast<T>(static_cast<double>(dy[i]) * h(i));
      if (dbias != nullptr) dbias[channel(i)] += dy[i];
      double sum = 0;
      for (std::size_t j = g * n; j < (g + 1) * n; ++j) {
        double const w = weight != nullptr ? static_cast<double>(weight[channel(j)]) : 1;
        double const derivative = (i == j ? 1.0 : 0.0) - (1 + h(i) * h(j)) / static_cast<double>(n);
        sum += static_cast<double>(dy[j]) * w * s.inverse * derivative;
      }
      if (dx != nullptr) dx[i] += static_cast<T>(sum);
    }
  }
}

}  // namespace ashlar::kernels::reference
