// Ashlar: Embedding on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/embedding/cuda.cuh>
#include <ashlar/nn/embedding.hpp>

#include <cstddef>

namespace ashlar::detail {

/// The vector of an index that is no row is NaN: the host does not look at them, because it would have to wait.
template <std::size_t Num, std::size_t Dim, std::size_t Padding>
struct DeviceOp<EmbeddingOp<Num, Dim, Padding>> {
  EmbeddingOp<Num, Dim, Padding> op;

  template <class X, class W>
  auto output(X x, W) const {
    return like<typename W::value_type>(append_extent<Dim>(x.dims()));
  }
  template <class Y, class X, class W>
  void forward(CudaLauncher& on, Y y, X x, W weight) const {
    kernels::cuda::embedding(on, x.numel(), Num, Dim, x.data(), weight.data(), y.data());
  }
  template <class Y, class X, class W>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, W const& weight) const {
    if (weight.grad == nullptr) return;
    kernels::cuda::embedding_backward(on, x.numel(), Num, Dim, x.data(), Padding, dy.data(), weight.grad);
  }
};

}  // namespace ashlar::detail
