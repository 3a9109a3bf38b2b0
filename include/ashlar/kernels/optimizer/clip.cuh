// kernels/optimizer/clip.cuh: the norm of gradients and their clipping, on the GPU.  SPDX-License-Identifier: BSL-1.0
//
// One read of the gradients for the norm (reduce/fold.cuh). One thread makes the factor of it, which stays on the
// device: nobody waits. The pass that scales looks at the factor, and reads and writes nothing where that is 1 or more:
// 4 bytes an element if nothing is clipped, 12 if it is, all of it bandwidth, and two launches more.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/reduce/cuda.cuh>
#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// The larger; a NaN if there is one.
ASHLAR_DEVICE_INLINE double larger_norm(double a, double b) { return a >= b || a != a ? a : b; }

template <class T>
struct PowerSum {
  using Value = double;
  T const* x;
  double p;
  ASHLAR_DEVICE double none() const { return 0; }
  ASHLAR_DEVICE double take(double a, std::size_t i) const {
    double const v = scalar::abs(static_cast<double>(x[i]));
    return a + (p == 1 ? v : scalar::pow(v, p));
  }
  ASHLAR_DEVICE double join(double a, double b) const { return a + b; }
};

template <class T>
struct LargestMagnitude {
  using Value = double;
  T const* x;
  ASHLAR_DEVICE double none() const { return 0; }
  ASHLAR_DEVICE double take(double a, std::size_t i) const {
    return larger_norm(a, scalar::abs(static_cast<double>(x[i])));
  }
  ASHLAR_DEVICE double join(double a, double b) const { return larger_norm(a, b); }
};

/// The norm of all blocks, and what scales it to max_norm.
struct NormOfSums {
  static constexpr unsigned threads = 32;
  using Shared = device::None;
  using Local = device::None;

  double const* sums;
  std::size_t count;
  double p;
  double max_norm;
  double* norm;
  double* factor;  // or null

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    block.last([&](auto& t, Shared&, Local&) {
      if (t.index != 0) return;
      bool const largest = scalar::isinf(p);
      double total = 0;
      for (std::size_t i = 0; i < count; ++i) total = largest ? larger_norm(total, sums[i]) : total + sums[i];
      if (p == 2) total = scalar::sqrt(total);
      else if (p != 1 && !largest) total = scalar::pow(total, 1 / p);
      *norm = total;
      if (factor != nullptr) *factor = max_norm / (total + 1e-6);
    });
  }
};

template <class T>
struct ScaleDown {
  double const* factor;
  T* x;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    double const by = *factor;
    if (by >= 1) return;
    auto v = device::load<N>(x + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) v.v[j] *= static_cast<T>(by);
    device::store(x + i, v);
  }
};

template <class T>
struct ClipValue {
  T most;
  T* x;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto v = device::load<N>(x + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) v.v[j] = v.v[j] > most ? most : v.v[j] < -most ? -most : v.v[j];
    device::store(x + i, v);
  }
};

}  // namespace detail

/// *out = sum of |x[i]|^p in double or, if p is infinite, the largest |x[i]|; NaN if there is one. parts: device memory
/// for fold_parts(n) values; null: the launcher's workspace is used.
template <class T, class Launcher>
void power_sum(Launcher& launcher, std::size_t n, T const* x, double p, double* out, double* parts = nullptr) {
  detail::StoreValue<double> const store{out};
  if (p == 2) fold(launcher, n, detail::SumOfSquares<T>{x}, store, parts);
  else if (scalar::isinf(p)) fold(launcher, n, detail::LargestMagnitude<T>{x}, store, parts);
  else fold(launcher, n, detail::PowerSum<T>{x, p}, store, parts);
}

/// *norm = the p-norm of blocks from their power_sum, sums (count). *factor = max_norm / (*norm + 1e-6), if factor is
/// not null.
template <class Launcher>
void norm_of_sums(Launcher& launcher, std::size_t count, double const* sums, double p, double max_norm, double* norm,
                  double* factor) {
  launcher.launch({}, detail::NormOfSums{sums, count, p, max_norm, norm, factor});
}

/// x *= *factor, unless that is 1 or more; x (n).
template <class T, class Launcher>
void scale_down(Launcher& launcher, std::size_t n, double const* factor, T* x) {
  device::for_each(launcher, n, detail::ScaleDown<T>{factor, x}, x);
}

/// Each of x (n) into [-most, most]; NaN stays NaN.
template <class T, class Launcher>
void clip_value(Launcher& launcher, std::size_t n, T most, T* x) {
  device::for_each(launcher, n, detail::ClipValue<T>{most, x}, x);
}

}  // namespace ashlar::kernels::cuda
