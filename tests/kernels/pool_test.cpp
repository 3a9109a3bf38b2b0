// tests/kernels/pool_test.cpp, mirrors include/ashlar/kernels/pool.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/pool/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/pool/reference.hpp>

#include "support.hpp"

namespace {

using k::Window;

constexpr std::size_t images[][2] = {{1, 1}, {3, 3}, {4, 7}, {9, 8}, {12, 5}};  // rows, columns

template <class T>
void check_max(k::PoolShape<Window> const& shape) {
  std::size_t const in = shape.planes * shape.height * shape.width;
  std::size_t const out = shape.planes * shape.out_height() * shape.out_width();
  auto x = random_values<T>(in, 1);
  for (std::size_t i = 0; i < in; i += 3) x[i] = T(0.5);  // equals
  if (in > 7) x[7] = NAN;
  Guarded<T> y(out), expected(out);
  k::max_pool(shape, x.data(), y.data());
  k::reference::max_pool(shape, x.data(), expected.data());
  CHECK(same_bits(y.data(), expected.data(), out));
  CHECK(y.intact());
  auto dy = random_values<T>(out, 2, 3);
  auto dx = random_values<T>(in, 3), dx_expected = random_values<T>(in, 3);
  k::max_pool_backward(shape, x.data(), dy.data(), dx.data());
  k::reference::max_pool_backward(shape, x.data(), dy.data(), dx_expected.data());
  CHECK(same_bits(dx.data(), dx_expected.data(), in));
  CHECK(dx.intact());
}

// Bound: within the rounding of a sum of a window's elements, as error() counts it.
template <class T, class Axis>
void check_average(k::PoolShape<Axis> const& shape) {
  std::size_t const in = shape.planes * shape.height * shape.width;
  std::size_t const out = shape.planes * shape.out_height() * shape.out_width();
  auto x = random_values<T>(in, 1);
  Guarded<T> y(out), expected(out);
  k::avg_pool(shape, x.data(), y.data());
  k::reference::avg_pool(shape, x.data(), expected.data());
  CHECK(error(y, expected, 8) < 2);
  CHECK(y.intact());
  auto dy = random_values<T>(out, 2, 3);
  auto dx = random_values<T>(in, 3), dx_expected = random_values<T>(in, 3);
  k::avg_pool_backward(shape, dy.data(), dx.data());
  k::reference::avg_pool_backward(shape, dy.data(), dx_expected.data());
  CHECK(error(dx, dx_expected, 8) < 2);
  CHECK(dx.intact());
}

}  // namespace

KERNEL_CASE("pools that move a window, and their pullbacks, agree with the reference") {
  for (auto const [height, width] : images) {
    for (std::size_t kernel = 1; kernel < 4; ++kernel) {
      for (std::size_t stride = 1; stride < 4; ++stride) {
        for (std::size_t padding = 0; padding <= kernel / 2; ++padding) {
          for (bool const ceil : {false, true}) {
            Window const w{kernel, stride, 1, padding, padding, ceil};
            Window const wide{kernel, stride, 2, padding, padding, ceil};
            CAPTURE(height, width, kernel, stride, padding, ceil);
            if (w.fits(height) && wide.fits(width)) check_max<float>({2, w, wide, height, width});
            if (!w.fits(height) || !w.fits(width)) continue;
            for (bool const include : {false, true}) {
              check_average<double, k::AverageWindow>({3, {w, include}, {w, include}, height, width});
            }
          }
        }
      }
    }
  }
}

KERNEL_CASE("pools to given extents, and their pullbacks, agree with the reference") {
  for (auto const [height, width] : images) {
    for (std::size_t rows = 1; rows < 6; ++rows) {
      for (std::size_t columns = 1; columns < 4; ++columns) {
        CAPTURE(height, width, rows, columns);
        check_average<float, k::AdaptiveWindow>({2, {rows}, {columns}, height, width});
      }
    }
  }
}
