// Ashlar: attention on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/forward.hpp>
#include <ashlar/cuda/op.hpp>
#include <ashlar/cuda/part.hpp>
#include <ashlar/kernels/attention/cuda.cuh>
#include <ashlar/nn/attention.hpp>

#include <cstddef>

namespace ashlar::detail {

/// The workspace of a pullback.
template <class T>
T* attention_work(CudaLauncher& on, kernels::AttentionShape const& s) {
  return static_cast<T*>(on.workspace(kernels::cuda::attention_workspace<T>(s) * sizeof(T)));
}

/// A recording keeps the weights; without one, some heads are done at a time.
template <class T, class D>
struct DeviceOp<AttentionOp<T, D>> {
  AttentionOp<T, D> op;
  bool keeps = false;

  template <class... V>
  void prepare(CudaRun& run, V const&...) {
    keeps = run.recorded();
    op.weights = run.allocate<T>(keeps ? op.weights_size() : kernels::cuda::attention_workspace<T>(op.s));
  }
  template <class Y, class Q, class K, class V>
  void forward(CudaLauncher& on, Y y, Q q, K k, V v) const {
    kernels::cuda::attention(on, op.s, op.mask, q.data(), k.data(), v.data(), y.data(), op.weights, keeps);
  }
  template <class Y, class Q, class K, class V>
  void pullback(CudaLauncher& on, Y dy, Y, Q const& q, K const& k, V const& v) const {
    T const* const of_weights = nullptr;
    kernels::cuda::attention_backward(on, op.s, q.data(), k.data(), v.data(), static_cast<T const*>(op.weights),
                                      dy.data(), of_weights, q.grad, k.grad, v.grad, attention_work<T>(on, op.s));
  }
};

template <class T>
struct DeviceOp<WeightedAttentionOp<T>> {
  WeightedAttentionOp<T> op;

  template <class Y, class Q, class K, class V>
  void forward(CudaLauncher& on, Y y, Q q, K k, V v) const {
    kernels::cuda::attention(on, op.s, op.mask, q.data(), k.data(), v.data(), y.data(), y.data() + op.y_size());
  }
  template <class Y, class Q, class K, class V>
  void pullback(CudaLauncher& on, Y dy, Y y, Q const& q, K const& k, V const& v) const {
    kernels::cuda::attention_backward(on, op.s, q.data(), k.data(), v.data(), y.data() + op.y_size(), dy.data(),
                                      dy.data() + op.y_size(), q.grad, k.grad, v.grad, attention_work<T>(on, op.s));
  }
};

template <class Y, class W>
struct Kept<AttentionOutput<Y, W>> {
  static auto of(AttentionOutput<Y, W> const& y) { return attention_output(kept(y.output), kept(y.weights)); }
};

}  // namespace ashlar::detail
