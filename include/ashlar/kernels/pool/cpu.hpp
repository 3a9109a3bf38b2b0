// kernels/pool/cpu.hpp: pools and their pullbacks on the host, one thread.
// Must agree with reference.hpp; tests/kernels/pool_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run row by row under the window, so an element of y has the same bits in every batch.
#pragma once

#include <ashlar/kernels/isa.hpp>
#include <ashlar/kernels/pool/shape.hpp>

#include <cmath>
#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Elements of a window at a position that lie within the n: from first on, `dilation` apart, before last.
struct Inside {
  std::size_t first;
  std::size_t last;
};
constexpr Inside inside(Window const& w, std::size_t position, std::size_t n) {
  std::size_t const begin = position * w.stride;  // behind `before` elements of padding
  std::size_t const skipped = begin >= w.before ? 0 : (w.before - begin + w.dilation - 1) / w.dilation;
  std::size_t const end = begin + w.span() < n + w.before ? begin + w.span() : n + w.before;
  return {begin + skipped * w.dilation - w.before, end - w.before};
}

inline constexpr std::size_t nothing = static_cast<std::size_t>(-1);

/// f(index of the largest in the plane) for each window of a plane, in order. The first of equals; a NaN above all;
/// `nothing` if the window holds nothing but padding.
template <class T, class F>
void for_each_largest(PoolShape<Window> const& shape, T const* plane, F const& f) noexcept {
  std::size_t const out_height = shape.out_height();
  std::size_t const out_width = shape.out_width();
  for (std::size_t p = 0; p < out_height; ++p) {
    Inside const rows = inside(shape.rows, p, shape.height);
    for (std::size_t q = 0; q < out_width; ++q) {
      Inside const columns = inside(shape.columns, q, shape.width);
      bool const empty = rows.first >= rows.last || columns.first >= columns.last;
      std::size_t best = empty ? nothing : rows.first * shape.width + columns.first;
      for (std::size_t i = rows.first; i < rows.last; i += shape.rows.dilation) {
        for (std::size_t j = columns.first; j < columns.last; j += shape.columns.dilation) {
          T const value = plane[i * shape.width + j];
          if (value > plane[best] || (value != value && plane[best] == plane[best])) best = i * shape.width + j;
        }
      }
      f(best);
    }
  }
}

}  // namespace detail

/// y = the largest element of x under each window: x (planes, height, width) -> y. NaN if the window holds one,
/// -infinity if it holds nothing but padding.
///
/// Before  y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T>
void max_pool(PoolShape<Window> const& shape, T const* x, T* y) noexcept {
  for (std::size_t n = 0; n < shape.planes; ++n, x += shape.height * shape.width) {
    detail::for_each_largest(shape, x,
                             [x, &y](std::size_t at) { *y++ = at == detail::nothing ? T(-HUGE_VAL) : x[at]; });
  }
}

/// dx += dy at the largest element of each window, which is looked for again.
template <class T>
void max_pool_backward(PoolShape<Window> const& shape, T const* x, T const* dy, T* dx) noexcept {
  std::size_t const size = shape.height * shape.width;
  for (std::size_t n = 0; n < shape.planes; ++n, x += size, dx += size) {
    detail::for_each_largest(shape, x, [dx, &dy](std::size_t at) {
      if (at != detail::nothing) dx[at] += *dy;
      ++dy;
    });
  }
}

/// y = the mean of x under each window, of as many elements as Axis counts. Axis: AverageWindow, AdaptiveWindow.
template <class Axis, class T>
void avg_pool(PoolShape<Axis> const& shape, T const* x, T* y) noexcept {
  std::size_t const out_height = shape.out_height();
  std::size_t const out_width = shape.out_width();
  for (std::size_t n = 0; n < shape.planes; ++n, x += shape.height * shape.width) {
    for (std::size_t p = 0; p < out_height; ++p) {
      Average const rows = shape.rows.at(p, shape.height);
      for (std::size_t q = 0; q < out_width; ++q) {
        Average const columns = shape.columns.at(q, shape.width);
        T sum = T(0);
        for (std::size_t i = rows.first; i < rows.last; ++i) {
          for (std::size_t j = columns.first; j < columns.last; ++j) sum += x[i * shape.width + j];
        }
        *y++ = sum / static_cast<T>(rows.counted * columns.counted);
      }
    }
  }
}

/// dx += dy / number at each element under each window.
template <class Axis, class T>
void avg_pool_backward(PoolShape<Axis> const& shape, T const* dy, T* dx) noexcept {
  std::size_t const out_height = shape.out_height();
  std::size_t const out_width = shape.out_width();
  for (std::size_t n = 0; n < shape.planes; ++n, dx += shape.height * shape.width) {
    for (std::size_t p = 0; p < out_height; ++p) {
      Average const rows = shape.rows.at(p, shape.height);
      for (std::size_t q = 0; q < out_width; ++q) {
        Average const columns = shape.columns.at(q, shape.width);
        T const share = *dy++ / static_cast<T>(rows.counted * columns.counted);
        for (std::size_t i = rows.first; i < rows.last; ++i) {
          for (std::size_t j = columns.first; j < columns.last; ++j) dx[i * shape.width + j] += share;
        }
      }
    }
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
