// kernels/optimizer/cpu.hpp: optimizer updates in one pass over a flat block, on the host.
// Elements are independent and computed alike: callers may split n anywhere.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/optimizer/reference.hpp>
#include <ashlar/kernels/optimizer/steps.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// p (n) is updated from g (n); buf (n) is the momentum buffer, null if momentum is 0.
template <class T>
void sgd(std::size_t n, SgdStep<T> const& step, T* p, T const* g, T* buf) noexcept {
  reference::sgd(n, step, p, g, buf);
}

/// m, v (n) are the moments; vmax (n) is null unless amsgrad.
template <class T>
void adam(std::size_t n, AdamStep<T> const& step, T* p, T const* g, T* m, T* v, T* vmax) noexcept {
  reference::adam(n, step, p, g, m, v, vmax);
}

/// square (n): running mean of squares; mean (n): null unless centered; buf (n): null if momentum is 0.
template <class T>
void rmsprop(std::size_t n, RmspropStep<T> const& step, T* p, T const* g, T* square, T* mean, T* buf) noexcept {
  reference::rmsprop(n, step, p, g, square, mean, buf);
}

/// sum (n): sum of squared gradients.
template <class T>
void adagrad(std::size_t n, AdagradStep<T> const& step, T* p, T const* g, T* sum) noexcept {
  reference::adagrad(n, step, p, g, sum);
}

/// average += (1 - decay) * (p - average), an exponential moving average.
template <class T>
void ema(std::size_t n, double decay, T const* p, T* average) noexcept {
  reference::ema(n, decay, p, average);
}

}  // namespace ashlar::kernels
