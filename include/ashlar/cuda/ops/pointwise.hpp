// Ashlar: activations, dropout and reshaping on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/dropout/cuda.cuh>
#include <ashlar/kernels/pointwise/cuda.cuh>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/reshape.hpp>

#include <cstddef>

namespace ashlar::detail {

template <class F>
struct DeviceOp<PointwiseOp<F>> {
  PointwiseOp<F> op;

  template <class Y, class X>
  void forward(CudaLauncher& on, Y y, X x) const {
    kernels::cuda::map(on, op.f, y.numel(), x.data(), y.data());
  }
  template <class Y, class X>
  void pullback(CudaLauncher& on, Y dy, Y y, X const& x) const {
    if (x.grad != nullptr) {
      kernels::cuda::map_pullback(on, op.f, y.numel(), x.data(), y.data(), dy.data(), x.grad);
    }
  }
};

/// The mask is the host's for the same Rng, and is computed again on the way back instead of being kept.
template <class T>
struct DeviceOp<DropoutOp<T>> {
  DropoutOp<T> op;
  kernels::cuda::DropoutNumbers numbers{};

  template <class X>
  void prepare(CudaRun& run, X x) {
    numbers = kernels::cuda::DropoutNumbers::take(op.generator(run.tape()), x.numel(), op.p);
  }
  template <class Y, class X>
  void forward(CudaLauncher& on, Y y, X x) const {
    kernels::cuda::dropout(on, numbers, y.numel(), x.data(), y.data());
  }
  template <class Y, class X>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x) const {
    if (x.grad != nullptr) kernels::cuda::dropout_pullback(on, numbers, dy.numel(), dy.data(), x.grad);
  }
};

template <class D>
struct DeviceOp<ReshapeOp<D>> {
  ReshapeOp<D> op;

  template <class Y, class X>
  void forward(CudaLauncher& on, Y y, X x) const {
    on.copy(x.data(), y.numel(), y.data());
  }
  template <class Y, class X>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x) const {
    if (x.grad != nullptr) kernels::cuda::accumulate(on, dy.numel(), dy.data(), x.grad);
  }
};

}  // namespace ashlar::detail
