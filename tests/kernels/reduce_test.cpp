// tests/kernels/reduce_test.cpp: sums, softmax, losses and conversions.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/reduce/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/reduce/reference.hpp>

#include "support.hpp"

KERNEL_CASE("sums agree with long double and test for finite values") {
  for (std::size_t n : {0u, 1u, 15u, 16u, 17u, 33u, 1000u}) {
    auto x = random_values<float>(n, 1);
    CHECK(std::abs(k::sum(n, x.data()) - k::reference::sum(n, x.data())) <= 1e-7f * static_cast<float>(n));
    CHECK(k::sum_of_squares(n, x.data()) == Approx(k::reference::sum_of_squares(n, x.data())).epsilon(1e-13));
    CHECK(k::all_finite(n, x.data()));
    for (std::size_t i = 0; i < n; i += 5) {
      float const before = x[i];
      for (float bad : {INFINITY, -INFINITY, NAN}) {
        x[i] = bad;
        CHECK(k::any_non_finite(n, x.data()));
      }
      x[i] = before;
    }
  }
  CHECK(std::isnan(k::mean(0, static_cast<float*>(nullptr))));
}
