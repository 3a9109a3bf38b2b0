// tests/kernels/layer_norm_test.cpp, mirrors include/ashlar/kernels/layer_norm.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/layer_norm/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/layer_norm/reference.hpp>

#include "support.hpp"

namespace {

// Bound: within the rounding of a few operations, and of sums over rows, as error() counts it.
template <class T>
void check_layer_norm(std::size_t rows, std::size_t n, bool affine) {
  CAPTURE(rows, n, affine, sizeof(T));
  auto x = random_values<T>(rows * n, 1);
  auto weight = random_values<T>(n, 2, 0), bias = random_values<T>(n, 3, 3);
  auto dy = random_values<T>(rows * n, 4, 5);
  T const* const w = affine ? weight.data() : nullptr;
  T const* const b = affine ? bias.data() : nullptr;
  double const eps = 0.25;  // values are of the size of 1, whatever the variance
  Guarded<T> y(rows * n), expected(rows * n);
  k::layer_norm(rows, n, x.data(), eps, w, b, y.data());
  k::reference::layer_norm(rows, n, x.data(), eps, w, b, expected.data());
  CHECK(error(y, expected, 8) < 2);
  CHECK(y.intact());
  auto dx = random_values<T>(rows * n, 5), dx_expected = random_values<T>(rows * n, 5);
  auto dweight = random_values<T>(n, 6), dweight_expected = random_values<T>(n, 6);
  auto dbias = random_values<T>(n, 7), dbias_expected = random_values<T>(n, 7);
  k::layer_norm_backward(rows, n, x.data(), eps, w, dy.data(), dx.data(), dweight.data(), dbias.data());
  k::reference::layer_norm_backward(rows, n, x.data(), eps, w, dy.data(), dx_expected.data(), dweight_expected.data(),
                                    dbias_expected.data());
  CHECK(error(dx, dx_expected, 16) < 2);
  CHECK(error(dweight, dweight_expected, rows + 4) < 2);
  CHECK(error(dbias, dbias_expected, rows) < 2);
  CHECK((dx.intact() && dweight.intact() && dbias.intact()));
  T* const none = nullptr;
  auto alone = random_values<T>(rows * n, 5);
  k::layer_norm_backward(rows, n, x.data(), eps, w, dy.data(), alone.data(), none, none);
  CHECK(same_bits(alone.data(), dx.data(), rows * n));
}

}  // namespace

KERNEL_CASE("normalisation of rows and its pullback agree with the reference") {
  each_isa([] {
    for (std::size_t const rows : {0u, 1u, 3u, 8u}) {
      for (std::size_t const n : {1u, 2u, 3u, 4u, 5u, 17u, 64u, 101u}) {
        for (bool const affine : {false, true}) {
          check_layer_norm<float>(rows, n, affine);
          check_layer_norm<double>(rows, n, affine);
        }
      }
    }
  });
}
