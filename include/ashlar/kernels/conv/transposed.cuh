// kernels/conv/transposed.cuh: the transpose of a convolution and its pullbacks on the GPU.
// SPDX-License-Identifier: BSL-1.0
//
// The kernels of conv/cuda.cuh, whose roofline is theirs too: forward is the pullback of a convolution for its input,
// and the pullback for the input a convolution. Names are the convolution's: `shape` takes y and gives x.
#pragma once

#include <ashlar/kernels/conv/cuda.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// y = bias + the transpose of conv of x: x (images, out, out_height, out_width), weight (out, in / groups, rows,
/// columns), bias (in) or null -> y (images, in, height, width); overwrites y.
///
/// Before  the sizes are those of conv.
template <class T, class Launcher>
void conv_transpose(Launcher& launcher, ConvShape const& shape, std::size_t images, T const* x, T const* weight,
                    T const* bias, T* y) {
  auto const s = detail::ConvSizes::of(shape);
  gemm_of<at_run_time, at_run_time>(launcher, static_cast<unsigned>(shape.groups), s.ins, images * s.height * s.width,
                                    std::size_t{s.outs} * s.window(), detail::ConvWeightTurned<T>{s, weight},
                                    detail::OutGradientOfInput<T>{s, x},
                                    detail::PlanesResult<T>{bias, false, y, s.in, s.ins, s.height * s.width});
}

/// dx += pullback of conv_transpose: dy (images, in, height, width) -> dx (images, out, out_height, out_width).
template <class T, class Launcher>
void conv_transpose_backward_input(Launcher& launcher, ConvShape const& shape, std::size_t images, T const* dy,
                                   T const* weight, T* dx) {
  auto const s = detail::ConvSizes::of(shape);
  auto const patch = static_cast<unsigned>(shape.patch());
  T const* const none = nullptr;
  gemm_of<at_run_time, at_run_time>(launcher, static_cast<unsigned>(shape.groups), s.outs, images * s.area(), patch,
                                    detail::ConvWeight<T>{weight, s.outs, patch}, detail::Patches<T>{{s, dy}},
                                    detail::PlanesResult<T>{none, true, dx, s.out, s.outs, s.area()});
}

/// dweight += and dbias += pullback of conv_transpose. Either may be null.
template <class T, class Launcher>
void conv_transpose_backward_parameters(Launcher& launcher, ConvShape const& shape, std::size_t images, T const* x,
                                        T const* dy, T* dweight, T* dbias) {
  T* const none = nullptr;
  if (dweight != nullptr) conv_backward_parameters(launcher, shape, images, dy, x, dweight, none);
  if (dbias != nullptr) {
    sum_channels(launcher, Planes{images, shape.in, shape.height * shape.width}, PlaneElement<T>{dy},
                 AddToChannel<T>{dbias});
  }
}

}  // namespace ashlar::kernels::cuda
