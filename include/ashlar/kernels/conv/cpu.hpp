// kernels/conv/cpu.hpp: the convolution of images and its pullbacks on the host, one thread.
// Must agree with reference.hpp; tests/kernels/conv_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Few channels of y to a group go by windows over padded planes (body.hpp). Else y is a product of matrices: weight
// (out, patch) by the patches of x under the window, which are put together a panel at a time, so that lanes run along
// positions (patches.hpp). A window of one element takes x as it lies. dweight is the product of dy with the same
// patches, lanes along the patch. dx is y's product with dy and the windows turned round, or else a product that is
// added to x patch by patch. Order of sums: along the patch in y; along the channels of y and the window in dx, along
// the window alone for depthwise ones; along the positions, image by image, in dweight. It depends on the shape and the
// level alone, so an image has the same bits in every batch.
#pragma once

#include <ashlar/kernels/conv/patch_matrix.hpp>
#include <ashlar/kernels/conv/phases.hpp>
#include <ashlar/kernels/conv/shape.hpp>
#include <ashlar/kernels/gemm/gemm.hpp>

#include <cstddef>
#include <cstring>

#define ASHLAR_BODY <ashlar/kernels/conv/body.hpp>
#include <ashlar/kernels/each_level.hpp>

#define ASHLAR_BODY <ashlar/kernels/conv/patches.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// c (m, n) += a * b: a[m][k] at a[m * am + k * ak], b (k, n).
template <class T>
void add_product(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t am, std::size_t ak, T const* b,
                 std::size_t ldb, T* c, std::size_t ldc) noexcept {
  ASHLAR_DISPATCH(outer(m, n, k, a, am, ak, b, ldb, c, ldc, c, ldc));
}

/// c (m, n) += a (m, k) * transpose(b (n, k)).
template <class T>
void add_dots(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t lda, T const* b, std::size_t ldb,
              T* c, std::size_t ldc) noexcept {
  ASHLAR_DISPATCH(dot<4, 4>(m, n, k, a, lda, b, ldb, c, ldc, c, ldc));
}

/// Windows over padded planes rather than patches. Zen 5, g++ 12 -O2, AVX-512, bench/conv.cpp, us by patches and by
/// windows: 64 depthwise, 3 x 3 on 56 x 56, y 391, 127, dx 765, 106, dweight 308, 174; with stride 2 249, 57, 256, 104,
/// 197, 69; 256 depthwise, 5 x 5 on 14 x 14, 611, 135, 626, 145, 490, 131; 64 -> 1, 3 x 3 on 28 x 28, y 128, 26,
/// dweight 112, 37.
constexpr bool by_windows(ConvShape const& shape) {
  return shape.out_of_group() <= 3 && !is_pointwise(shape) && shape.columns.stride <= 2;
}
constexpr bool is_depthwise(ConvShape const& shape) { return shape.in_of_group() == 1 && shape.out_of_group() == 1; }
/// dx by windows over a padded dy, which has before() elements of padding.
constexpr bool dx_by_windows(ConvShape const& shape) {
  return is_depthwise(shape) && by_windows(shape) && shape.rows.before < shape.rows.span() &&
         shape.columns.before < shape.columns.span();
}

/// The planes of one group of x with their padding; `forward`: else those of dy, its rows and columns apart by the
/// strides, under a window that gives dx. Rows are long enough for two vectors at each position.
template <class T>
constexpr PaddedPlanes padded(ConvShape const& shape, bool forward) {
  constexpr std::size_t at_once = 128 / sizeof(T);
  PaddedPlanes g;
  g.planes = forward ? shape.in_of_group() : 1;
  g.rows = forward ? shape.out_height() : shape.height;
  g.columns = forward ? shape.out_width() : shape.width;
  g.kernel_rows = shape.rows.kernel;
  g.kernel_columns = shape.columns.kernel;
  std::size_t const stride = forward ? shape.columns.stride : 1;
  std::size_t const width = (g.columns + at_once - 1) / at_once * at_once * stride + shape.columns.span();
  g.row_step = (forward ? shape.rows.stride : 1) * width;
  g.next_row = shape.rows.dilation * width;
  g.next_column = shape.columns.dilation;
  g.plane = (g.rows - 1) * g.row_step + shape.rows.span() * width;
  return g;
}

/// to[at], to[at + step], ... = the n elements of from, as far as they lie in the row; the rest of to (width) is zero.
template <class T>
void pad_row(T const* from, std::size_t n, std::size_t at, std::size_t step, T* to, std::size_t width) noexcept {
  if (step == 1 && at < width) {
    std::size_t const count = n < width - at ? n : width - at;
    for (std::size_t i = 0; i < at; ++i) to[i] = T(0);
    if (count > 0) std::memcpy(static_cast<void*>(to + at), from, count * sizeof(T));
    std::memset(static_cast<void*>(to + at + count), 0, (width - at - count) * sizeof(T));
    return;
  }
  std::memset(static_cast<void*>(to), 0, width * sizeof(T));
  for (std::size_t i = 0; i < n && at < width; ++i, at += step) to[at] = from[i];
}

/// Lays out the planes of one group, x or dy (see padded).
template <class T>
void lay_out_planes(ConvShape const& shape, PaddedPlanes const& g, bool forward, T const* from, T* to) noexcept {
  std::size_t const width = g.next_row / shape.rows.dilation;
  std::size_t const height = forward ? shape.height : shape.out_height();
  std::size_t const columns = forward ? shape.width : shape.out_width();
  std::size_t const top = forward ? shape.rows.before : shape.rows.span() - 1 - shape.rows.before;
  std::size_t const left = forward ? shape.columns.before : shape.columns.span() - 1 - shape.columns.before;
  std::size_t const row_step = forward ? 1 : shape.rows.stride;
  std::size_t const column_step = forward ? 1 : shape.columns.stride;
  for (std::size_t c = 0; c < g.planes; ++c, from += height * columns) {
    for (std::size_t j = 0; j < g.plane / width; ++j, to += width) {
      std::size_t const row = j < top || (j - top) % row_step != 0 ? height : (j - top) / row_step;
      pad_row(from + (row < height ? row * columns : 0), row < height ? columns : 0, left, column_step, to, width);
    }
  }
}

template <class T>
void fill(std::size_t n, T value, T* y) noexcept {
  ASHLAR_DISPATCH(fill_with(n, value, y));
}
template <class T>
void windows(std::size_t stride, PaddedPlanes const& g, T const* x, T const* w, T* y) noexcept {
  if (stride == 1) {
    ASHLAR_DISPATCH(add_windows<1>(g, x, w, y));
  }
  ASHLAR_DISPATCH(add_windows<2>(g, x, w, y));
}
template <class T>
void window_gradients(std::size_t stride, PaddedPlanes const& g, T const* x, T const* dy, T* dw) noexcept {
  if (stride == 1) {
    ASHLAR_DISPATCH(add_window_gradients<1>(g, x, dy, dw));
  }
  ASHLAR_DISPATCH(add_window_gradients<2>(g, x, dy, dw));
}

template <class T>
void add_patch_products(PhasedPlanes const& g, std::size_t outs, std::size_t patch, std::size_t positions, T const* x,
                        T const* weight, T* y, std::size_t area) noexcept {
  ASHLAR_DISPATCH(add_patch_products(g, outs, patch, positions, x, weight, y, area));
}

/// y += weight * patches, `count` rows from `first` on, one group. work: phased_size.
template <class T>
void add_convolution(ConvShape const& shape, std::size_t first, std::size_t count, T const* x, T const* weight, T* y,
                     T* work) noexcept {
  std::size_t const width = shape.out_width();
  std::size_t const at_once = phased_rows<T>(shape);
  for (std::size_t p = first; p < first + count; p += at_once) {
    std::size_t const rows = first + count - p < at_once ? first + count - p : at_once;
    PhasedPlanes const planes = phased(shape, rows);
    lay_out_phases(shape, planes, p, x, work + phase_slack<T>);
    add_patch_products(planes, shape.out_of_group(), shape.patch(), rows * width,
                       static_cast<T const*>(work + phase_slack<T>), weight, y + p * width, shape.out_height() * width);
  }
}

template <class T>
void add_patch_gradients(PhasedPlanes const& g, std::size_t outs, std::size_t patch, std::size_t positions, T const* x,
                         T const* dy, std::size_t area, T* dweight) noexcept {
  ASHLAR_DISPATCH(add_patch_gradients(g, outs, patch, positions, x, dy, area, dweight));
}

/// dweight += dy * transpose(patches), one group of one image. work: phased_size.
template <class T>
void add_weight_gradients(ConvShape const& shape, T const* x, T const* dy, T* dweight, T* work) noexcept {
  std::size_t const width = shape.out_width();
  std::size_t const height = shape.out_height();
  std::size_t const at_once = phased_rows<T>(shape);
  for (std::size_t p = 0; p < height; p += at_once) {
    std::size_t const rows = height - p < at_once ? height - p : at_once;
    PhasedPlanes const planes = phased(shape, rows);
    lay_out_phases(shape, planes, p, x, work + phase_slack<T>);
    add_patch_gradients(planes, shape.out_of_group(), shape.patch(), rows * width,
                        static_cast<T const*>(work + phase_slack<T>), dy + p * width, height * width, dweight);
  }
}

/// What one group of a y takes to work in.
template <class T>
constexpr std::size_t workspace_of_y(ConvShape const& shape) {
  return by_windows(shape) ? shape.in_of_group() * padded<T>(shape, true).plane : phased_size<T>(shape);
}

/// y += weight * x under the windows, one group of one image. work: workspace_of_y.
template <class T>
void add_group(ConvShape const& shape, T const* x, T const* weight, T* y, T* work) noexcept {
  if (!by_windows(shape)) {
    add_convolution(shape, 0, shape.out_height(), x, weight, y, work);
    return;
  }
  PaddedPlanes const planes = padded<T>(shape, true);
  lay_out_planes(shape, planes, true, x, work);
  for (std::size_t o = 0; o < shape.out_of_group(); ++o) {
    windows(shape.columns.stride, planes, static_cast<T const*>(work), weight + o * shape.patch(),
            y + o * shape.out_height() * shape.out_width());
  }
}

/// dx is a convolution of dy with the window turned round. Not for few positions, which do not pay for that.
constexpr bool dx_by_convolution(ConvShape const& shape) {
  auto const turns = [](Window const& w) { return w.stride == 1 && w.before < w.span() && w.after < w.span(); };
  return turns(shape.rows) && turns(shape.columns) && !is_pointwise(shape) && shape.height * shape.width >= 64;
}
constexpr ConvShape convolution_of_dx(ConvShape const& shape) {
  auto const turned = [](Window const& w) {
    return Window{w.kernel, 1, w.dilation, w.span() - 1 - w.before, w.span() - 1 - w.after, false};
  };
  return {shape.out,          shape.in,         shape.groups, turned(shape.rows), turned(shape.columns),
          shape.out_height(), shape.out_width()};
}
/// turned (in, out, window) of one group = weight (out, in, window) with each window turned round.
template <class T>
void turn_weight(ConvShape const& shape, T const* weight, T* turned) noexcept {
  std::size_t const window = shape.rows.kernel * shape.columns.kernel;
  for (std::size_t c = 0; c < shape.in_of_group(); ++c) {
    for (std::size_t o = 0; o < shape.out_of_group(); ++o, turned += window) {
      T const* const from = weight + (o * shape.in_of_group() + c) * window;
      for (std::size_t i = 0; i < window; ++i) turned[i] = from[window - 1 - i];
    }
  }
}

/// dx += transpose(weight) * dy, patch by patch where these are not x itself; one group of one image. work: patch *
/// rows_at_once * out_width.
template <class T>
void add_input_gradients(ConvShape const& shape, T const* dy, T const* weight, T* dx, T* work) noexcept {
  std::size_t const patch = shape.patch();
  std::size_t const width = shape.out_width();
  std::size_t const height = shape.out_height();
  std::size_t const at_once = rows_at_once<T>(shape);
  bool const as_is = is_pointwise(shape);
  for (std::size_t p = 0; p < height; p += at_once) {
    std::size_t const rows = height - p < at_once ? height - p : at_once;
    T* const dpatches = as_is ? dx : work;
    if (!as_is) fill(patch * rows * width, T(0), dpatches);
    add_product(patch, rows * width, shape.out_of_group(), weight, std::size_t{1}, patch, dy + p * width,
                height * width, dpatches, rows * width);
    if (!as_is) add_patches(shape, p, rows, static_cast<T const*>(work), dx);
  }
}

/// Sum of n elements in eight parts, joined in order.
template <class T>
T sum_in_parts(std::size_t n, T const* x) noexcept {
  T part[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) part[j] += x[i + j];
  }
  for (; i < n; ++i) part[i % 8] += x[i];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

}  // namespace detail

/// Elements of memory that each of the following takes to work in; 0 for a window of one element.
template <class T>
constexpr std::size_t conv_workspace(ConvShape const& shape) {
  if (detail::is_pointwise(shape)) return 0;
  std::size_t const y = detail::workspace_of_y<T>(shape);
  std::size_t dx = 0;
  if (detail::dx_by_windows(shape)) {
    dx = detail::padded<T>(shape, false).plane + shape.patch();  // and a turned weight
  } else if (detail::dx_by_convolution(shape)) {
    ConvShape const turned = detail::convolution_of_dx(shape);
    dx = detail::workspace_of_y<T>(turned) + shape.in_of_group() * turned.patch();
  } else {
    dx = shape.patch() * detail::rows_at_once<T>(shape) * shape.out_width();
  }
  return y < dx ? dx : y;
}

/// True if rows of y may be taken by themselves, by conv_rows.
constexpr bool conv_has_rows(ConvShape const& shape) { return !detail::by_windows(shape); }

/// `count` rows, from `first` on, of each channel of the y of one image; as conv, whose bits they have.
template <class T>
void conv_rows(ConvShape const& shape, std::size_t first, std::size_t count, T const* x, T const* weight, T const* bias,
               T* y, T* work) noexcept {
  std::size_t const outs = shape.out_of_group();
  std::size_t const patch = shape.patch();
  std::size_t const width = shape.out_width();
  std::size_t const area = shape.out_height() * width;
  std::size_t const x_group = shape.x_size() / shape.groups;
  for (std::size_t o = 0; o < shape.out; ++o) {
    detail::fill(count * width, bias != nullptr ? bias[o] : T(0), y + o * area + first * width);
  }
  for (std::size_t g = 0; g < shape.groups; ++g) {
    T* const to = y + g * outs * area;
    if (detail::is_pointwise(shape)) {
      detail::add_product(outs, count * width, patch, weight + g * outs * patch, patch, std::size_t{1},
                          x + g * x_group + first * width, area, to + first * width, area);
    } else {
      detail::add_convolution(shape, first, count, x + g * x_group, weight + g * outs * patch, to, work);
    }
  }
}

/// y = bias + weight * patches: x (images, in, height, width), weight (out, in / groups, rows, columns), bias (out) or
/// null -> y (images, out, out_height, out_width); overwrites y. work (conv_workspace) is written.
///
/// Before  y and work overlap no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T>
void conv(ConvShape const& shape, std::size_t images, T const* x, T const* weight, T const* bias, T* y,
          T* work) noexcept {
  std::size_t const outs = shape.out_of_group();
  std::size_t const patch = shape.patch();
  std::size_t const area = shape.out_height() * shape.out_width();
  std::size_t const x_group = shape.x_size() / shape.groups;
  for (std::size_t n = 0; n < images; ++n, x += shape.x_size(), y += shape.y_size()) {
    if (conv_has_rows(shape)) {
      conv_rows(shape, 0, shape.out_height(), x, weight, bias, y, work);
      continue;
    }
    for (std::size_t o = 0; o < shape.out; ++o) detail::fill(area, bias != nullptr ? bias[o] : T(0), y + o * area);
    for (std::size_t g = 0; g < shape.groups; ++g) {
      detail::add_group(shape, x + g * x_group, weight + g * outs * patch, y + g * outs * area, work);
    }
  }
}

/// dx += the pullback of dy through weight. work (conv_workspace) is written.
template <class T>
void conv_backward_input(ConvShape const& shape, std::size_t images, T const* dy, T const* weight, T* dx,
                         T* work) noexcept {
  std::size_t const outs = shape.out_of_group();
  std::size_t const patch = shape.patch();
  std::size_t const area = shape.out_height() * shape.out_width();
  std::size_t const x_group = shape.x_size() / shape.groups;
  if (!detail::dx_by_windows(shape) && detail::dx_by_convolution(shape)) {
    ConvShape const turned = detail::convolution_of_dx(shape);
    T* const rest = work + shape.in_of_group() * turned.patch();
    for (std::size_t g = 0; g < shape.groups; ++g) {
      detail::turn_weight(shape, weight + g * outs * patch, work);
      for (std::size_t n = 0; n < images; ++n) {
        detail::add_group(turned, dy + n * shape.y_size() + g * outs * area, static_cast<T const*>(work),
                          dx + n * shape.x_size() + g * x_group, rest);
      }
    }
    return;
  }
  for (std::size_t n = 0; n < images; ++n, dx += shape.x_size(), dy += shape.y_size()) {
    if (detail::dx_by_windows(shape)) {
      PaddedPlanes const planes = detail::padded<T>(shape, false);
      T* const flipped = work + planes.plane;
      for (std::size_t c = 0; c < shape.in; ++c) {
        detail::lay_out_planes(shape, planes, false, dy + c * area, work);
        for (std::size_t i = 0; i < patch; ++i) flipped[i] = weight[c * patch + patch - 1 - i];
        detail::windows(std::size_t{1}, planes, static_cast<T const*>(work), static_cast<T const*>(flipped),
                        dx + c * x_group);
      }
      continue;
    }
    for (std::size_t g = 0; g < shape.groups; ++g) {
      detail::add_input_gradients(shape, dy + g * outs * area, weight + g * outs * patch, dx + g * x_group, work);
    }
  }
}

/// dweight += dy * transpose(patches), dbias += sums of dy over images and positions; either may be null.
/// work (conv_workspace) is written.
template <class T>
void conv_backward_parameters(ConvShape const& shape, std::size_t images, T const* x, T const* dy, T* dweight, T* dbias,
                              T* work) noexcept {
  std::size_t const outs = shape.out_of_group();
  std::size_t const patch = shape.patch();
  std::size_t const area = shape.out_height() * shape.out_width();
  std::size_t const x_group = shape.x_size() / shape.groups;
  for (std::size_t n = 0; n < images; ++n, x += shape.x_size(), dy += shape.y_size()) {
    for (std::size_t o = 0; dbias != nullptr && o < shape.out; ++o) {
      dbias[o] += detail::sum_in_parts(area, dy + o * area);
    }
    if (dweight == nullptr) continue;
    if (detail::by_windows(shape)) {
      PaddedPlanes const planes = detail::padded<T>(shape, true);
      std::size_t const window = shape.rows.kernel * shape.columns.kernel;
      for (std::size_t g = 0; g < shape.groups; ++g) {
        detail::lay_out_planes(shape, planes, true, x + g * x_group, work);
        for (std::size_t o = g * outs; o < (g + 1) * outs; ++o) {
          for (std::size_t c = 0; c < planes.planes; ++c) {
            detail::window_gradients(shape.columns.stride, planes, static_cast<T const*>(work + c * planes.plane),
                                     dy + o * area, dweight + o * patch + c * window);
          }
        }
      }
      continue;
    }
    for (std::size_t g = 0; g < shape.groups; ++g) {
      T const* const dy_group = dy + g * outs * area;
      T* const to = dweight + g * outs * patch;
      if (detail::is_pointwise(shape)) {
        detail::add_dots(outs, patch, area, dy_group, area, x + g * x_group, area, to, patch);
      } else {
        detail::add_weight_gradients(shape, x + g * x_group, dy_group, to, work);
      }
    }
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
