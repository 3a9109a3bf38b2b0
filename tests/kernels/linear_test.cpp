// tests/kernels/linear_test.cpp, mirrors include/ashlar/kernels/linear.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/linear/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/linear/reference.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>

#include "support.hpp"

namespace {

// Bound: every result is within the rounding of a sum of its length, as error() counts it.
template <class T, std::size_t In, std::size_t Out>
void check_linear() {
  for (std::size_t rows : {0u, 1u, 2u, 3u, 4u, 6u, 7u, 13u, 26u}) {
    CAPTURE(rows, In, Out, sizeof(T));
    auto x = random_values<T>(rows * In, 1);
    auto weight = random_values<T>(Out * In, 2, 0);
    auto bias = random_values<T>(Out, 3, 3);
    auto dy = random_values<T>(rows * Out, 4, 5);
    Guarded<T> y(rows * Out), expected(rows * Out);
    k::linear<In, Out>(rows, x.data(), weight.data(), bias.data(), y.data());
    k::reference::linear<In, Out>(rows, x.data(), weight.data(), bias.data(), expected.data());
    CHECK(error(y, expected, In) < 2);
    CHECK(y.intact());
    k::linear<In, Out>(rows, x.data(), weight.data(), static_cast<T const*>(nullptr), y.data());
    k::reference::linear<In, Out>(rows, x.data(), weight.data(), static_cast<T const*>(nullptr), expected.data());
    CHECK(error(y, expected, In) < 2);

    auto dx = random_values<T>(rows * In, 5);
    auto dx_expected = random_values<T>(rows * In, 5);
    k::linear_backward_input<In, Out>(rows, dy.data(), weight.data(), dx.data());
    k::reference::linear_backward_input<In, Out>(rows, dy.data(), weight.data(), dx_expected.data());
    CHECK(error(dx, dx_expected, Out) < 2);
    CHECK(dx.intact());

    auto dweight = random_values<T>(Out * In, 6);
    auto dweight_expected = random_values<T>(Out * In, 6);
    auto dbias = random_values<T>(Out, 7);
    auto dbias_expected = random_values<T>(Out, 7);
    k::linear_backward_parameters<In, Out>(rows, x.data(), dy.data(), dweight.data(), dbias.data());
    k::reference::linear_backward_parameters<In, Out>(rows, x.data(), dy.data(), dweight_expected.data(),
                                                      dbias_expected.data());
    CHECK(error(dweight, dweight_expected, rows) < 2);
    CHECK(error(dbias, dbias_expected, rows) < 2);
    CHECK((dweight.intact() && dbias.intact()));
  }
}

// One row alone, which has code of its own where it is short.
template <class T, std::size_t In, std::size_t Out>
void check_one_row() {
  CAPTURE(In, Out, sizeof(T));
  auto x = random_values<T>(In, 31);
  auto weight = random_values<T>(Out * In, 32, 0);
  auto bias = random_values<T>(Out, 33, 3);
  Guarded<T> y(Out), expected(Out);
  k::linear<In, Out>(1, x.data(), weight.data(), bias.data(), y.data());
  k::reference::linear<In, Out>(1, x.data(), weight.data(), bias.data(), expected.data());
  CHECK(error(y, expected, In) < 2);
  CHECK(y.intact());
}

// A row has the bits it has anywhere else in a batch, at any alignment; and alone, where the header promises it.
template <class T, std::size_t In, std::size_t Out, std::size_t rows = 29>
void check_rows_independent() {
  auto x = random_values<T>(rows * In, 11);
  auto weight = random_values<T>(Out * In, 12, 0);
  auto bias = random_values<T>(Out, 13);
  Guarded<T> y(rows * Out, 0), part(rows * Out, 1);
  k::linear<In, Out>(rows, x.data(), weight.data(), bias.data(), y.data());
  bool const alone_too = !(In <= 64 && Out >= 16);
  for (std::size_t count = alone_too ? 1 : 2; count < 9; ++count) {
    for (std::size_t from = 0; from + count <= rows; from += count) {
      k::linear<In, Out>(count, x.data() + from * In, weight.data(), bias.data(), part.data());
      CAPTURE(In, Out, count, from);
      REQUIRE(same_bits(part.data(), y.data() + from * Out, count * Out));
    }
  }
  Guarded<T> dx(rows * In), dx_part(rows * In, 2);
  k::linear_backward_input<In, Out>(rows, y.data(), weight.data(), dx.data());
  for (std::size_t from = 0; from < rows; ++from) {
    k::linear_backward_input<In, Out>(1, y.data() + from * Out, weight.data(), dx_part.data() + from * In);
  }
  CHECK(same_bits(dx.data(), dx_part.data(), rows * In));
}

// Values on both sides of 0 and 6, and one row of weight that is not finite.
template <class T, class Act, std::size_t In, std::size_t Out>
void check_activation() {
  static_assert(k::fuses<In, Out, Act>);
  for (std::size_t rows : {0u, 1u, 2u, 5u, 6u, 13u, 64u}) {
    CAPTURE(rows, In, Out, sizeof(T));
    auto x = random_values<T>(rows * In, 21);
    auto weight = random_values<T>(Out * In, 22, 0);
    auto bias = random_values<T>(Out, 23);
    for (std::size_t i = 0; i < Out; ++i) bias[i] *= T(8);
    weight[In * (Out - 1)] = INFINITY;
    bias[0] = NAN;
    for (T const* b : {static_cast<T const*>(bias.data()), static_cast<T const*>(nullptr)}) {
      Guarded<T> y(rows * Out), expected(rows * Out);
      k::linear<In, Out>(rows, x.data(), weight.data(), b, expected.data());
      k::map(Act{}, rows * Out, expected.data(), expected.data());
      k::linear<In, Out, T, Act>(rows, x.data(), weight.data(), b, y.data());
      CHECK(same_bits(y.data(), expected.data(), rows * Out));
      CHECK(y.intact());
    }
  }
}

template <class T>
void check_all() {
  check_linear<T, 1, 1>();
  check_linear<T, 3, 7>();
  check_linear<T, 7, 33>();
  check_linear<T, 10, 16>();
  check_linear<T, 20, 31>();
  check_linear<T, 20, 64>();
  check_linear<T, 28, 17>();
  check_linear<T, 31, 3>();
  check_linear<T, 33, 20>();
  check_linear<T, 64, 65>();
  check_linear<T, 100, 10>();
  check_linear<T, 300, 22>();
  check_linear<T, 1030, 6>();
}

}  // namespace

KERNEL_CASE("linear with an activation has the bits of linear and a pass of the activation") {
  each_isa([] {
    check_activation<float, k::ReLU, 20, 256>();
    check_activation<float, k::ReLU, 20, 37>();
    check_activation<float, k::ReLU6, 24, 64>();
    check_activation<float, k::ReLU, 7, 16>();
    check_activation<float, k::ReLU, 64, 17>();
    check_activation<double, k::ReLU, 20, 33>();
    check_activation<double, k::ReLU6, 10, 24>();
  });
}

KERNEL_CASE("linear and its pullbacks agree with the reference, float") {
  each_isa([] {
    check_all<float>();
    check_linear<float, 130, 10>();
  });
}

KERNEL_CASE("linear and its pullbacks agree with the reference, double") { each_isa(check_all<double>); }

KERNEL_CASE("one row of every length that four rows make whole vectors of agrees with the reference") {
  each_isa([] {
    check_one_row<float, 8, 16>();
    check_one_row<float, 12, 33>();
    check_one_row<float, 24, 31>();
    check_one_row<float, 36, 32>();
    check_one_row<float, 40, 16>();  // had its sums in another order with AVX-512
    check_one_row<float, 56, 33>();
    check_one_row<float, 44, 17>();
    check_one_row<float, 52, 48>();
    check_one_row<float, 60, 18>();
    check_one_row<double, 4, 16>();
    check_one_row<double, 6, 17>();
    check_one_row<double, 14, 25>();
    check_one_row<double, 18, 16>();
    check_one_row<double, 30, 24>();
    check_one_row<float, 16, 40>();  // whole vectors
    check_one_row<float, 96, 90>();  // a weight larger than the cache
  });
}

KERNEL_CASE("a row's bits do not depend on its batch") {
  each_isa([] {
    check_rows_independent<float, 20, 64>();
    check_rows_independent<float, 100, 10>();
    check_rows_independent<float, 40, 7>();  // all rows of weight at once
    check_rows_independent<float, 130, 10>();
    check_rows_independent<float, 64, 65>();
    check_rows_independent<float, 65, 20>();
    check_rows_independent<float, 1030, 6>();
    check_rows_independent<float, 1030, 6, 101>();  // more rows than pass a weight at once
    check_rows_independent<double, 33, 20>();
    check_rows_independent<double, 300, 22>();
  });
}

KERNEL_CASE("a weight that is not finite touches its own output only") {
  each_isa([] {
    auto x = random_values<float>(2 * 20, 1);
    auto weight = random_values<float>(64 * 20, 2, 0);
    weight[20 * 5 + 3] = INFINITY;
    for (std::size_t rows : {1u, 2u}) {
      Guarded<float> y(rows * 64);
      k::linear<20, 64>(rows, x.data(), weight.data(), static_cast<float const*>(nullptr), y.data());
      for (std::size_t i = 0; i < rows * 64; ++i) CHECK(std::isfinite(y[i]) == (i % 64 != 5));
    }
  });
}
