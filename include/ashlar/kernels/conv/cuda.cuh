// kernels/conv/cuda.cuh: the convolution of images and its pullbacks on the GPU, as products whose operands are
// gathered. Must agree with reference.hpp; tests/kernels/cuda_product_test.cpp states the bound.
// SPDX-License-Identifier: BSL-1.0
//
// Nothing is laid out in memory: the tiles of gemm/cuda.cuh are fetched from where the patches lie, a division of 32
// bits or two for each four elements. The channels of a group are rows, the positions of all images columns, a group is
// a z of the grid. Sums have one order, fixed by the shape: y and dx over channels and window, dweight over images and
// positions.
//
// Roofline: as gemm/cuda.cuh, if a group has 64 channels and more; a tile of 64 x 64 reads each element of x once for
// 64 channels of y, neighbours in memory being neighbours in the tile, and the repeats of overlapping windows come from
// L1. Fetching costs about 12 instructions an element of x and tile, for 128 flop: 60 % of the peak is what to expect
// on an H200 and on an RTX 4070 mobile alike. Groups of few channels (depthwise) leave most of a tile idle.
#pragma once

#include <ashlar/kernels/conv/shape.hpp>
#include <ashlar/kernels/gemm/cuda.cuh>
#include <ashlar/kernels/reduce/channels.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// The sizes of a ConvShape in 32 bits, for arithmetic on the GPU.
struct ConvSizes {
  unsigned in, out, ins, outs;  // channels of an image, and of a group
  unsigned height, width, out_height, out_width;
  unsigned kernel_rows, kernel_columns, stride_rows, stride_columns, dilation_rows, dilation_columns;
  unsigned before_rows, before_columns;

  static ConvSizes of(ConvShape const& s) {
    auto const u = [](std::size_t x) { return static_cast<unsigned>(x); };
    return {u(s.in),
            u(s.out),
            u(s.in_of_group()),
            u(s.out_of_group()),
            u(s.height),
            u(s.width),
            u(s.out_height()),
            u(s.out_width()),
            u(s.rows.kernel),
            u(s.columns.kernel),
            u(s.rows.stride),
            u(s.columns.stride),
            u(s.rows.dilation),
            u(s.columns.dilation),
            u(s.rows.before),
            u(s.columns.before)};
  }
  [[nodiscard]] ASHLAR_HOST_DEVICE unsigned area() const { return out_height * out_width; }
  [[nodiscard]] ASHLAR_HOST_DEVICE unsigned window() const { return kernel_rows * kernel_columns; }
};

/// An element of x under a window, 0 in the padding: position q of image n, element e of the patch.
template <class T>
struct PatchElement {
  ConvSizes s;
  T const* x;
  ASHLAR_DEVICE T operator()(unsigned group, unsigned position, unsigned element) const {
    unsigned const n = position / s.area();
    unsigned const q = position % s.area();
    unsigned const c = element / s.window();
    unsigned const w = element % s.window();
    unsigned const i = q / s.out_width * s.stride_rows + w / s.kernel_columns * s.dilation_rows - s.before_rows;
    unsigned const j =
        q % s.out_width * s.stride_columns + w % s.kernel_columns * s.dilation_columns - s.before_columns;
    if (i >= s.height || j >= s.width) return T(0);  // what lies before wraps around and is large
    std::size_t const plane = std::size_t{n} * s.in + group * s.ins + c;
    return x[(plane * s.height + i) * s.width + j];
  }
};

/// Patches as operand b (position, element), and as operand b (element, position).
template <class T>
struct Patches {
  using Value = T;
  static constexpr bool across = true;
  PatchElement<T> at;
  ASHLAR_DEVICE device::Vec4<T> four(unsigned group, unsigned r, unsigned p, unsigned inside) const {
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) out.v[j] = j < inside ? at(group, r + j, p) : T(0);
    return out;
  }
};
template <class T>
struct PatchesTurned {
  using Value = T;
  static constexpr bool across = false;
  PatchElement<T> at;
  ASHLAR_DEVICE device::Vec4<T> four(unsigned group, unsigned r, unsigned p, unsigned inside) const {
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) out.v[j] = j < inside ? at(group, p + j, r) : T(0);
    return out;
  }
};

/// weight as operand a (channel of y, element of the patch): its own layout.
template <class T>
struct ConvWeight {
  using Value = T;
  static constexpr bool across = false;
  T const* weight;
  unsigned outs;
  unsigned patch;
  ASHLAR_DEVICE device::Vec4<T> four(unsigned group, unsigned r, unsigned p, unsigned inside) const {
    T const* const at = weight + (std::size_t{group} * outs + r) * patch + p;
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) out.v[j] = j < inside ? at[j] : T(0);
    return out;
  }
};

/// weight as operand a (channel of x, (channel of y, window)).
template <class T>
struct ConvWeightTurned {
  using Value = T;
  static constexpr bool across = false;
  ConvSizes s;
  T const* weight;
  ASHLAR_DEVICE device::Vec4<T> four(unsigned group, unsigned r, unsigned p, unsigned inside) const {
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) {
      unsigned const o = (p + j) / s.window();
      std::size_t const row = std::size_t{group * s.outs + o} * s.ins + r;
      out.v[j] = j < inside ? weight[row * s.window() + (p + j) % s.window()] : T(0);
    }
    return out;
  }
};

/// dy as operand a (channel of y, position).
template <class T>
struct OutGradient {
  using Value = T;
  static constexpr bool across = false;
  ConvSizes s;
  T const* dy;
  ASHLAR_DEVICE device::Vec4<T> four(unsigned group, unsigned r, unsigned p, unsigned inside) const {
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) {
      std::size_t const plane = std::size_t{(p + j) / s.area()} * s.out + group * s.outs + r;
      out.v[j] = j < inside ? dy[plane * s.area() + (p + j) % s.area()] : T(0);
    }
    return out;
  }
};

/// dy as operand b (element of x's plane, (channel of y, window)): that of the window whose element this one is, or 0.
template <class T>
struct OutGradientOfInput {
  using Value = T;
  static constexpr bool across = true;
  ConvSizes s;
  T const* dy;
  ASHLAR_DEVICE device::Vec4<T> four(unsigned group, unsigned r, unsigned p, unsigned inside) const {
    unsigned const o = p / s.window();
    unsigned const w = p % s.window();
    unsigned const size = s.height * s.width;
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) {
      unsigned const n = (r + j) / size;
      unsigned const at = (r + j) % size;
      unsigned const i = at / s.width + s.before_rows - w / s.kernel_columns * s.dilation_rows;
      unsigned const k = at % s.width + s.before_columns - w % s.kernel_columns * s.dilation_columns;
      unsigned const row = i / s.stride_rows;  // of a negative i it is large
      unsigned const column = k / s.stride_columns;
      bool const is = j < inside && i % s.stride_rows == 0 && k % s.stride_columns == 0 && row < s.out_height &&
                      column < s.out_width && i < 0x80000000u && k < 0x80000000u;
      std::size_t const plane = std::size_t{n} * s.out + group * s.outs + o;
      out.v[j] = is ? dy[(plane * s.out_height + row) * s.out_width + column] : T(0);
    }
    return out;
  }
};

/// Channels of a group by positions of all images: y, or dx. init: a value for each channel, or the planes themselves.
template <class T>
struct PlanesResult {
  T const* init;
  bool accumulate;
  T* planes;
  unsigned channels;  // of an image
  unsigned of_group;
  unsigned area;
  static constexpr bool wide = false;

  [[nodiscard]] ASHLAR_DEVICE std::size_t at(unsigned group, unsigned i, unsigned j) const {
    return (std::size_t{j / area} * channels + group * of_group + i) * area + j % area;
  }
  ASHLAR_DEVICE T first(unsigned group, unsigned i, unsigned j) const {
    if (accumulate) return planes[at(group, i, j)];
    return init != nullptr ? init[group * of_group + i] : T(0);
  }
  ASHLAR_DEVICE void one(unsigned group, unsigned i, unsigned j, T sum) const { planes[at(group, i, j)] = sum; }
  ASHLAR_DEVICE void four(unsigned, unsigned, unsigned, T const*) const {}
};

/// dweight of a group, added to.
template <class T>
struct WeightResult {
  T* dweight;
  unsigned outs;
  unsigned patch;
  static constexpr bool wide = false;

  [[nodiscard]] ASHLAR_DEVICE T* at(unsigned group, unsigned i, unsigned j) const {
    return dweight + (std::size_t{group} * outs + i) * patch + j;
  }
  ASHLAR_DEVICE T first(unsigned group, unsigned i, unsigned j) const { return *at(group, i, j); }
  ASHLAR_DEVICE void one(unsigned group, unsigned i, unsigned j, T sum) const { *at(group, i, j) = sum; }
  ASHLAR_DEVICE void four(unsigned, unsigned, unsigned, T const*) const {}
};

}  // namespace detail

/// Elements of `work` that the functions below need: none, it is there for the sake of cpu.hpp's arguments.
template <class T>
constexpr std::size_t conv_workspace(ConvShape const&) {
  return 0;
}

/// y = bias + weight * patches: x (images, in, height, width), weight (out, in / groups, rows, columns), bias (out) or
/// null -> y (images, out, out_height, out_width); overwrites y.
///
/// Before  images * out_height * out_width and images * height * width are below 2^31, in * out / groups * window too.
template <class T, class Launcher>
void conv(Launcher& launcher, ConvShape const& shape, std::size_t images, T const* x, T const* weight, T const* bias,
          T* y, T* = nullptr) {
  auto const s = detail::ConvSizes::of(shape);
  auto const patch = static_cast<unsigned>(shape.patch());
  gemm_of<at_run_time, at_run_time>(launcher, static_cast<unsigned>(shape.groups), s.outs, images * s.area(), patch,
                                    detail::ConvWeight<T>{weight, s.outs, patch}, detail::Patches<T>{{s, x}},
                                    detail::PlanesResult<T>{bias, false, y, s.out, s.outs, s.area()});
}

/// dx += pullback of conv: dy (images, out, out_height, out_width) -> dx (images, in, height, width).
template <class T, class Launcher>
void conv_backward_input(Launcher& launcher, ConvShape const& shape, std::size_t images, T const* dy, T const* weight,
                         T* dx, T* = nullptr) {
  auto const s = detail::ConvSizes::of(shape);
  T const* const none = nullptr;
  gemm_of<at_run_time, at_run_time>(launcher, static_cast<unsigned>(shape.groups), s.ins, images * s.height * s.width,
                                    std::size_t{s.outs} * s.window(), detail::ConvWeightTurned<T>{s, weight},
                                    detail::OutGradientOfInput<T>{s, dy},
                                    detail::PlanesResult<T>{none, true, dx, s.in, s.ins, s.height * s.width});
}

/// dweight += and dbias += pullback of conv. Either may be null.
template <class T, class Launcher>
void conv_backward_parameters(Launcher& launcher, ConvShape const& shape, std::size_t images, T const* x, T const* dy,
                              T* dweight, T* dbias, T* = nullptr) {
  auto const s = detail::ConvSizes::of(shape);
  auto const patch = static_cast<unsigned>(shape.patch());
  if (dweight != nullptr && images != 0) {
    gemm_accumulate<at_run_time>(launcher, static_cast<unsigned>(shape.groups), s.outs, patch, images * s.area(),
                                 detail::OutGradient<T>{s, dy}, detail::PatchesTurned<T>{{s, x}},
                                 detail::WeightResult<T>{dweight, s.outs, patch}, dweight);
  }
  if (dbias != nullptr) {
    sum_channels(launcher, Planes{images, s.out, s.area()}, PlaneElement<T>{dy}, AddToChannel<T>{dbias});
  }
}

}  // namespace ashlar::kernels::cuda
