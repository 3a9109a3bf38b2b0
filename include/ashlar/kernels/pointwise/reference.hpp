// kernels/pointwise/reference.hpp: elementwise loops over a functor of ops.hpp and binary arithmetic,
// the oracle of cpu.hpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/ops.hpp>

#include <cstddef>

namespace ashlar::kernels::reference {

/// y[i] = op(x[i]); y may be x.
template <class Op, class T>
void map(Op const& op, std::size_t n, T const* x, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = op(x[i]);
}

/// dx[i] += dy[i] * op.derivative(x[i], y[i]).
template <class Op, class T>
void map_pullback(Op const& op, std::size_t n, T const* x, T const* y, T const* dy, T* dx) noexcept {
  for (std::size_t i = 0; i < n; ++i) dx[i] += dy[i] * op.derivative(x[i], y[i]);
}

template <class T>
void add(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

template <class T>
void sub(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] - b[i];
}

template <class T>
void mul(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
}

template <class T>
void div(std::size_t n, T const* a, T const* b, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] / b[i];
}

}  // namespace ashlar::kernels::reference
