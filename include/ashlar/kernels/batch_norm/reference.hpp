// kernels/batch_norm/reference.hpp: normalisation of channels and its pullbacks as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>

#include <cmath>
#include <cstddef>

namespace ashlar::kernels::reference {

/// f(index) for each value of channel c.
template <class F>
void for_each_of_channel(Planes const& planes, std::size_t c, F const& f) {
  for (std::size_t n = 0; n < planes.images; ++n) {
    for (std::size_t i = 0; i < planes.area; ++i) f((n * planes.channels + c) * planes.area + i);
  }
}

/// Mean and biased variance of each channel.
template <class T>
void channel_moments(Planes const& planes, T const* x, double* mean, double* variance) noexcept {
  for (std::size_t c = 0; c < planes.channels; ++c) {
    double const n = static_cast<double>(planes.per_channel());
    mean[c] = variance[c] = 0;
    for_each_of_channel(planes, c, [&](std::size_t i) { mean[c] += static_cast<double>(x[i]) / n; });
    for_each_of_channel(planes, c, [&](std::size_t i) {
      double const d = static_cast<double>(x[i]) - mean[c];
      variance[c] += d * d / n;
    });
  }
}

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, computed in double. weight and bias may be null.
template <class T, class S>
void batch_norm(Planes const& planes, T const* x, S const* mean, S const* variance, double eps, T const* weight,
                T const* bias, T* y) noexcept {
  for (std::size_t c = 0; c < planes.channels; ++c) {
    double const scale =
        (weight != nullptr ? static_cast<double>(weight[c]) : 1) / std::sqrt(static_cast<double>(variance[c]) + eps);
    double const shift = bias != nullptr ? static_cast<double>(bias[c]) : 0;
    for_each_of_channel(planes, c, [&](std::size_t i) {
      y[i] = static_cast<T>((static_cast<double>(x[i]) - static_cast<double>(mean[c])) * scale + shift);
    });
  }
}

/// The pullback with given statistics (Batch false), or with those of x itself: then the derivative of y[j] by x[i] is
/// scale * ((i == j) - 1 / n - h[i] * h[j] / n), h the normalised x. Any of the results may be null.
template <bool Batch, class T, class S>
void batch_norm_backward(Planes const& planes, T const* x, S const* mean, S const* variance, double eps,
                         T const* weight, T const* dy, T* dx, T* dweight, T* dbias) noexcept {
  double const n = static_cast<double>(planes.per_channel());
  for (std::size_t c = 0; c < planes.channels; ++c) {
    double const inverse = 1 / std::sqrt(static_cast<double>(variance[c]) + eps);
    double const scale = inverse * (weight != nullptr ? static_cast<double>(weight[c]) : 1);
    auto const h = [&](std::size_t i) { return (static_cast<double>(x[i]) - static_cast<double>(mean[c])) * inverse; };
    for_each_of_channel(planes, c, [&](std::size_t i) {
      if (dweight != nullptr) dweight[c] += static_cast<T>(static_cast<double>(dy[i]) * h(i));
      if (dbias != nullptr) dbias[c] += dy[i];
      if (dx == nullptr) return;
      double sum = static_cast<double>(dy[i]);
      if (Batch) {
        for_each_of_channel(planes, c,
                            [&](std::size_t j) { sum -= static_cast<double>(dy[j]) * (1 + h(i) * h(j)) / n; });
      }
      dx[i] += static_cast<T>(scale * sum);
    });
  }
}

}  // namespace ashlar::kernels::reference
