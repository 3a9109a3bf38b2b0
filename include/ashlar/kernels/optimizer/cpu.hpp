// kernels/optimizer/cpu.hpp: optimizer updates in one pass over a flat block, on the host.
// Elements are independent and computed alike: callers may split n anywhere.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/optimizer/steps.hpp>
#include <ashlar/kernels/scalar_math.hpp>
#include <ashlar/kernels/simd/simd.hpp>

#include <cstddef>

#define ASHLAR_BODY <ashlar/kernels/optimizer/body.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// p (n) is updated from g (n); buf (n) is the momentum buffer, null if momentum is 0.
template <class T>
void sgd(std::size_t n, SgdStep<T> const& step, T* p, T const* g, T* buf) noexcept {
  ASHLAR_DISPATCH(sgd(n, step, p, g, buf));
}

/// m, v (n) are the moments; vmax (n) is null unless amsgrad.
template <class T>
void adam(std::size_t n, AdamStep<T> const& step, T* p, T const* g, T* m, T* v, T* vmax) noexcept {
  ASHLAR_DISPATCH(adam(n, step, p, g, m, v, vmax));
}

/// square (n): running mean of squares; mean (n): null unless centered; buf (n): null if momentum is 0.
template <class T>
void rmsprop(std::size_t n, RmspropStep<T> const& step, T* p, T const* g, T* square, T* mean, T* buf) noexcept {
  ASHLAR_DISPATCH(rmsprop(n, step, p, g, square, mean, buf));
}

/// sum (n): sum of squared gradients.
template <class T>
void adagrad(std::size_t n, AdagradStep<T> const& step, T* p, T const* g, T* sum) noexcept {
  ASHLAR_DISPATCH(adagrad(n, step, p, g, sum));
}

/// average += (1 - decay) * (p - average), an exponential moving average.
template <class T>
void ema(std::size_t n, double decay, T const* p, T* average) noexcept {
  ASHLAR_DISPATCH(ema(n, static_cast<T>(1 - decay), p, average));
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
