// tests/kernels/reduce_test.cpp, mirrors include/ashlar/kernels/reduce.  SPDX-License-Identifier: BSL-1.0
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

KERNEL_CASE("rows are added in their order, and argmax is PyTorch's") {
  float const rows[6] = {1, 2, 3, 0.1f, 0.2f, 0.3f};
  float out[3] = {10, 20, 30};
  k::add_rows(2, 3, rows, out);
  for (std::size_t c = 0; c < 3; ++c) CHECK(out[c] == 10.0f * static_cast<float>(c + 1) + rows[c] + rows[3 + c]);
  float const x[5] = {1, 3, NAN, 3, NAN};
  CHECK(k::argmax(2, x) == 1);
  CHECK(k::argmax(5, x) == 2);
  CHECK(k::argmax(1, x) == 0);
}
