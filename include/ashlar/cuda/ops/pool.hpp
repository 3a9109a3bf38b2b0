// Ashlar: pools on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/pool/cuda.cuh>
#include <ashlar/nn/pool.hpp>

namespace ashlar::detail {

template <class Traits>
struct DeviceOp<PoolOp<Traits>> {
  PoolOp<Traits> op;

  template <class Y, class X>
  void forward(CudaLauncher& on, Y y, X x) const {
    auto const shape = op.shape_of(x, y);
    if constexpr (PoolOp<Traits>::is_max) {
      kernels::cuda::max_pool(on, shape, x.data(), y.data());
    } else {
      kernels::cuda::avg_pool(on, shape, x.data(), y.data());
    }
  }
  template <class Y, class X>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x) const {
    if (x.grad == nullptr) return;
    auto const shape = op.shape_of(x, dy);
    if constexpr (PoolOp<Traits>::is_max) {
      kernels::cuda::max_pool_backward(on, shape, x.data(), dy.data(), x.grad);
    } else {
      kernels::cuda::avg_pool_backward(on, shape, dy.data(), x.grad);
    }
  }
};

}  // namespace ashlar::detail
