// tests/kernels/prelu_test.cpp, mirrors include/ashlar/kernels/prelu.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/prelu/cpu.hpp>  // first: shows if the header misses an include

#include "support.hpp"

KERNEL_CASE("prelu scales what is not positive by its channel's slope; either gradient may be left out") {
  constexpr std::size_t outer = 2, channels = 3, inner = 5, n = outer * channels * inner;
  auto x = random_values<double>(n, 1);
  auto dy = random_values<double>(n, 2);
  double const slope[channels] = {0.25, -1, 2};
  Guarded<double> y(n), dx(n), dx_alone(n), dslope(channels), dslope_alone(channels);
  k::prelu(outer, channels, inner, x.data(), slope, y.data());
  k::prelu_pullback(outer, channels, inner, x.data(), slope, dy.data(), dx.data(), dslope.data());
  k::prelu_pullback<double>(outer, channels, inner, x.data(), slope, dy.data(), dx_alone.data(), nullptr);
  k::prelu_pullback<double>(outer, channels, inner, x.data(), slope, dy.data(), nullptr, dslope_alone.data());
  double expected[channels] = {};
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t const c = i / inner % channels;
    CHECK(y[i] == (x[i] > 0 ? x[i] : slope[c] * x[i]));
    CHECK(dx[i] == (x[i] > 0 ? dy[i] : slope[c] * dy[i]));
    CHECK(dx_alone[i] == dx[i]);
    if (x[i] <= 0) expected[c] += x[i] * dy[i];
  }
  for (std::size_t c = 0; c < channels; ++c) {
    CHECK(dslope[c] == Approx(expected[c]));
    CHECK(dslope_alone[c] == dslope[c]);
  }
  CHECK((y.intact() && dx.intact() && dslope.intact()));
}
