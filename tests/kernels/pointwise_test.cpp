// tests/kernels/pointwise_test.cpp, mirrors include/ashlar/kernels/pointwise.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/pointwise/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/pointwise/reference.hpp>

#include "support.hpp"

namespace {

template <class T>
bool close(T got, T expected) {
  if (std::isnan(expected)) return std::isnan(got);
  if (got == expected) return true;
  double const tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  return std::abs(static_cast<double>(got) - static_cast<double>(expected)) <=
         tolerance * (std::abs(static_cast<double>(expected)) + 0.1);
}

// Bound: 2e-6 of the value, and 2e-7 near 0; infinities, NaN and overflow exactly as the functor of ops.hpp.
template <class T, class Op>
void check_op(Op const& op) {
  T const special[] = {T(0),   T(-0.0), T(1e-6), T(-1e-6),    T(3),         T(-3),  T(6),
                       T(-6),  T(0.9),  T(-0.9), T(20),       T(-20),       T(88),  T(-88),
                       T(100), T(-104), T(1e4),  T(INFINITY), T(-INFINITY), T(NAN), T(0.5)};
  for (std::size_t n : {0u, 1u, 3u, 7u, 8u, 9u, 15u, 16u, 17u, 33u, 64u}) {
    auto x = random_values<T>(n, 1);
    for (std::size_t i = 0; i < n; ++i) x[i] = i % 3 == 0 ? special[(i / 3 + n) % 21] : x[i] * T(9);
    auto dy = random_values<T>(n, 2);
    Guarded<T> y(n), dx(n);
    k::map(op, n, x.data(), y.data());
    k::map_pullback(op, n, x.data(), y.data(), dy.data(), dx.data());
    for (std::size_t i = 0; i < n; ++i) {
      CAPTURE(n, i, x[i], y[i], dx[i], sizeof(T));
      CHECK(close(y[i], op(x[i])));
      CHECK(close(dx[i], dy[i] * op.derivative(x[i], y[i])));
      T one = T(0);  // alone, an element has the same bits
      k::map(op, 1, x.data() + i, &one);
      CHECK((same_bits(&one, &y[i], 1) || std::isnan(one)));
    }
    CHECK((y.intact() && dx.intact()));
    auto in_place = x;  // y may be x
    k::map(op, n, in_place.data(), in_place.data());
    for (std::size_t i = 0; i < n; ++i) CHECK((in_place[i] == y[i] || std::isnan(y[i])));
  }
}

/// A functor the library does not know: no vector form.
struct Cube {
  template <class T>
  T operator()(T x) const noexcept {
    return x * x * x;
  }
  template <class T>
  T derivative(T x, T) const noexcept {
    return T(3) * x * x;
  }
};

template <class T>
void check_ops() {
  check_op<T>(k::ReLU{});
  check_op<T>(k::LeakyReLU{0.1});
  check_op<T>(k::GELU{});
  check_op<T>(k::GELUTanh{});
  check_op<T>(k::Sigmoid{});
  check_op<T>(k::SiLU{});
  check_op<T>(k::Tanh{});
  check_op<T>(k::Hardtanh{-2, 1.5});
  check_op<T>(k::ReLU6{});
  check_op<T>(k::Hardswish{});
  check_op<T>(k::Hardsigmoid{});
  check_op<T>(k::ELU{0.7});
  check_op<T>(k::Softplus{2, 1});
  check_op<T>(k::LogSigmoid{});
  check_op<T>(k::Mish{});
  check_op<T>(k::Softsign{});
  check_op<T>(k::SELU{});
  check_op<T>(k::CELU{0.7});
  check_op<T>(k::Hardshrink{0.8});
  check_op<T>(k::Softshrink{0.8});
  check_op<T>(k::Tanhshrink{});
  check_op<T>(k::Exp{});
  check_op<T>(k::Sqrt{});
  check_op<T>(k::Abs{});
  check_op<T>(k::Neg{});
  check_op<T>(k::Square{});
  check_op<T>(Cube{});
}

template <class T>
void check_arithmetic() {
  for (std::size_t n : {0u, 1u, 7u, 8u, 9u, 17u, 33u}) {
    auto a = random_values<T>(n, 1);
    auto b = random_values<T>(n, 2, 3);
    Guarded<T> y(n);
    auto const is = [&](auto const& expected) {
      for (std::size_t i = 0; i < n; ++i) CHECK(close(y[i], expected(a[i], b[i])));
      CHECK(y.intact());
    };
    k::add(n, a.data(), b.data(), y.data());
    is([](T p, T q) { return p + q; });
    k::sub(n, a.data(), b.data(), y.data());
    is([](T p, T q) { return p - q; });
    k::mul(n, a.data(), b.data(), y.data());
    is([](T p, T q) { return p * q; });
    k::div(n, a.data(), b.data(), y.data());
    is([](T p, T q) { return p / q; });
    k::scalar_sub(n, T(2), a.data(), y.data());
    is([](T p, T) { return T(2) - p; });
    k::mul_scalar(n, a.data(), T(3), y.data());
    is([](T p, T) { return p * T(3); });
    k::axpy(n, T(0.5), b.data(), y.data());
    is([](T p, T q) { return p * T(3) + T(0.5) * q; });
    k::fill(n, T(0), y.data());
    k::mul_pullback(n, a.data(), b.data(), y.data());
    is([](T p, T q) { return p * q; });
  }
}

}  // namespace

KERNEL_CASE("vector forms of float functions agree with their functors") { each_isa(check_ops<float>); }

KERNEL_CASE("vector forms of double functions agree with their functors") { each_isa(check_ops<double>); }

KERNEL_CASE("elementwise arithmetic") {
  each_isa([] {
    check_arithmetic<float>();
    check_arithmetic<double>();
  });
}
