// kernels/pool/reference.hpp: pools and their pullbacks as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pool/shape.hpp>

#include <cmath>
#include <cstddef>

namespace ashlar::kernels::reference {

/// Pointer to the largest element of x under window (p, q) of a plane, the first of equals, and a NaN above all; null
/// if there is nothing but padding.
template <class T>
T const* largest(PoolShape<Window> const& shape, T const* plane, std::size_t p, std::size_t q) {
  T const* best = nullptr;
  for (std::size_t r = 0; r < shape.rows.kernel; ++r) {
    for (std::size_t s = 0; s < shape.columns.kernel; ++s) {
      std::size_t const i = p * shape.rows.stride + r * shape.rows.dilation;        // behind `before` elements of
      std::size_t const j = q * shape.columns.stride + s * shape.columns.dilation;  // padding
      if (i < shape.rows.before || i >= shape.rows.before + shape.height) continue;
      if (j < shape.columns.before || j >= shape.columns.before + shape.width) continue;
      T const* const at = plane + (i - shape.rows.before) * shape.width + j - shape.columns.before;
      if (best == nullptr || *at > *best || (std::isnan(*at) && !std::isnan(*best))) best = at;
    }
  }
  return best;
}

template <class T>
void max_pool(PoolShape<Window> const& shape, T const* x, T* y) noexcept {
  for (std::size_t n = 0; n < shape.planes; ++n, x += shape.height * shape.width) {
    for (std::size_t p = 0; p < shape.out_height(); ++p) {
      for (std::size_t q = 0; q < shape.out_width(); ++q) {
        T const* const from = largest(shape, x, p, q);
        *y++ = from != nullptr ? *from : -static_cast<T>(HUGE_VAL);
      }
    }
  }
}

/// dx += dy at the largest element of each window.
template <class T>
void max_pool_backward(PoolShape<Window> const& shape, T const* x, T const* dy, T* dx) noexcept {
  std::size_t const size = shape.height * shape.width;
  for (std::size_t n = 0; n < shape.planes; ++n, x += size, dx += size) {
    for (std::size_t p = 0; p < shape.out_height(); ++p) {
      for (std::size_t q = 0; q < shape.out_width(); ++q, ++dy) {
        T const* const from = largest(shape, x, p, q);
        if (from != nullptr) dx[from - x] += *dy;
      }
    }
  }
}

/// f(index of x, index of y, 1 / number) for each element of x under each window.
template <class Axis, class F>
void for_each_averaged(PoolShape<Axis> const& shape, F const& f) {
  std::size_t out = 0;
  for (std::size_t n = 0; n < shape.planes; ++n) {
    for (std::size_t p = 0; p < shape.out_height(); ++p) {
      for (std::size_t q = 0; q < shape.out_width(); ++q, ++out) {
        Average const rows = shape.rows.at(p, shape.height);
        Average const columns = shape.columns.at(q, shape.width);
        for (std::size_t i = rows.first; i < rows.last; ++i) {
          for (std::size_t j = columns.first; j < columns.last; ++j) {
            f((n * shape.height + i) * shape.width + j, out, static_cast<double>(rows.counted * columns.counted));
          }
        }
      }
    }
  }
}

template <class Axis, class T>
void avg_pool(PoolShape<Axis> const& shape, T const* x, T* y) noexcept {
  std::size_t const size = shape.planes * shape.out_height() * shape.out_width();
  for (std::size_t i = 0; i < size; ++i) y[i] = T(0);
  for_each_averaged(shape, [&](std::size_t ix, std::size_t iy, double n) { y[iy] += x[ix] / static_cast<T>(n); });
}

template <class Axis, class T>
void avg_pool_backward(PoolShape<Axis> const& shape, T const* dy, T* dx) noexcept {
  for_each_averaged(shape, [&](std::size_t ix, std::size_t iy, double n) { dx[ix] += dy[iy] / static_cast<T>(n); });
}

}  // namespace ashlar::kernels::reference
