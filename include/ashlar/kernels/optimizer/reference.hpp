// kernels/optimizer/reference.hpp: optimizer updates element by element, in PyTorch's order of operations.
// The oracle of cpu.hpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/optimizer/steps.hpp>
#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>

namespace ashlar::kernels::reference {

/// p (n) is updated from g (n); buf (n) is the momentum buffer, null if momentum is 0.
template <class T>
void sgd(std::size_t n, SgdStep<T> const& step, T* p, T const* g, T* buf) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    T d = step.maximize ? -g[i] : g[i];
    if (step.weight_decay != 0) d += static_cast<T>(step.weight_decay) * p[i];
    if (step.momentum != 0) {
      buf[i] = step.first ? d : buf[i] * static_cast<T>(step.momentum) + static_cast<T>(1 - step.dampening) * d;
      d = step.nesterov ? d + static_cast<T>(step.momentum) * buf[i] : buf[i];
    }
    p[i] += static_cast<T>(-step.lr) * d;
  }
}

/// m, v (n) are the moments; vmax (n) is null unless amsgrad.
template <class T>
void adam(std::size_t n, AdamStep<T> const& step, T* p, T const* g, T* m, T* v, T* vmax) noexcept {
  T const root = static_cast<T>(scalar::sqrt(step.bias_correction2));
  T const size = static_cast<T>(-(step.lr / step.bias_correction1));
  T const weight = static_cast<T>(1 - step.beta1);
  for (std::size_t i = 0; i < n; ++i) {
    T d = step.maximize ? -g[i] : g[i];
    if (step.weight_decay != 0) {
      if (step.decoupled) {
        p[i] *= static_cast<T>(1 - step.lr * step.weight_decay);
      } else {
        d += static_cast<T>(step.weight_decay) * p[i];
      }
    }
    m[i] = weight < T(0.5) ? m[i] + weight * (d - m[i]) : d - (d - m[i]) * (T(1) - weight);
    v[i] = v[i] * static_cast<T>(step.beta2) + static_cast<T>(1 - step.beta2) * d * d;
    T second = v[i];
    if (step.amsgrad) {
      vmax[i] = vmax[i] < v[i] ? v[i] : vmax[i];
      second = vmax[i];
    }
    T const denominator = scalar::sqrt(second) / root + static_cast<T>(step.eps);
    p[i] += size * m[i] / denominator;
  }
}

/// square (n): running mean of squares; mean (n): null unless centered; buf (n): null if momentum is 0.
template <class T>
void rmsprop(std::size_t n, RmspropStep<T> const& step, T* p, T const* g, T* square, T* mean, T* buf) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    T d = step.maximize ? -g[i] : g[i];
    if (step.weight_decay != 0) d += static_cast<T>(step.weight_decay) * p[i];
    T const rest = static_cast<T>(1 - step.alpha);
    square[i] = square[i] * static_cast<T>(step.alpha) + rest * d * d;
    T variance = square[i];
    if (step.centered) {
      mean[i] = rest < T(0.5) ? mean[i] + rest * (d - mean[i]) : d - (d - mean[i]) * (T(1) - rest);
      variance -= mean[i] * mean[i];
    }
    T const denominator = scalar::sqrt(variance) + static_cast<T>(step.eps);
    if (step.momentum > 0) {
      buf[i] = buf[i] * static_cast<T>(step.momentum) + d / denominator;
      p[i] += static_cast<T>(-step.lr) * buf[i];
    } else {
      p[i] += static_cast<T>(-step.lr) * d / denominator;
    }
  }
}

/// sum (n): sum of squared gradients.
template <class T>
void adagrad(std::size_t n, AdagradStep<T> const& step, T* p, T const* g, T* sum) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    T d = step.maximize ? -g[i] : g[i];
    if (step.weight_decay != 0) d += static_cast<T>(step.weight_decay) * p[i];
    sum[i] += d * d;
    p[i] += static_cast<T>(-step.lr) * d / (scalar::sqrt(sum[i]) + static_cast<T>(step.eps));
  }
}

/// average += (1 - decay) * (p - average), an exponential moving average.
template <class T>
void ema(std::size_t n, double decay, T const* p, T* average) noexcept {
  T const rest = static_cast<T>(1 - decay);
  for (std::size_t i = 0; i < n; ++i) average[i] += rest * (p[i] - average[i]);
}

}  // namespace ashlar::kernels::reference
