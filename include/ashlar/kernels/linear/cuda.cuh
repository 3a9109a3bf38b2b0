// kernels/linear/cuda.cuh: y = x * transpose(weight) + bias and its pullbacks on the GPU, and on its executors.
// Must agree with reference.hpp; tests/kernels/cuda_linear_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Every sum has the order of reference.hpp: see gemm/cuda.cuh, which also has the roofline.
#pragma once

#include <ashlar/kernels/gemm/cuda.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/reduce/rows.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// y = act(x * transpose(weight) + bias): x (rows, In), weight (Out, In), bias (Out) or null -> y (rows, Out).
///
/// Before  y overlaps no input. All are device pointers.
template <std::size_t In, std::size_t Out, class T, class Act = Identity, class Launcher>
void linear(Launcher& launcher, std::size_t rows, T const* x, T const* weight, T const* bias, T* y) {
  gemm<false, false, Out, In>(launcher, rows, Out, In, x, In, weight, In, bias, 0, y, Out, Act{});
}

/// dx += dy * weight: dy (rows, Out), weight (Out, In) -> dx (rows, In).
template <std::size_t In, std::size_t Out, class T, class Launcher>
void linear_backward_input(Launcher& launcher, std::size_t rows, T const* dy, T const* weight, T* dx) {
  gemm<false, true, In, Out>(launcher, rows, In, Out, dy, Out, weight, In, dx, In, dx, In, Identity{});
}

/// dweight += transpose(dy) * x, dbias += column sums of dy: x (rows, In), dy (rows, Out). dbias may be null.
template <std::size_t In, std::size_t Out, class T, class Launcher>
void linear_backward_parameters(Launcher& launcher, std::size_t rows, T const* x, T const* dy, T* dweight, T* dbias) {
  gemm<true, true, In, at_run_time>(launcher, Out, In, rows, dy, Out, x, In, dweight, In, dweight, In, Identity{});
  if (dbias != nullptr) add_rows(launcher, rows, Out, dy, dbias);
}

}  // namespace ashlar::kernels::cuda
