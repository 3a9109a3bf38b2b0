// Ashlar: the matrix product on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/matmul/cuda.cuh>
#include <ashlar/nn/matmul.hpp>

#include <cstddef>

namespace ashlar::detail {

template <>
struct DeviceOp<MatmulOp> {
  MatmulOp op;

  template <class Y, class A, class B>
  void forward(CudaLauncher& on, Y y, A a, B b) const {
    kernels::cuda::matmul(on, y.numel() / b.size(1), b.size(0), b.size(1), a.data(), b.data(), y.data());
  }
  template <class Y, class A, class B>
  void pullback(CudaLauncher& on, Y dy, Y, A const& a, B const& b) const {
    std::size_t const k = b.size(0);
    std::size_t const n = b.size(1);
    std::size_t const m = dy.numel() / n;
    if (a.grad != nullptr) kernels::cuda::matmul_backward_a(on, m, k, n, dy.data(), b.data(), a.grad);
    if (b.grad != nullptr) kernels::cuda::matmul_backward_b(on, m, k, n, a.data(), dy.data(), b.grad);
  }
};

}  // namespace ashlar::detail
