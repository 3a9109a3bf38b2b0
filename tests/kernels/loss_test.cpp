// tests/kernels/loss_test.cpp, mirrors include/ashlar/kernels/loss.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/loss/cpu.hpp>  // first: shows if the header misses an include

#include "support.hpp"

namespace {

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

template <class Loss>
void check_elementwise(Loss const& loss) {
  auto x = random_values<double>(13, 1);
  auto t = random_values<double>(13, 2);
  for (std::size_t i = 0; i < 13; ++i) t[i] = 0.05 + 0.9 * std::abs(t[i]);
  for (k::Reduction reduction : {k::Reduction::mean, k::Reduction::sum}) {
    double const upstream = 1.5;
    auto const value = [&] {
      double out = 0;
      k::loss(loss, 13, x.data(), t.data(), reduction, &out);
      return upstream * out;
    };
    Guarded<double> dx(13), dt(13);
    k::loss_pullback(loss, 13, x.data(), t.data(), reduction, &upstream, dx.data(), dt.data());
    for (std::size_t i = 0; i < 13; ++i) {
      CHECK(dx[i] == Approx(slope(value, x, i)).margin(1e-7));
      CHECK(dt[i] == Approx(slope(value, t, i)).margin(1e-7));
    }
  }
}

}  // namespace

KERNEL_CASE("elementwise losses: gradients meet finite differences") {
  check_elementwise(k::MseLoss{});
  check_elementwise(k::L1Loss{});
  check_elementwise(k::SmoothL1Loss{0.3});
  check_elementwise(k::HuberLoss{0.4});
  check_elementwise(k::BceWithLogitsLoss{2});
  check_elementwise(k::KlDivLoss{});
  check_elementwise(k::KlDivLoss{true});
}

KERNEL_CASE("cross-entropy: gradients meet finite differences, ignored rows count nothing") {
  constexpr std::size_t rows = 4, classes = 5;
  double const weight[classes] = {0.5, 2, 1, 0.25, 3};
  std::int64_t const target[rows] = {1, 4, -100, 0};
  auto x = random_values<double>(rows * classes, 1);
  for (double const* w : {static_cast<double const*>(nullptr), weight}) {
    for (double smoothing : {0.0, 0.2}) {
      for (k::Reduction reduction : {k::Reduction::mean, k::Reduction::sum}) {
        k::CrossEntropy<double> const s{w, -100, reduction, smoothing};
        double norm[rows];
        double const upstream = 0.7;
        auto const value = [&] {
          double out = 0;
          k::cross_entropy(rows, classes, x.data(), target, s, &out, norm);
          return upstream * out;
        };
        double out = 0;
        double const counted = k::cross_entropy(rows, classes, x.data(), target, s, &out, norm);
        Guarded<double> dx(rows * classes);
        k::cross_entropy_pullback(rows, classes, x.data(), target, s, norm, counted, &upstream, dx.data());
        for (std::size_t i = 0; i < rows * classes; ++i) CHECK(dx[i] == Approx(slope(value, x, i)).margin(1e-7));
        CHECK(dx[2 * classes] == 0);
        CHECK(dx.intact());
      }
    }
  }
  auto q = random_values<double>(rows * classes, 3);
  k::CrossEntropy<double> const s{weight, -100, k::Reduction::mean, 0.1};
  double norm[rows];
  double const upstream = 2;
  auto const value = [&] {
    double out = 0;
    k::cross_entropy_probabilities(rows, classes, x.data(), q.data(), s, &out, norm);
    return upstream * out;
  };
  value();
  Guarded<double> dx(rows * classes), dq(rows * classes);
  k::cross_entropy_probabilities_pullback(rows, classes, x.data(), q.data(), s, norm, &upstream, dx.data(), dq.data());
  for (std::size_t i = 0; i < rows * classes; ++i) {
    CHECK(dx[i] == Approx(slope(value, x, i)).margin(1e-7));
    CHECK(dq[i] == Approx(slope(value, q, i)).margin(1e-7));
  }
}

KERNEL_CASE("targets out of range are found") {
  std::int64_t const target[] = {0, -100, 3, 4, -1};
  std::size_t bad = 99;
  CHECK(k::targets_in_range(3, 4, target));
  CHECK_FALSE(k::targets_in_range(5, 4, target, -100, &bad));
  CHECK(bad == 3);
  CHECK(k::first_bad_target(5, 5, target) == 4);
  CHECK(k::first_bad_target(2, 4, target, -1) == 1);
}
