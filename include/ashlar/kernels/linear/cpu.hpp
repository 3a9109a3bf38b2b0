// kernels/linear/cpu.hpp: y = x * transpose(weight) + bias and its pullbacks on the host, one thread.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/linear/reference.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// y = x * transpose(weight) + bias: x (rows, In), weight (Out, In), bias (Out) or null -> y (rows, Out).
template <std::size_t In, std::size_t Out, class T>
void linear(std::size_t rows, T const* x, T const* weight, T const* bias, T* y) noexcept {
  reference::linear<In, Out>(rows, x, weight, bias, y);
}

/// dx += dy * weight: dy (rows, Out), weight (Out, In) -> dx (rows, In).
template <std::size_t In, std::size_t Out, class T>
void linear_backward_input(std::size_t rows, T const* dy, T const* weight, T* dx) noexcept {
  reference::linear_backward_input<In, Out>(rows, dy, weight, dx);
}

/// dweight += transpose(dy) * x, dbias += column sums of dy: x (rows, In), dy (rows, Out). dbias may be null.
template <std::size_t In, std::size_t Out, class T>
void linear_backward_parameters(std::size_t rows, T const* x, T const* dy, T* dweight, T* dbias) noexcept {
  reference::linear_backward_parameters<In, Out>(rows, x, dy, dweight, dbias);
}

}  // namespace ashlar::kernels
