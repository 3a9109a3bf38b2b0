// kernels/conv/patch_matrix.hpp: patches as a matrix (patch, positions).  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/conv/shape.hpp>
#include <ashlar/kernels/isa.hpp>

#include <cstddef>
#include <cstring>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Bytes of patches laid out at a time. Each block reads and writes dweight once, so few blocks are better where there
/// are many channels. One core of a busy AMD EPYC, g++ 12 -O2, blocks of 64 KB, 256 KB and 1 MB, best of two runs in
/// turn: 512 -> 512 channels, 3 x 3 on 7 x 7, y 24, 25, 29 GF/s, dweight 6, 10, 22; 64 -> 64 on 56 x 56, y 43, 39, 35,
/// dweight 36, 33, 51.
inline constexpr std::size_t patch_bytes = std::size_t{1} << 20;

/// The patches are x itself.
constexpr bool is_pointwise(ConvShape const& shape) { return shape.rows.is_identity() && shape.columns.is_identity(); }

/// Rows of y whose patches are laid out at a time.
template <class T>
constexpr std::size_t rows_at_once(ConvShape const& shape) {
  std::size_t const all = shape.out_height();
  std::size_t const some = patch_bytes / sizeof(T) / (shape.patch() * shape.out_width() + 1);
  return is_pointwise(shape) || some > all ? all : some == 0 ? 1 : some;
}

/// f(patch element, its row of x, its position in the block, first and last column of y where it lies in x, its column
/// of x there), for each element of the patches of `count` rows of y from row p on, one group.
template <class F>
void for_each_run(ConvShape const& shape, std::size_t p, std::size_t count, F const& f) noexcept {
  std::size_t const width = shape.out_width();
  std::size_t element = 0;
  for (std::size_t c = 0; c < shape.in_of_group(); ++c) {
    for (std::size_t r = 0; r < shape.rows.kernel; ++r) {
      std::size_t const first_row = shape.rows.first(r, shape.out_height());
      std::size_t const last_row = shape.rows.last(r, shape.height, shape.out_height());
      for (std::size_t s = 0; s < shape.columns.kernel; ++s, ++element) {
        std::size_t const first = shape.columns.first(s, width);
        std::size_t const last = shape.columns.last(s, shape.width, width);
        std::size_t const column = first * shape.columns.stride + s * shape.columns.dilation - shape.columns.before;
        for (std::size_t i = 0; i < count; ++i) {
          bool const inside = p + i >= first_row && p + i < last_row && first < last;
          std::size_t const row = (p + i) * shape.rows.stride + r * shape.rows.dilation - shape.rows.before;
          std::size_t const from = inside ? (c * shape.height + row) * shape.width + column : 0;
          f(element, i * width, inside ? first : 0, inside ? last : 0, from);
        }
      }
    }
  }
}

/// patches (patch, count * out_width): the elements of x (one group) under the window, zero beyond its edges.
template <class T>
void lay_out_patches(ConvShape const& shape, std::size_t p, std::size_t count, T const* x, T* patches) noexcept {
  std::size_t const width = shape.out_width();
  std::size_t const stride = shape.columns.stride;
  for_each_run(shape, p, count,
               [=](std::size_t element, std::size_t at, std::size_t first, std::size_t last, std::size_t from) {
                 T* const to = patches + element * count * width + at;
                 for (std::size_t q = 0; q < first; ++q) to[q] = T(0);
                 if (stride == 1) {
                   std::memcpy(to + first, x + from, (last - first) * sizeof(T));
                 } else {
                   for (std::size_t q = first; q < last; ++q) to[q] = x[from + (q - first) * stride];
                 }
                 for (std::size_t q = last; q < width; ++q) to[q] = T(0);
               });
}

/// dx += patches, each element where it was taken from.
template <class T>
void add_patches(ConvShape const& shape, std::size_t p, std::size_t count, T const* patches, T* dx) noexcept {
  std::size_t const width = shape.out_width();
  std::size_t const stride = shape.columns.stride;
  for_each_run(shape, p, count,
               [=](std::size_t element, std::size_t at, std::size_t first, std::size_t last, std::size_t from) {
                 T const* const source = patches + element * count * width + at;
                 if (stride == 1) {
                   for (std::size_t q = first; q < last; ++q) dx[from + q - first] += source[q];
                 } else {
                   for (std::size_t q = first; q < last; ++q) dx[from + (q - first) * stride] += source[q];
                 }
               });
}

/// f(group, first position of y, positions, first row of y, rows) for each group and block of the rows [first, last) of
/// an image.
template <class T, class F>
void for_each_block(ConvShape const& shape, std::size_t first, std::size_t last, F const& f) noexcept {
  std::size_t const width = shape.out_width();
  std::size_t const at_once = rows_at_once<T>(shape);
  for (std::size_t g = 0; g < shape.groups; ++g) {
    for (std::size_t p = first; p < last; p += at_once) {
      std::size_t const rows = last - p < at_once ? last - p : at_once;
      f(g, p * width, rows * width, p, rows);
    }
  }
}
template <class T, class F>
void for_each_block(ConvShape const& shape, F const& f) noexcept {
  for_each_block<T>(shape, 0, shape.out_height(), f);
}

}  // namespace detail
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
