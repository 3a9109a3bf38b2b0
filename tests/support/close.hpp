// Comparison of sequences of numbers with golden ones.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <iterator>

namespace ashlar::test {

/// The largest |actual - expected| / (atol + rtol * |expected|): at most 1 if all agree. NaN agrees with NaN only;
/// sequences of different lengths never agree.
template <class A, class E>
double worst(A const& actual, E const& expected, double rtol, double atol) {
  if (std::size(actual) != std::size(expected)) return HUGE_VAL;
  double out = 0;
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    double const a = static_cast<double>(std::data(actual)[i]);
    double const e = static_cast<double>(std::data(expected)[i]);
    double error = 0;
    if (std::isnan(a) || std::isnan(e)) {
      error = std::isnan(a) && std::isnan(e) ? 0 : HUGE_VAL;
    } else if (a != e) {
      error = std::abs(a - e) / (atol + rtol * std::abs(e));
    }
    if (error > out) out = error;
  }
  return out;
}

/// Fails the test case's check unless each |actual - expected| <= atol + rtol * |expected|. Returns `worst`.
template <class A, class E>
double expect_close(A const& actual, E const& expected, double rtol, double atol) {
  double const error = worst(actual, expected, rtol, atol);
  INFO("rtol " << rtol << ", atol " << atol << ": error as a multiple of what is allowed");
  CHECK(error <= 1);
  return error;
}

/// The largest error relative to the largest expected magnitude: what summation order may change.
template <class A, class E>
double worst_of_scale(A const& actual, E const& expected) {
  double scale = 0;
  for (auto const e : expected) scale = std::fmax(scale, std::abs(static_cast<double>(e)));
  return worst(actual, expected, 0, scale == 0 ? 1 : scale);
}

/// Same number of elements of the same type, and the same bytes.
template <class A, class E>
bool same_bits(A const& actual, E const& expected) {
  static_assert(sizeof(*std::data(actual)) == sizeof(*std::data(expected)));
  std::size_t const n = std::size(expected);
  return std::size(actual) == n &&
         (n == 0 || std::memcmp(std::data(actual), std::data(expected), n * sizeof(*std::data(actual))) == 0);
}

}  // namespace ashlar::test
