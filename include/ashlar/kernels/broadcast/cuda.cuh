// kernels/broadcast/cuda.cuh: binary arithmetic where one operand is repeated, on the GPU.
// SPDX-License-Identifier: BSL-1.0
//
// Bandwidth is the limit, and the repeated operand comes from cache: device/elementwise.cuh has the roofline. An index
// is taken modulo the operand's size, one division an element, which hides behind the loads.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

struct Add {
  template <class T>
  ASHLAR_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
struct Sub {
  template <class T>
  ASHLAR_DEVICE T operator()(T a, T b) const {
    return a - b;
  }
};
struct Mul {
  template <class T>
  ASHLAR_DEVICE T operator()(T a, T b) const {
    return a * b;
  }
};
struct Div {
  template <class T>
  ASHLAR_DEVICE T operator()(T a, T b) const {
    return a / b;
  }
};

namespace detail {

template <class Op, class T>
struct Repeated {
  Op op;
  T const* a;
  std::size_t na;
  T const* b;
  std::size_t nb;
  T* y;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t i = first; i < first + N; ++i) y[i] = op(a[i % na], b[i % nb]);
  }
};

template <class T>
struct AddShare {
  T const* from;
  T by;
  T* out;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t i = first; i < first + N; ++i) out[i] += *from / by;
  }
};

}  // namespace detail

/// y[i] = op(a[i % na], b[i % nb]); y (n) may be an operand that is not repeated.
template <class Op, class T, class Launcher>
void repeated(Launcher& launcher, Op const& op, std::size_t n, T const* a, std::size_t na, T const* b, std::size_t nb,
              T* y) {
  device::for_each(launcher, n, detail::Repeated<Op, T>{op, a, na, b, nb, y}, a, b, y);
}

/// out[i] += *from / by: the pullback of a sum, or of a mean over `by` elements.
template <class T, class Launcher>
void add_share(Launcher& launcher, std::size_t n, T const* from, T by, T* out) {
  device::for_each(launcher, n, detail::AddShare<T>{from, by, out}, out);
}

}  // namespace ashlar::kernels::cuda
