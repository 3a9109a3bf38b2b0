// kernels/conv/shape.hpp: the sizes of a convolution of images.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/window.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// One image x (in, height, width), weight (out, in / groups, rows.kernel, columns.kernel), y (out, out_height(),
/// out_width()). Channels of x and y are split into `groups` equal parts; part g of y depends on part g of x.
struct ConvShape {
  std::size_t in = 1;
  std::size_t out = 1;
  std::size_t groups = 1;
  Window rows;
  Window columns;
  std::size_t height = 1;
  std::size_t width = 1;

  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t out_height() const { return rows.count(height); }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t out_width() const { return columns.count(width); }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t x_size() const { return in * height * width; }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t y_size() const { return out * out_height() * out_width(); }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t in_of_group() const { return in / groups; }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t out_of_group() const { return out / groups; }
  /// Elements of x under a window: terms of each sum, and elements of weight for one channel of y.
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t patch() const {
    return in_of_group() * rows.kernel * columns.kernel;
  }
};

/// Planes laid out with their padding, and a window that moves over them: element (r, s) of the window at position (p,
/// q) of plane c is at c * plane + p * row_step + r * next_row + q * stride + s * next_column.
struct PaddedPlanes {
  std::size_t planes = 1;
  std::size_t plane = 0;    ///< elements of one
  std::size_t rows = 0;     ///< positions
  std::size_t columns = 0;
  std::size_t kernel_rows = 1;
  std::size_t kernel_columns = 1;
  std::size_t row_step = 0;
  std::size_t next_row = 0;
  std::size_t next_column = 0;
};

/// Planes with their padding, whose columns stand apart by the stride (conv/phases.hpp). Element (c, r, s) of the patch
/// at row p and column q of y is at c * plane + (s * dilation) % stride * phase + p * row_step + r * next_row + q + s *
/// dilation / stride.
struct PhasedPlanes {
  std::size_t planes = 1;
  std::size_t kernel_rows = 1;
  std::size_t kernel_columns = 1;
  std::size_t stride = 1;  ///< of columns
  std::size_t dilation = 1;  ///< of columns
  std::size_t columns = 0;  ///< of y
  std::size_t width = 0;  ///< elements of a row of a phase
  std::size_t phase = 0;
  std::size_t plane = 0;
  std::size_t row_step = 0;
  std::size_t next_row = 0;
};

}  // namespace ashlar::kernels
