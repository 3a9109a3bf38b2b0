// Ashlar: convolutions on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/conv/cuda.cuh>
#include <ashlar/kernels/conv/transposed.cuh>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/conv_transpose.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <type_traits>

namespace ashlar::detail {

/// The kernels count the positions of all images in 32 bits. Error: device.
template <class Traits>
void check_positions(std::size_t of_x, std::size_t of_y, Extents const& shape) {
  constexpr std::size_t most = 0x7fffffff;
  if (of_x <= most && of_y <= most) return;
  std::string text(Traits::name);
  throw Error(Errc::device, text.append(" on cuda takes fewer than 2^31 positions of all images together, and gives "
                                        "fewer, but the shape is ")
                                .append(to_string(shape)));
}

template <template <class, class> class Op>
inline constexpr bool is_convolution = false;
template <>
inline constexpr bool is_convolution<ConvOp> = true;
template <>
inline constexpr bool is_convolution<ConvTransposeOp> = true;

/// ConvOp and ConvTransposeOp: the shape is that of a convolution, which takes y where it is transposed.
template <template <class, class> class ConvolutionOp, class Traits, class T>
  requires is_convolution<ConvolutionOp>
struct DeviceOp<ConvolutionOp<Traits, T>> {
  using Op = ConvolutionOp<Traits, T>;
  static constexpr bool transposed = std::is_same_v<Op, ConvTransposeOp<Traits, T>>;
  Op op;

  template <class X, class W, class... B>
  auto output(X x, W weight, B... bias) const {
    auto const y = op.output(x, weight, bias...);
    check_positions<Traits>(x.numel() / Traits::map.in, y.dims.numel() / Traits::map.out, x.shape());
    return y;
  }
  template <class Y, class X, class W, class... B>
  void forward(CudaLauncher& on, Y y, X x, W weight, B... bias) const {
    std::array<T const*, 1> const start{bias.data()...};
    kernels::ConvShape const shape = op.shape_of(x);
    std::size_t const n = op.images(y, shape);
    if constexpr (transposed) {
      kernels::cuda::conv_transpose(on, shape, n, x.data(), weight.data(), start[0], y.data());
    } else {
      kernels::cuda::conv(on, shape, n, x.data(), weight.data(), start[0], y.data());
    }
  }
  template <class Y, class X, class W, class... B>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, W const& weight, B const&... bias) const {
    namespace cuda = kernels::cuda;
    std::array<T*, 1> const dbias{bias.grad...};
    kernels::ConvShape const shape = op.shape_of(x);
    std::size_t const n = op.images(dy, shape);
    if constexpr (transposed) {
      cuda::conv_transpose_backward_parameters(on, shape, n, x.data(), dy.data(), weight.grad, dbias[0]);
      if (x.grad != nullptr) cuda::conv_transpose_backward_input(on, shape, n, dy.data(), weight.data(), x.grad);
    } else {
      cuda::conv_backward_parameters(on, shape, n, x.data(), dy.data(), weight.grad, dbias[0]);
      if (x.grad != nullptr) cuda::conv_backward_input(on, shape, n, dy.data(), weight.data(), x.grad);
    }
  }
};

}  // namespace ashlar::detail
