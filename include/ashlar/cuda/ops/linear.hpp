// Ashlar: Linear on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/linear/cuda.cuh>
#include <ashlar/kernels/reduce/rows.cuh>
#include <ashlar/nn/linear.hpp>

#include <cstddef>

namespace ashlar::detail {

template <std::size_t In, std::size_t Out, class T, class Act>
struct DeviceOp<LinearOp<In, Out, T, Act>> {
  LinearOp<In, Out, T, Act> op;

  template <class Y, class X, class W>
  void forward(CudaLauncher& on, Y y, X x, W weight) const {
    kernels::cuda::linear<In, Out, T, Act>(on, y.numel() / Out, x.data(), weight.data(), nullptr, y.data());
  }
  template <class Y, class X, class W, class B>
  void forward(CudaLauncher& on, Y y, X x, W weight, B bias) const {
    kernels::cuda::linear<In, Out, T, Act>(on, y.numel() / Out, x.data(), weight.data(), bias.data(), y.data());
  }
  template <class Y, class X, class W, class... B>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, W const& weight, B const&... bias) const {
    std::size_t const rows = dy.numel() / Out;
    T* dbias = nullptr;
    ((dbias = bias.grad), ...);
    if (weight.grad != nullptr) {
      kernels::cuda::linear_backward_parameters<In, Out, T>(on, rows, x.data(), dy.data(), weight.grad, dbias);
    } else if (dbias != nullptr) {
      kernels::cuda::add_rows(on, rows, Out, dy.data(), dbias);
    }
    if (x.grad != nullptr) {
      kernels::cuda::linear_backward_input<In, Out, T>(on, rows, dy.data(), weight.data(), x.grad);
    }
  }
};

}  // namespace ashlar::detail
