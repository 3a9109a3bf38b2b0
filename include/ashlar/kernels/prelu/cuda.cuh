// kernels/prelu/cuda.cuh: a leaky ReLU whose slope is learned, on the GPU.  SPDX-License-Identifier: BSL-1.0
//
// Bandwidth (device/elementwise.cuh): 8 bytes an element forward, 16 for dx and 8 more for the sums of dslope, which
// run in double and in an order fixed by the sizes (reduce/channels.cuh).
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/reduce/channels.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

template <class T>
struct Prelu {
  std::size_t channels;
  std::size_t inner;
  T const* x;
  T const* slope;
  T const* dy;  // null: forward
  T* out;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto v = device::load<N>(x + i);
    device::Pack<T, N> d{};
    device::Pack<T, N> result{};
    if (dy != nullptr) {
      d = device::load<N>(dy + i);
      result = device::load<N>(out + i);
    }
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      T const w = v.v[j] > T(0) ? T(1) : slope[divide(divide(i + j, inner).quotient, channels).rest];
      result.v[j] = dy != nullptr ? result.v[j] + w * d.v[j] : w * v.v[j];
    }
    device::store(out + i, result);
  }
};

template <class T>
struct PreluSlopeTerm {
  T const* x;
  T const* dy;
  ASHLAR_DEVICE double operator()(std::size_t at, std::size_t) const {
    return x[at] > T(0) ? 0.0 : static_cast<double>(x[at]) * static_cast<double>(dy[at]);
  }
};

}  // namespace detail

/// y = x where x > 0, else slope[c] * x: x, y (outer, channels, inner), slope (channels).
template <class T, class Launcher>
void prelu(Launcher& launcher, std::size_t outer, std::size_t channels, std::size_t inner, T const* x, T const* slope,
           T* y) {
  device::for_each(launcher, outer * channels * inner, detail::Prelu<T>{channels, inner, x, slope, nullptr, y}, x, y);
}

/// dx and dslope are added to; either may be null.
template <class T, class Launcher>
void prelu_pullback(Launcher& launcher, std::size_t outer, std::size_t channels, std::size_t inner, T const* x,
                    T const* slope, T const* dy, T* dx, T* dslope) {
  if (dx != nullptr) {
    device::for_each(launcher, outer * channels * inner, detail::Prelu<T>{channels, inner, x, slope, dy, dx}, x, dy,
                     dx);
  }
  if (dslope != nullptr) {
    sum_channels(launcher, Planes{outer, channels, inner}, detail::PreluSlopeTerm<T>{x, dy}, AddToChannel<T>{dslope});
  }
}

}  // namespace ashlar::kernels::cuda
