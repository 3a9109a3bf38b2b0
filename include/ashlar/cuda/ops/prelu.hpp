// Ashlar: PReLU on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/prelu/cuda.cuh>
#include <ashlar/nn/prelu.hpp>

#include <cstddef>

namespace ashlar::detail {

template <std::size_t Channels>
struct DeviceOp<PReLUOp<Channels>> {
  PReLUOp<Channels> op;

  template <class Y, class X, class W>
  void forward(CudaLauncher& on, Y y, X x, W slope) const {
    auto const s = op.split(x);
    kernels::cuda::prelu(on, s.outer, Channels, s.inner, x.data(), slope.data(), y.data());
  }
  template <class Y, class X, class W>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, W const& slope) const {
    auto const s = op.split(x);
    kernels::cuda::prelu_pullback(on, s.outer, Channels, s.inner, x.data(), slope.data(), dy.data(), x.grad,
                                  slope.grad);
  }
};

}  // namespace ashlar::detail
