// Ashlar: BatchNorm on a CUDA device, in evaluation and in training.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/batch_norm/cuda.cuh>
#include <ashlar/nn/batch_norm.hpp>

namespace ashlar::detail {

template <class Traits, class T>
struct DeviceOp<BatchNormOp<Traits, T>> {
  BatchNormOp<Traits, T> op;

  template <class Y, class X, class S>
  void forward(CudaLauncher& on, Y y, X x, S mean, S var) const {
    T const* const none = nullptr;
    kernels::cuda::batch_norm(on, planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps, none, none,
                              y.data());
  }
  template <class Y, class X, class S>
  void forward(CudaLauncher& on, Y y, X x, S mean, S var, S weight, S bias) const {
    kernels::cuda::batch_norm(on, planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps, weight.data(),
                              bias.data(), y.data());
  }
  template <class Y, class X, class S>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, S const& mean, S const& var) const {
    T* const none = nullptr;
    kernels::cuda::batch_norm_backward<false>(on, planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps,
                                              static_cast<T const*>(none), dy.data(), x.grad, none, none);
  }
  template <class Y, class X, class S>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, S const& mean, S const& var, S const& weight,
                S const& bias) const {
    kernels::cuda::batch_norm_backward<false>(on, planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps,
                                              weight.data(), dy.data(), x.grad, weight.grad, bias.grad);
  }
};

/// The moments of the batch stay on the device, and so do the running statistics that take them up.
template <class Traits, class T>
struct DeviceOp<BatchNormTrainingOp<Traits, T>> {
  BatchNormTrainingOp<Traits, T> op;

  template <class... X>
  void prepare(CudaRun& run, X const&...) {
    bool const frozen = run.tape().is_frozen(op.running_mean);
    if (!frozen) {
      op.new_mean = run.writable(op.running_mean);
      op.new_var = run.writable(op.running_var);
      op.new_batches = run.writable(op.batches);
      op.check_writable();
      op.mean = run.allocate<double>(Traits::channels);
      op.variance = run.allocate<double>(Traits::channels);
    }
    op.running_mean = run.on_device(op.running_mean);
    op.running_var = run.on_device(op.running_var);
  }
  template <class Y, class X, class... P>
  void forward(CudaLauncher& on, Y y, X x, P const&... parameters) const {
    auto const [weight, bias] = op.values(parameters...);
    kernels::Planes const planes = planes_of<Traits>(x);
    if (op.new_mean == nullptr) {
      kernels::cuda::batch_norm(on, planes, x.data(), op.running_mean, op.running_var, Traits::eps, weight, bias,
                                y.data());
      return;
    }
    kernels::cuda::channel_moments(on, planes, x.data(), op.mean, op.variance);
    kernels::cuda::batch_norm<T, double>(on, planes, x.data(), op.mean, op.variance, Traits::eps, weight, bias,
                                         y.data());
    kernels::cuda::take_up_moments(on, planes, op.mean, op.variance, Traits::momentum, op.new_mean, op.new_var,
                                   op.new_batches);
  }
  template <class Y, class X, class... P>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, P const&... parameters) const {
    auto const [weight, bias] = op.values(parameters...);
    auto const [dweight, dbias] = op.gradients(parameters...);
    kernels::Planes const planes = planes_of<Traits>(x);
    if (op.new_mean == nullptr) {
      kernels::cuda::batch_norm_backward<false, T, T>(on, planes, x.data(), op.running_mean, op.running_var,
                                                      Traits::eps, weight, dy.data(), x.grad, dweight, dbias);
    } else {
      kernels::cuda::batch_norm_backward<true, T, double>(on, planes, x.data(), op.mean, op.variance, Traits::eps,
                                                          weight, dy.data(), x.grad, dweight, dbias);
    }
  }
};

}  // namespace ashlar::detail
