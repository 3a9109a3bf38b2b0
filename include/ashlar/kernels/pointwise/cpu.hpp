// kernels/pointwise/cpu.hpp: elementwise functions, their pullbacks and binary arithmetic on the host.
// Every element is computed alike wherever it stands, so callers may split n anywhere.
// Outputs may be one of the inputs, but may not overlap one otherwise.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/pointwise/reference.hpp>

#include <ashlar/kernels/simd/simd.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#define ASHLAR_BODY <ashlar/kernels/pointwise/body.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// y[i] = op(x[i]). Functors without a vector form, and double where only float has one, go element by element.
template <class Op, class T>
void map(Op const& op, std::size_t n, T const* x, T* y) noexcept {
  ASHLAR_DISPATCH(map(op, n, x, y));
}

/// dx[i] += dy[i] * op.derivative(x[i], y[i]).
template <class Op, class T>
void map_pullback(Op const& op, std::size_t n, T const* x, T const* y, T const* dy, T* dx) noexcept {
  ASHLAR_DISPATCH(map_pullback(op, n, x, y, dy, dx));
}

/// y = a + b.
template <class T>
void add(std::size_t n, T const* a, T const* b, T* y) noexcept {
  ASHLAR_DISPATCH(zip_add(n, a, b, a, T(0), y));
}

/// y = a - b.
template <class T>
void sub(std::size_t n, T const* a, T const* b, T* y) noexcept {
  ASHLAR_DISPATCH(zip_sub(n, a, b, a, T(0), y));
}

/// y = a * b.
template <class T>
void mul(std::size_t n, T const* a, T const* b, T* y) noexcept {
  ASHLAR_DISPATCH(zip_mul(n, a, b, a, T(0), y));
}

/// y = a / b.
template <class T>
void div(std::size_t n, T const* a, T const* b, T* y) noexcept {
  ASHLAR_DISPATCH(zip_div(n, a, b, a, T(0), y));
}

/// y = a + s.
template <class T>
void add_scalar(std::size_t n, T const* a, T s, T* y) noexcept {
  ASHLAR_DISPATCH(zip_add_scalar(n, a, a, a, s, y));
}

/// y = a * s.
template <class T>
void mul_scalar(std::size_t n, T const* a, T s, T* y) noexcept {
  ASHLAR_DISPATCH(zip_mul_scalar(n, a, a, a, s, y));
}

/// y = s - a.
template <class T>
void scalar_sub(std::size_t n, T s, T const* a, T* y) noexcept {
  ASHLAR_DISPATCH(zip_scalar_sub(n, a, a, a, s, y));
}

/// y = a / s.
template <class T>
void div_scalar(std::size_t n, T const* a, T s, T* y) noexcept {
  ASHLAR_DISPATCH(zip_div_scalar(n, a, a, a, s, y));
}

/// y = s / a.
template <class T>
void scalar_div(std::size_t n, T s, T const* a, T* y) noexcept {
  ASHLAR_DISPATCH(zip_scalar_div(n, a, a, a, s, y));
}

/// da += dy, the pullback of add for each operand.
template <class T>
void accumulate(std::size_t n, T const* dy, T* da) noexcept {
  ASHLAR_DISPATCH(zip_add(n, dy, da, da, T(0), da));
}

/// y += s * x.
template <class T>
void axpy(std::size_t n, T s, T const* x, T* y) noexcept {
  ASHLAR_DISPATCH(zip_axpy(n, x, y, y, s, y));
}

/// da += dy * b, the pullback of mul for a.
template <class T>
void mul_pullback(std::size_t n, T const* dy, T const* b, T* da) noexcept {
  ASHLAR_DISPATCH(zip_mul_add(n, dy, b, da, T(0), da));
}

/// da += dy / b, the pullback of div for a.
template <class T>
void div_pullback_a(std::size_t n, T const* dy, T const* b, T* da) noexcept {
  ASHLAR_DISPATCH(zip_div_add(n, dy, b, da, T(0), da));
}

/// db += -dy * y / b, the pullback of y = a / b for b.
template <class T>
void div_pullback_b(std::size_t n, T const* dy, T const* b, T const* y, T* db) noexcept {
  for (std::size_t i = 0; i < n; ++i) db[i] += -dy[i] * (y[i] / b[i]);
}

/// x *= s, gradient scaling.
template <class T>
void scale(std::size_t n, T s, T* x) noexcept {
  ASHLAR_DISPATCH(zip_mul_scalar(n, x, x, x, s, x));
}

/// x = value.
template <class T>
void fill(std::size_t n, T value, T* x) noexcept {
  ASHLAR_DISPATCH(zip_fill(n, x, x, x, value, x));
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
