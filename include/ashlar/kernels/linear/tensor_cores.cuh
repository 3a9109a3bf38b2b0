// kernels/linear/tensor_cores.cuh: linear and its pullbacks by tensor cores, for those who ask for it.
// SPDX-License-Identifier: BSL-1.0
//
// Arguments, shapes and meaning are those of linear/cuda.cuh. Numbers are rounded: see gemm/tensor_cores.cuh. PyTorch's
// torch.backends.cuda.matmul.allow_tf32 is off by default for the same reason.
#pragma once

#include <ashlar/kernels/gemm/tensor_cores.cuh>
#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/reduce/rows.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

template <TensorCores Kind, std::size_t In, std::size_t Out, class Act = Identity, class Launcher>
void linear(Launcher& launcher, std::size_t rows, float const* x, float const* weight, float const* bias, float* y) {
  tensor_gemm<Kind, false, false>(launcher, rows, Out, In, x, In, weight, In, bias, 0, y, Out, Act{});
}

template <TensorCores Kind, std::size_t In, std::size_t Out, class Launcher>
void linear_backward_input(Launcher& launcher, std::size_t rows, float const* dy, float const* weight, float* dx) {
  tensor_gemm<Kind, false, true>(launcher, rows, In, Out, dy, Out, weight, In, dx, In, dx, In, Identity{});
}

template <TensorCores Kind, std::size_t In, std::size_t Out, class Launcher>
void linear_backward_parameters(Launcher& launcher, std::size_t rows, float const* x, float const* dy, float* dweight,
                                float* dbias) {
  tensor_gemm<Kind, true, true>(launcher, Out, In, rows, dy, Out, x, In, dweight, In, dweight, In, Identity{});
  if (dbias != nullptr) add_rows(launcher, rows, Out, dy, dbias);
}

}  // namespace ashlar::kernels::cuda
