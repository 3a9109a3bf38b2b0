// kernels/conv/phases.hpp: the part of x that some rows of y see, laid out.  SPDX-License-Identifier: BSL-1.0
//
// With its padding, and its columns apart by the stride: then a row of any element of the patch is contiguous, whatever
// the stride and the dilation, and no column lies outside.
#pragma once

#include <ashlar/kernels/conv/shape.hpp>
#include <ashlar/kernels/isa.hpp>

#include <cstddef>
#include <cstring>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Vectors that begin before the first element or end behind the last are read, up to this far.
template <class T>
inline constexpr std::size_t phase_slack = 64 / sizeof(T);

/// The planes of one group under `rows` rows of y.
constexpr PhasedPlanes phased(ConvShape const& shape, std::size_t rows) {
  PhasedPlanes g;
  g.planes = shape.in_of_group();
  g.kernel_rows = shape.rows.kernel;
  g.kernel_columns = shape.columns.kernel;
  g.stride = shape.columns.stride;
  g.dilation = shape.columns.dilation;
  g.columns = shape.out_width();
  g.width = g.columns + (shape.columns.span() - 1) / g.stride;
  g.phase = ((rows - 1) * shape.rows.stride + shape.rows.span()) * g.width;
  g.plane = g.phase * g.stride;
  g.row_step = shape.rows.stride * g.width;
  g.next_row = shape.rows.dilation * g.width;
  return g;
}

/// Rows of y whose planes are laid out at a time: those of 512 KB, which stay in a second cache.
template <class T>
constexpr std::size_t phased_rows(ConvShape const& shape) {
  PhasedPlanes const one = phased(shape, 1);
  std::size_t const all = shape.out_height();
  std::size_t const room = (std::size_t{1} << 19) / sizeof(T) / (one.planes * one.stride * one.width);  // rows of x
  std::size_t const some = room <= shape.rows.span() ? 1 : (room - shape.rows.span()) / shape.rows.stride + 1;
  return some < all ? some : all;
}

template <class T>
constexpr std::size_t phased_size(ConvShape const& shape) {
  PhasedPlanes const g = phased(shape, phased_rows<T>(shape));
  return g.planes * g.plane + 2 * phase_slack<T>;
}

/// to (n) = from[first - before], from[first - before + step], ..., zero where that is not in [0, count).
template <class T>
void take_every(std::size_t first, std::size_t before, std::size_t step, std::size_t count, T const* from,
                std::size_t n, T* to) noexcept {
  std::size_t i = 0;
  std::size_t at = first;
  for (; i < n && at < before; ++i, at += step) to[i] = T(0);
  if (step == 1 && i < n && at - before < count) {
    std::size_t const left = count - (at - before);
    std::size_t const some = n - i < left ? n - i : left;
    std::memcpy(static_cast<void*>(to + i), from + (at - before), some * sizeof(T));
    i += some;
  } else {
    for (; i < n && at - before < count; ++i, at += step) to[i] = from[at - before];
  }
  for (; i < n; ++i) to[i] = T(0);
}

/// Lays out what `rows` rows of y from row p on see of one group of x; to: as phased(shape, rows) says.
template <class T>
void lay_out_phases(ConvShape const& shape, PhasedPlanes const& g, std::size_t p, T const* x, T* to) noexcept {
  std::size_t const top = p * shape.rows.stride;
  std::size_t const height = g.phase / g.width;
  for (std::size_t c = 0; c < g.planes; ++c, x += shape.height * shape.width) {
    for (std::size_t f = 0; f < g.stride; ++f) {
      for (std::size_t i = 0; i < height; ++i, to += g.width) {
        std::size_t const row = top + i;  // counted from the padding on
        bool const inside = row >= shape.rows.before && row - shape.rows.before < shape.height;
        take_every(f, shape.columns.before, g.stride, inside ? shape.width : 0,
                   inside ? x + (row - shape.rows.before) * shape.width : x, g.width, to);
      }
    }
  }
}

}  // namespace detail
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
