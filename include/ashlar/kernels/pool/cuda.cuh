// kernels/pool/cuda.cuh: pools and their pullbacks on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_product_test.cpp states the bound.
// SPDX-License-Identifier: BSL-1.0
//
// A thread an element of the result; the pullbacks ask for each element of x which windows it lies under, so that
// nothing is added by two threads and sums have the order of the windows. Forward: bandwidth for x, whose repeats come
// from L1. max_pool_backward finds the largest of each window again, as often as the window has elements: for 3 x 3
// with stride 2 some 20 loads from L1 an element of dx, which an H200 does at about a third of its bandwidth.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/pool/shape.hpp>
#include <ashlar/kernels/reduce/channels.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// Plane, row and column of element i of planes of `width` columns.
struct Place {
  std::size_t plane;
  std::size_t row;
  std::size_t column;
  ASHLAR_DEVICE static Place of(std::size_t i, std::size_t height, std::size_t width) {
    Quotient const line = divide(i, width);
    Quotient const plane = divide(line.quotient, height);
    return {plane.quotient, plane.rest, line.rest};
  }
};

inline constexpr std::size_t no_element = static_cast<std::size_t>(-1);

/// Index in its plane of the largest element under window (p, q), the first of equals, a NaN above all; no_element if
/// there is nothing but padding.
template <class T>
ASHLAR_DEVICE std::size_t largest_of_window(PoolShape<Window> const& shape, T const* plane, std::size_t p,
                                            std::size_t q) {
  std::size_t best = no_element;
  for (std::size_t r = 0; r < shape.rows.kernel; ++r) {
    std::size_t const i = p * shape.rows.stride + r * shape.rows.dilation - shape.rows.before;
    if (i >= shape.height) continue;  // what lies before wraps around
    for (std::size_t s = 0; s < shape.columns.kernel; ++s) {
      std::size_t const j = q * shape.columns.stride + s * shape.columns.dilation - shape.columns.before;
      if (j >= shape.width) continue;
      std::size_t const at = i * shape.width + j;
      if (best == no_element || plane[at] > plane[best] || (plane[at] != plane[at] && plane[best] == plane[best])) {
        best = at;
      }
    }
  }
  return best;
}

template <class T>
struct MaxPool {
  PoolShape<Window> shape;
  std::size_t out_height;
  std::size_t out_width;
  T const* x;
  T* y;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t i = first; i < first + N; ++i) {
      Place const place = Place::of(i, out_height, out_width);
      T const* const plane = x + place.plane * shape.height * shape.width;
      std::size_t const best = largest_of_window(shape, plane, place.row, place.column);
      y[i] = best == no_element ? -static_cast<T>(__builtin_huge_val()) : plane[best];
    }
  }
};

/// f(position) for each position of a window whose element k lies at i, in order.
template <class F>
ASHLAR_DEVICE void for_each_position(Window const& w, std::size_t i, std::size_t count, F const& f) {
  for (std::size_t k = w.kernel; k-- > 0;) {
    std::size_t const at = i + w.before - k * w.dilation;
    if (at > i + w.before || at % w.stride != 0 || at / w.stride >= count) continue;
    f(at / w.stride);
  }
}

template <class T>
struct MaxPoolBackward {
  PoolShape<Window> shape;
  std::size_t out_height;
  std::size_t out_width;
  T const* x;
  T const* dy;
  T* dx;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t i = first; i < first + N; ++i) {
      Place const place = Place::of(i, shape.height, shape.width);
      T const* const plane = x + place.plane * shape.height * shape.width;
      std::size_t const own = place.row * shape.width + place.column;
      T sum = dx[i];
      for_each_position(shape.rows, place.row, out_height, [&](std::size_t p) {
        for_each_position(shape.columns, place.column, out_width, [&](std::size_t q) {
          if (largest_of_window(shape, plane, p, q) == own) sum += dy[(place.plane * out_height + p) * out_width + q];
        });
      });
      dx[i] = sum;
    }
  }
};

template <class Axis, class T>
struct AvgPool {
  PoolShape<Axis> shape;
  std::size_t out_height;
  std::size_t out_width;
  T const* x;
  T* y;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t i = first; i < first + N; ++i) {
      Place const place = Place::of(i, out_height, out_width);
      T const* const plane = x + place.plane * shape.height * shape.width;
      Average const rows = shape.rows.at(place.row, shape.height);
      Average const columns = shape.columns.at(place.column, shape.width);
      T sum = T(0);
      for (std::size_t r = rows.first; r < rows.last; ++r) {
        for (std::size_t c = columns.first; c < columns.last; ++c) sum += plane[r * shape.width + c];
      }
      y[i] = sum / static_cast<T>(rows.counted * columns.counted);
    }
  }
};

/// Positions [first, last) among which are all whose windows hold element i of n.
struct Candidates {
  std::size_t first;
  std::size_t last;
};
ASHLAR_DEVICE_INLINE Candidates candidates(AverageWindow const& axis, std::size_t i, std::size_t, std::size_t count) {
  Window const& w = axis.window;
  std::size_t const at = i + w.before;
  std::size_t const last = at / w.stride + 1;
  return {at < w.kernel ? 0 : (at - w.kernel) / w.stride + 1, last < count ? last : count};
}
ASHLAR_DEVICE_INLINE Candidates candidates(AdaptiveWindow const& axis, std::size_t i, std::size_t n,
                                           std::size_t count) {
  std::size_t const first = i * axis.wanted / n;
  std::size_t const last = (i + 1) * axis.wanted / n + 2;
  return {first == 0 ? 0 : first - 1, last < count ? last : count};
}

template <class Axis, class T>
struct AvgPoolBackward {
  PoolShape<Axis> shape;
  std::size_t out_height;
  std::size_t out_width;
  T const* dy;
  T* dx;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t i = first; i < first + N; ++i) {
      Place const place = Place::of(i, shape.height, shape.width);
      Candidates const rows = candidates(shape.rows, place.row, shape.height, out_height);
      Candidates const columns = candidates(shape.columns, place.column, shape.width, out_width);
      T sum = dx[i];
      for (std::size_t p = rows.first; p < rows.last; ++p) {
        Average const r = shape.rows.at(p, shape.height);
        if (place.row < r.first || place.row >= r.last) continue;
        for (std::size_t q = columns.first; q < columns.last; ++q) {
          Average const c = shape.columns.at(q, shape.width);
          if (place.column < c.first || place.column >= c.last) continue;
          sum += dy[(place.plane * out_height + p) * out_width + q] / static_cast<T>(r.counted * c.counted);
        }
      }
      dx[i] = sum;
    }
  }
};

template <class F, class Launcher>
void pool_over(Launcher& launcher, std::size_t n, F const& f) {
  launcher.launch(device::blocks_for(n, 256), device::Elementwise<F>{f, n, false});
}

}  // namespace detail

/// y = the largest element of x under each window: x (planes, height, width) -> y. NaN if the window holds one,
/// -infinity if it holds nothing but padding.
///
/// Before  y overlaps no input.
template <class T, class Launcher>
void max_pool(Launcher& launcher, PoolShape<Window> const& shape, T const* x, T* y) {
  std::size_t const h = shape.out_height();
  std::size_t const w = shape.out_width();
  detail::pool_over(launcher, shape.planes * h * w, detail::MaxPool<T>{shape, h, w, x, y});
}

/// dx += dy at the largest element of each window, which is looked for again.
template <class T, class Launcher>
void max_pool_backward(Launcher& launcher, PoolShape<Window> const& shape, T const* x, T const* dy, T* dx) {
  std::size_t const h = shape.out_height();
  std::size_t const w = shape.out_width();
  detail::pool_over(launcher, shape.planes * shape.height * shape.width,
                    detail::MaxPoolBackward<T>{shape, h, w, x, dy, dx});
}

/// y = the mean of x under each window, of as many elements as Axis counts. Axis: AverageWindow, AdaptiveWindow.
template <class Axis, class T, class Launcher>
void avg_pool(Launcher& launcher, PoolShape<Axis> const& shape, T const* x, T* y) {
  std::size_t const h = shape.out_height();
  std::size_t const w = shape.out_width();
  detail::pool_over(launcher, shape.planes * h * w, detail::AvgPool<Axis, T>{shape, h, w, x, y});
}

/// dx += dy / number at each element under each window.
template <class Axis, class T, class Launcher>
void avg_pool_backward(Launcher& launcher, PoolShape<Axis> const& shape, T const* dy, T* dx) {
  std::size_t const h = shape.out_height();
  std::size_t const w = shape.out_width();
  detail::pool_over(launcher, shape.planes * shape.height * shape.width,
                    detail::AvgPoolBackward<Axis, T>{shape, h, w, dy, dx});
}

}  // namespace ashlar::kernels::cuda
