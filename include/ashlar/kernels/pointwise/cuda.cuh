// kernels/pointwise/cuda.cuh: elementwise functions, their pullbacks and binary arithmetic on the GPU.
// Every element is computed alike wherever it stands. Outputs may be one of the inputs, but may not overlap one
// otherwise. SPDX-License-Identifier: BSL-1.0
//
// device/elementwise.cuh has the roofline: bandwidth. A functor's operators are marked ASHLAR_HOST_DEVICE.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

template <class Op, class T>
struct Map {
  Op op;
  T const* x;
  T* y;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto v = device::load<N>(x + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) v.v[j] = op(v.v[j]);
    device::store(y + i, v);
  }
};

template <class Op, class T>
struct MapPullback {
  Op op;
  T const* x;
  T const* y;
  T const* dy;
  T* dx;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto const a = device::load<N>(x + i);
    auto const b = device::load<N>(y + i);
    auto const d = device::load<N>(dy + i);
    auto out = device::load<N>(dx + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) out.v[j] += d.v[j] * op.derivative(a.v[j], b.v[j]);
    device::store(dx + i, out);
  }
};

/// y[i] = Op{}(a[i], b[i], c[i], s). Where Op needs fewer of them, the others are null and not read.
template <class Op, class T>
struct Zip {
  T const* a;
  T const* b;
  T const* c;
  T s;
  T* y;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    device::Pack<T, N> va{}, vb{}, vc{};
    if constexpr (Op::inputs > 0) va = device::load<N>(a + i);
    if constexpr (Op::inputs > 1) vb = device::load<N>(b + i);
    if constexpr (Op::inputs > 2) vc = device::load<N>(c + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) va.v[j] = Op{}(va.v[j], vb.v[j], vc.v[j], s);
    device::store(y + i, va);
  }
};

// ASHLAR_CUDA_ZIP(Name, how many of a, b and c it reads, expression)
#define ASHLAR_CUDA_ZIP(Name, count, expression)                                                 \
  struct Name {                                                                                  \
    static constexpr unsigned inputs = count;                                                    \
    template <class T>                                                                           \
    ASHLAR_DEVICE T operator()([[maybe_unused]] T a, [[maybe_unused]] T b, [[maybe_unused]] T c, \
                               [[maybe_unused]] T s) const {                                     \
      return expression;                                                                         \
    }                                                                                            \
  };
ASHLAR_CUDA_ZIP(ZipFill, 0, s)
ASHLAR_CUDA_ZIP(ZipAdd, 2, a + b)
ASHLAR_CUDA_ZIP(ZipSub, 2, a - b)
ASHLAR_CUDA_ZIP(ZipMul, 2, a* b)
ASHLAR_CUDA_ZIP(ZipDiv, 2, a / b)
ASHLAR_CUDA_ZIP(ZipAddScalar, 1, a + s)
ASHLAR_CUDA_ZIP(ZipMulScalar, 1, a* s)
ASHLAR_CUDA_ZIP(ZipScalarSub, 1, s - a)
ASHLAR_CUDA_ZIP(ZipDivScalar, 1, a / s)
ASHLAR_CUDA_ZIP(ZipScalarDiv, 1, s / a)
ASHLAR_CUDA_ZIP(ZipAxpy, 2, s* a + b)
ASHLAR_CUDA_ZIP(ZipMulAdd, 3, a* b + c)
ASHLAR_CUDA_ZIP(ZipDivAdd, 3, c + a / b)
#undef ASHLAR_CUDA_ZIP

/// db += -dy * (y / b)
template <class T>
struct DivPullbackB {
  T const* dy;
  T const* b;
  T const* y;
  T* db;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto const d = device::load<N>(dy + i);
    auto const v = device::load<N>(b + i);
    auto const q = device::load<N>(y + i);
    auto out = device::load<N>(db + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) out.v[j] += -d.v[j] * (q.v[j] / v.v[j]);
    device::store(db + i, out);
  }
};

template <class Op, class Launcher, class T>
void zip(Launcher& launcher, std::size_t n, T const* a, T const* b, T const* c, T s, T* y) {
  device::for_each(launcher, n, Zip<Op, T>{a, b, c, s, y}, a, b, c, y);
}

}  // namespace detail

/// y[i] = op(x[i]).
template <class Op, class T, class Launcher>
void map(Launcher& launcher, Op const& op, std::size_t n, T const* x, T* y) {
  device::for_each(launcher, n, detail::Map<Op, T>{op, x, y}, x, y);
}

/// dx[i] += dy[i] * op.derivative(x[i], y[i]).
template <class Op, class T, class Launcher>
void map_pullback(Launcher& launcher, Op const& op, std::size_t n, T const* x, T const* y, T const* dy, T* dx) {
  device::for_each(launcher, n, detail::MapPullback<Op, T>{op, x, y, dy, dx}, x, y, dy, dx);
}

/// y = a + b.
template <class T, class Launcher>
void add(Launcher& launcher, std::size_t n, T const* a, T const* b, T* y) {
  detail::zip<detail::ZipAdd, Launcher, T>(launcher, n, a, b, nullptr, T(0), y);
}

/// y = a - b.
template <class T, class Launcher>
void sub(Launcher& launcher, std::size_t n, T const* a, T const* b, T* y) {
  detail::zip<detail::ZipSub, Launcher, T>(launcher, n, a, b, nullptr, T(0), y);
}

/// y = a * b.
template <class T, class Launcher>
void mul(Launcher& launcher, std::size_t n, T const* a, T const* b, T* y) {
  detail::zip<detail::ZipMul, Launcher, T>(launcher, n, a, b, nullptr, T(0), y);
}

/// y = a / b.
template <class T, class Launcher>
void div(Launcher& launcher, std::size_t n, T const* a, T const* b, T* y) {
  detail::zip<detail::ZipDiv, Launcher, T>(launcher, n, a, b, nullptr, T(0), y);
}

/// y = a + s.
template <class T, class Launcher>
void add_scalar(Launcher& launcher, std::size_t n, T const* a, T s, T* y) {
  detail::zip<detail::ZipAddScalar, Launcher, T>(launcher, n, a, nullptr, nullptr, s, y);
}

/// y = a * s.
template <class T, class Launcher>
void mul_scalar(Launcher& launcher, std::size_t n, T const* a, T s, T* y) {
  detail::zip<detail::ZipMulScalar, Launcher, T>(launcher, n, a, nullptr, nullptr, s, y);
}

/// y = s - a.
template <class T, class Launcher>
void scalar_sub(Launcher& launcher, std::size_t n, T s, T const* a, T* y) {
  detail::zip<detail::ZipScalarSub, Launcher, T>(launcher, n, a, nullptr, nullptr, s, y);
}

/// y = a / s.
template <class T, class Launcher>
void div_scalar(Launcher& launcher, std::size_t n, T const* a, T s, T* y) {
  detail::zip<detail::ZipDivScalar, Launcher, T>(launcher, n, a, nullptr, nullptr, s, y);
}

/// y = s / a.
template <class T, class Launcher>
void scalar_div(Launcher& launcher, std::size_t n, T s, T const* a, T* y) {
  detail::zip<detail::ZipScalarDiv, Launcher, T>(launcher, n, a, nullptr, nullptr, s, y);
}

/// da += dy, the pullback of add for each operand.
template <class T, class Launcher>
void accumulate(Launcher& launcher, std::size_t n, T const* dy, T* da) {
  detail::zip<detail::ZipAdd, Launcher, T>(launcher, n, dy, da, nullptr, T(0), da);
}

/// y += s * x.
template <class T, class Launcher>
void axpy(Launcher& launcher, std::size_t n, T s, T const* x, T* y) {
  detail::zip<detail::ZipAxpy, Launcher, T>(launcher, n, x, y, nullptr, s, y);
}

/// da += dy * b, the pullback of mul for a.
template <class T, class Launcher>
void mul_pullback(Launcher& launcher, std::size_t n, T const* dy, T const* b, T* da) {
  detail::zip<detail::ZipMulAdd, Launcher, T>(launcher, n, dy, b, da, T(0), da);
}

/// da += dy / b, the pullback of div for a.
template <class T, class Launcher>
void div_pullback_a(Launcher& launcher, std::size_t n, T const* dy, T const* b, T* da) {
  detail::zip<detail::ZipDivAdd, Launcher, T>(launcher, n, dy, b, da, T(0), da);
}

/// db += -dy * y / b, the pullback of y = a / b for b.
template <class T, class Launcher>
void div_pullback_b(Launcher& launcher, std::size_t n, T const* dy, T const* b, T const* y, T* db) {
  device::for_each(launcher, n, detail::DivPullbackB<T>{dy, b, y, db}, dy, b, y, db);
}

/// x *= s, gradient scaling.
template <class T, class Launcher>
void scale(Launcher& launcher, std::size_t n, T s, T* x) {
  detail::zip<detail::ZipMulScalar, Launcher, T>(launcher, n, x, nullptr, nullptr, s, x);
}

/// x = value.
template <class T, class Launcher>
void fill(Launcher& launcher, std::size_t n, T value, T* x) {
  detail::zip<detail::ZipFill, Launcher, T>(launcher, n, nullptr, nullptr, nullptr, value, x);
}

}  // namespace ashlar::kernels::cuda
