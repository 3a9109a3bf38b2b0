// kernels/linear/cuda.cuh: y = x * transpose(weight) + bias and its pullbacks on the GPU, and on its executors.
// Must agree with reference.hpp; tests/kernels/cuda_linear_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// gemm/cuda.cuh has the roofline and the order of sums: that of reference.hpp, but for the gradients of parameters,
// which many rows split, and, where In is 128 or more, for up to four rows (few_rows.cuh). The kernels of pullbacks
// take sizes at run time: all layers share them, which is worth more to who compiles a network than 10 % of their time.
#pragma once

#include <ashlar/kernels/gemm/cuda.cuh>
#include <ashlar/kernels/linear/few_rows.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/reduce/rows.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// y = act(x * transpose(weight) + bias): x (rows, In), weight (Out, In), bias (Out) or null -> y (rows, Out).
///
/// Before  y overlaps no input. All are device pointers.
template <std::size_t In, std::size_t Out, class T, class Act = Identity, class Launcher>
void linear(Launcher& launcher, std::size_t rows, T const* x, T const* weight, T const* bias, T* y) {
  if constexpr (In >= 128) {
    if (rows != 0 && rows <= detail::few_rows) {
      device::Grid const grid{device::ceil_div(Out, 8)};
      return launcher.launch(
          grid, detail::LinearOfFewRows<In, Out, T, Act>{static_cast<unsigned>(rows), x, weight, bias, y, Act{}});
    }
  }
  gemm<false, false, Out, In>(launcher, rows, Out, In, x, In, weight, In, bias, 0, y, Out, Act{});
}

/// dx += dy * weight: dy (rows, Out), weight (Out, In) -> dx (rows, In).
template <std::size_t In, std::size_t Out, class T, class Launcher>
void linear_backward_input(Launcher& launcher, std::size_t rows, T const* dy, T const* weight, T* dx) {
  gemm<false, true, at_run_time, at_run_time>(launcher, rows, In, Out, dy, Out, weight, In, dx, In, dx, In, Identity{});
}

/// dweight += transpose(dy) * x, dbias += column sums of dy: x (rows, In), dy (rows, Out). dbias may be null.
template <std::size_t In, std::size_t Out, class T, class Launcher>
void linear_backward_parameters(Launcher& launcher, std::size_t rows, T const* x, T const* dy, T* dweight, T* dbias) {
  gemm_accumulate<true, true, at_run_time>(launcher, Out, In, rows, dy, Out, x, In, dweight);
  if (dbias != nullptr) add_rows(launcher, rows, Out, dy, dbias);
}

}  // namespace ashlar::kernels::cuda
