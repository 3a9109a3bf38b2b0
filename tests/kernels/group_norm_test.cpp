// tests/kernels/group_norm_test.cpp, mirrors include/ashlar/kernels/{group_norm,rms_norm}.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/group_norm/cpu.hpp>  // first: shows if the header misses an include
#include <ashlar/kernels/rms_norm/cpu.hpp>

#include <ashlar/kernels/group_norm/reference.hpp>
#include <ashlar/kernels/rms_norm/reference.hpp>

#include "support.hpp"

namespace {

constexpr double eps = 0.25;  // values are of the size of 1, whatever the variance

// Bound: within the rounding of a few operations, and of sums over images, as error() counts it.
template <class T>
void check_group_norm(k::Planes const& planes, std::size_t groups, bool affine) {
  CAPTURE(planes.images, planes.channels, planes.area, groups, affine, sizeof(T));
  std::size_t const n = planes.images * planes.channels * planes.area;
  auto x = random_values<T>(n, 1), weight = random_values<T>(planes.channels, 2, 0),
       bias = random_values<T>(planes.channels, 3, 3), dy = random_values<T>(n, 4, 5);
  T const* const w = affine ? weight.data() : nullptr;
  Guarded<T> y(n), expected(n);
  k::group_norm(planes, groups, x.data(), eps, w, affine ? bias.data() : nullptr, y.data());
  k::reference::group_norm(planes, groups, x.data(), eps, w, affine ? bias.data() : nullptr, expected.data());
  CHECK(error(y, expected, 8) < 2);
  auto dx = random_values<T>(n, 5), dweight = random_values<T>(planes.channels, 6),
       dbias = random_values<T>(planes.channels, 7);
  auto dx2 = dx, dweight2 = dweight, dbias2 = dbias;
  k::group_norm_backward(planes, groups, x.data(), eps, w, dy.data(), dx.data(), dweight.data(), dbias.data());
  k::reference::group_norm_backward(planes, groups, x.data(), eps, w, dy.data(), dx2.data(), dweight2.data(),
                                    dbias2.data());
  CHECK(error(dx, dx2, 16) < 2);
  CHECK(error(dweight, dweight2, planes.images * planes.area + 4) < 2);
  CHECK(error(dbias, dbias2, planes.images * planes.area) < 2);
  CHECK((y.intact() && dx.intact() && dweight.intact() && dbias.intact()));
}

template <class T>
void check_rms_norm(std::size_t rows, std::size_t n, bool affine) {
  CAPTURE(rows, n, affine, sizeof(T));
  auto x = random_values<T>(rows * n, 1), weight = random_values<T>(n, 2, 0), dy = random_values<T>(rows * n, 4, 5);
  T const* const w = affine ? weight.data() : nullptr;
  Guarded<T> y(rows * n), expected(rows * n);
  k::rms_norm(rows, n, x.data(), eps, w, y.data());
  k::reference::rms_norm(rows, n, x.data(), eps, w, expected.data());
  CHECK(error(y, expected, 8) < 2);
  auto dx = random_values<T>(rows * n, 5), dweight = random_values<T>(n, 6), dx2 = dx, dweight2 = dweight;
  k::rms_norm_backward(rows, n, x.data(), eps, w, dy.data(), dx.data(), dweight.data());
  k::reference::rms_norm_backward(rows, n, x.data(), eps, w, dy.data(), dx2.data(), dweight2.data());
  CHECK(error(dx, dx2, 16) < 2);
  CHECK(error(dweight, dweight2, rows + 4) < 2);
  CHECK((y.intact() && dx.intact() && dweight.intact()));
}

}  // namespace

KERNEL_CASE("normalisation of groups of channels and of rows agrees with the reference") {
  each_isa([] {
    for (bool const affine : {false, true}) {
      for (std::size_t const images : {0u, 1u, 3u}) {
        for (std::size_t const area : {1u, 5u, 16u, 41u}) {
          check_group_norm<float>({images, 6, area}, 1, affine);
          check_group_norm<float>({images, 6, area}, 3, affine);
          check_group_norm<double>({images, 4, area}, 4, affine);
        }
        for (std::size_t const n : {1u, 4u, 17u, 75u}) {
          check_rms_norm<float>(images, n, affine);
          check_rms_norm<double>(images, n, affine);
        }
      }
    }
  });
}
