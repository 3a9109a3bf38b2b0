// Ashlar: LayerNorm, RMSNorm, GroupNorm and InstanceNorm on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/group_norm/cuda.cuh>
#include <ashlar/kernels/layer_norm/cuda.cuh>
#include <ashlar/kernels/rms_norm/cuda.cuh>
#include <ashlar/nn/group_norm.hpp>
#include <ashlar/nn/layer_norm.hpp>
#include <ashlar/nn/rms_norm.hpp>

#include <array>

namespace ashlar::detail {

template <class Traits, class T>
struct DeviceOp<LayerNormOp<Traits, T>> {
  LayerNormOp<Traits, T> op;

  template <class Y, class X, class... P>
  void forward(CudaLauncher& on, Y y, X x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    kernels::cuda::layer_norm(on, x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, p[0], p[1], y.data());
  }
  template <class Y, class X, class... P>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    std::array<T*, 2> const d{parameters.grad...};
    kernels::cuda::layer_norm_backward(on, x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, p[0],
                                       dy.data(), x.grad, d[0], d[1]);
  }
};

template <class Traits, class T>
struct DeviceOp<RMSNormOp<Traits, T>> {
  RMSNormOp<Traits, T> op;

  template <class Y, class X, class... P>
  void forward(CudaLauncher& on, Y y, X x, P const&... weight) const {
    std::array<T const*, 1> const w{weight.data()...};
    kernels::cuda::rms_norm(on, x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, w[0], y.data());
  }
  template <class Y, class X, class... P>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, P const&... weight) const {
    std::array<T const*, 1> const w{weight.data()...};
    std::array<T*, 1> const d{weight.grad...};
    kernels::cuda::rms_norm_backward(on, x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, w[0], dy.data(),
                                     x.grad, d[0]);
  }
};

/// The moments of each image stay on the device, and so do the running statistics of an InstanceNorm that take them up.
template <class Traits, class T>
struct DeviceOp<GroupNormOp<Traits, T>> {
  GroupNormOp<Traits, T> op;
  kernels::cuda::GroupMoments* moments = nullptr;

  template <class X, class... P>
  void prepare(CudaRun& run, X x, P const&...) {
    if (op.running_mean == nullptr) return;
    op.new_mean = run.writable(op.running_mean);
    op.new_var = run.writable(op.running_var);
    op.check_writable();
    kernels::Planes const planes = planes_of<Traits>(x);
    if (planes.images != 0) moments = run.allocate<kernels::cuda::GroupMoments>(planes.images * planes.channels);
  }
  template <class Y, class X, class... P>
  void forward(CudaLauncher& on, Y y, X x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    kernels::Planes const planes = planes_of<Traits>(x);
    kernels::cuda::group_norm(on, planes, Traits::groups, x.data(), Traits::eps, p[0], p[1], y.data(), moments);
    if constexpr (requires { Traits::momentum; }) {
      if (moments != nullptr) {
        kernels::cuda::take_up_moments(on, planes, static_cast<kernels::cuda::GroupMoments const*>(moments),
                                       Traits::momentum, op.new_mean, op.new_var);
      }
    }
  }
  template <class Y, class X, class... P>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    std::array<T*, 2> const d{parameters.grad...};
    kernels::cuda::group_norm_backward(on, planes_of<Traits>(x), Traits::groups, x.data(), Traits::eps, p[0], dy.data(),
                                       x.grad, d[0], d[1]);
  }
};

}  // namespace ashlar::detail
