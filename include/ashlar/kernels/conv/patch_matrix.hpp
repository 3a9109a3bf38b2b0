// kernels/conv/patch_matrix.hpp: dx by gradients of patches.  SPDX-License-Identifier: BSL-1.0
//
// Where dx is no convolution of dy: the gradients of patches as a matrix (patch, positions), some rows of y at a time,
// each of which is added to where it was taken from.
#pragma once

#include <ashlar/kernels/conv/shape.hpp>
#include <ashlar/kernels/isa.hpp>

#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// The patches are x itself.
constexpr bool is_pointwise(ConvShape const& shape) { return shape.rows.is_identity() && shape.columns.is_identity(); }

/// Rows of y at a time: those whose patches take 1 MB.
template <class T>
constexpr std::size_t rows_at_once(ConvShape const& shape) {
  std::size_t const all = shape.out_height();
  std::size_t const some = (std::size_t{1} << 20) / sizeof(T) / (shape.patch() * shape.out_width() + 1);
  return is_pointwise(shape) || some > all ? all : some == 0 ? 1 : some;
}

/// dx += patches (patch, count * out_width) of `count` rows of y from row p on, one group. What lies in the padding is
/// dropped.
template <class T>
void add_patches(ConvShape const& shape, std::size_t p, std::size_t count, T const* patches, T* dx) noexcept {
  std::size_t const width = shape.out_width();
  std::size_t const stride = shape.columns.stride;
  for (std::size_t c = 0; c < shape.in_of_group(); ++c) {
    for (std::size_t r = 0; r < shape.rows.kernel; ++r) {
      std::size_t const first_row = shape.rows.first(r, shape.out_height());
      std::size_t const last_row = shape.rows.last(r, shape.height, shape.out_height());
      for (std::size_t s = 0; s < shape.columns.kernel; ++s) {
        std::size_t const first = shape.columns.first(s, width);
        std::size_t const last = shape.columns.last(s, shape.width, width);
        std::size_t const column = first * stride + s * shape.columns.dilation - shape.columns.before;
        for (std::size_t i = 0; i < count; ++i, patches += width) {
          if (p + i < first_row || p + i >= last_row || first >= last) continue;
          std::size_t const row = (p + i) * shape.rows.stride + r * shape.rows.dilation - shape.rows.before;
          T* const to = dx + (c * shape.height + row) * shape.width + column;
          if (stride == 1) {
            for (std::size_t q = first; q < last; ++q) to[q - first] += patches[q];
          } else {
            for (std::size_t q = first; q < last; ++q) to[(q - first) * stride] += patches[q];
          }
        }
      }
    }
  }
}

}  // namespace detail
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
