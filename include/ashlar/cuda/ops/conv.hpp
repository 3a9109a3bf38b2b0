// Ashlar: convolutions on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/conv/cuda.cuh>
#include <ashlar/nn/conv.hpp>

#include <cstddef>
#include <string>

namespace ashlar::detail {

template <class Traits, class T>
struct DeviceOp<ConvOp<Traits, T>> {
  ConvOp<Traits, T> op;

  /// The kernels count the positions of all images in 32 bits. Error: device.
  template <class X, class W, class... B>
  auto output(X x, W weight, B... bias) const {
    auto const y = op.output(x, weight, bias...);
    constexpr std::size_t most = 0x7fffffff;
    if (x.numel() / Traits::map.in > most || y.dims.numel() / Traits::map.out > most) {
      std::string text(Traits::name);
      throw Error(Errc::device, text.append(" on cuda takes fewer than 2^31 positions of all images together, and "
                                            "gives fewer, but the shape is ")
                                    .append(to_string(x.shape())));
    }
    return y;
  }
  template <class Y, class X, class W, class... B>
  void forward(CudaLauncher& on, Y y, X x, W weight, B... bias) const {
    T const* start = nullptr;
    ((start = bias.data()), ...);
    kernels::ConvShape const shape = op.shape_of(x);
    kernels::cuda::conv(on, shape, op.images(y, shape), x.data(), weight.data(), start, y.data());
  }
  template <class Y, class X, class W, class... B>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, W const& weight, B const&... bias) const {
    T* dbias = nullptr;
    ((dbias = bias.grad), ...);
    kernels::ConvShape const shape = op.shape_of(x);
    std::size_t const n = op.images(dy, shape);
    if (weight.grad != nullptr || dbias != nullptr) {
      kernels::cuda::conv_backward_parameters(on, shape, n, x.data(), dy.data(), weight.grad, dbias);
    }
    if (x.grad != nullptr) {
      kernels::cuda::conv_backward_input(on, shape, n, dy.data(), weight.data(), x.grad);
    }
  }
};

}  // namespace ashlar::detail
