// tests/kernels/softmax_test.cpp, mirrors include/ashlar/kernels/softmax.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/softmax/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/softmax/reference.hpp>

#include "support.hpp"

namespace {

template <class T>
void check_against_reference() {
  for (std::size_t classes : {1u, 2u, 3u, 4u, 7u, 8u, 9u, 10u, 15u, 16u, 17u, 33u}) {
    for (std::size_t rows : {0u, 1u, 3u}) {
      CAPTURE(rows, classes, sizeof(T));
      auto x = random_values<T>(rows * classes, 1);
      for (std::size_t i = 0; i < rows * classes; ++i) x[i] *= T(20);
      Guarded<T> y(rows * classes), expected(rows * classes), norm(rows), norm_expected(rows);
      k::softmax(rows, classes, x.data(), y.data());
      k::reference::softmax(rows, classes, x.data(), expected.data());
      CHECK(error(y, expected, 4) < 1);
      CHECK(y.intact());
      k::log_softmax(rows, classes, x.data(), y.data());
      k::reference::log_softmax(rows, classes, x.data(), expected.data());
      CHECK(error(y, expected, 4) < 40);  // of values up to 40
      CHECK(y.intact());
      k::log_sum_exp(rows, classes, x.data(), norm.data());
      for (std::size_t r = 0; r < rows; ++r) {
        norm_expected[r] = k::reference::log_sum_exp(classes, x.data() + r * classes);
      }
      CHECK(error(norm, norm_expected, 4) < 20);
      CHECK(norm.intact());
    }
  }
}

/// Central difference of f at x[i].
template <class F>
double slope(F const& f, Guarded<double>& x, std::size_t i) {
  double const h = 1e-6;
  double const before = x[i];
  x[i] = before + h;
  double const up = f();
  x[i] = before - h;
  double const down = f();
  x[i] = before;
  return (up - down) / (2 * h);
}

}  // namespace

KERNEL_CASE("softmax, log_softmax and log_sum_exp agree with the reference") {
  each_isa([] {
    check_against_reference<float>();
    check_against_reference<double>();
  });
}

KERNEL_CASE("a row's softmax has the same bits wherever the row stands") {
  each_isa([] {
    for (std::size_t classes : {3u, 10u, 16u, 21u}) {
      auto x = random_values<float>(5 * classes, 7);
      Guarded<float> y(5 * classes), one(classes, 3);
      k::softmax(5, classes, x.data(), y.data());
      for (std::size_t r = 0; r < 5; ++r) {
        k::softmax(1, classes, x.data() + r * classes, one.data());
        CHECK(same_bits(one.data(), y.data() + r * classes, classes));
      }
    }
  });
}

KERNEL_CASE("softmax does not overflow, and passes NaN and infinity on as the reference does") {
  each_isa([] {
    for (std::size_t classes : {3u, 10u, 19u}) {
      Guarded<float> x(classes), y(classes);
      for (std::size_t c = 0; c < classes; ++c) x[c] = -1000;
      x[0] = 1000;
      x[classes - 1] = 1001;
      k::softmax(1, classes, x.data(), y.data());
      CHECK(y[0] + y[classes - 1] == Approx(1));
      CHECK(y[1] == 0);
      k::log_softmax(1, classes, x.data(), y.data());
      CHECK(y[1] == Approx(-2001.3133));
      x[1] = -INFINITY;
      k::softmax(1, classes, x.data(), y.data());
      CHECK(y[1] == 0);
      x[1] = NAN;
      k::softmax(1, classes, x.data(), y.data());
      for (std::size_t c = 0; c < classes; ++c) CHECK(std::isnan(y[c]));
    }
  });
}

KERNEL_CASE("softmax and log_softmax: gradients meet finite differences") {
  auto x = random_values<double>(10, 1);
  auto dy = random_values<double>(10, 2);
  Guarded<double> out(10);
  for (bool logarithm : {false, true}) {
    auto const value = [&] {
      if (logarithm) k::log_softmax(2, 5, x.data(), out.data());
      else k::softmax(2, 5, x.data(), out.data());
      double total = 0;
      for (std::size_t i = 0; i < 10; ++i) total += out[i] * dy[i];
      return total;
    };
    value();
    Guarded<double> dx(10);
    if (logarithm) k::log_softmax_pullback(2, 5, out.data(), dy.data(), dx.data());
    else k::softmax_pullback(2, 5, out.data(), dy.data(), dx.data());
    for (std::size_t i = 0; i < 10; ++i) CHECK(dx[i] == Approx(slope(value, x, i)).margin(1e-7));
  }
}
