// kernels/pointwise/cpu.hpp: elementwise functions, their pullbacks and binary arithmetic on the host.
// Every element is computed alike wherever it stands, so callers may split n anywhere.
// Outputs may be one of the inputs, but may not overlap one otherwise.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/pointwise/reference.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// y[i] = op(x[i]).
template <class Op, class T>
void map(Op const& op, std::size_t n, T const* x, T* y) noexcept {
  reference::map(op, n, x, y);
}

/// dx[i] += dy[i] * op.derivative(x[i], y[i]).
template <class Op, class T>
void map_pullback(Op const& op, std::size_t n, T const* x, T const* y, T const* dy, T* dx) noexcept {
  reference::map_pullback(op, n, x, y, dy, dx);
}

/// y = a + b.
template <class T>
void add(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

/// y = a - b.
template <class T>
void sub(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] - b[i];
}

/// y = a * b.
template <class T>
void mul(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
}

/// y = a / b.
template <class T>
void div(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] / b[i];
}

/// y = a + s.
template <class T>
void add_scalar(std::size_t n, T const* a, T s, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] + s;
}

/// y = a * s.
template <class T>
void mul_scalar(std::size_t n, T const* a, T s, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] * s;
}

/// y = s - a.
template <class T>
void scalar_sub(std::size_t n, T s, T const* a, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = s - a[i];
}

/// y = a / s.
template <class T>
void div_scalar(std::size_t n, T const* a, T s, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] / s;
}

/// y = s / a.
template <class T>
void scalar_div(std::size_t n, T s, T const* a, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = s / a[i];
}

/// da += dy, the pullback of add for each operand.
template <class T>
void accumulate(std::size_t n, T const* dy, T* da) noexcept {
  for (std::size_t i = 0; i < n; ++i) da[i] += dy[i];
}

/// y += s * x.
template <class T>
void axpy(std::size_t n, T s, T const* x, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] += s * x[i];
}

/// da += dy * b, the pullback of mul for a.
template <class T>
void mul_pullback(std::size_t n, T const* dy, T const* b, T* da) noexcept {
  for (std::size_t i = 0; i < n; ++i) da[i] += dy[i] * b[i];
}

/// da += dy / b, the pullback of div for a.
template <class T>
void div_pullback_a(std::size_t n, T const* dy, T const* b, T* da) noexcept {
  for (std::size_t i = 0; i < n; ++i) da[i] += dy[i] / b[i];
}

/// db += -dy * y / b, the pullback of y = a / b for b.
template <class T>
void div_pullback_b(std::size_t n, T const* dy, T const* b, T const* y, T* db) noexcept {
  for (std::size_t i = 0; i < n; ++i) db[i] += -dy[i] * (y[i] / b[i]);
}

/// x *= s, gradient scaling.
template <class T>
void scale(std::size_t n, T s, T* x) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] *= s;
}

template <class T>
void fill(std::size_t n, T value, T* x) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = value;
}

}  // namespace ashlar::kernels
