// Gradients against finite differences in double.  SPDX-License-Identifier: BSL-1.0
//
// Central differences with h = 1e-6 err by about h^2 + 1e-16 / h = 1e-10 of the loss; held to 1e-7 + 1e-6 relative.
#pragma once

#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/reduce.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

namespace ashlar::test {

struct NoParameters {
  std::uint8_t unused = 0;
};

/// Fills x with numbers between -2.5 and 2.5, none near -1, 0 or 1, where some functions have kinks.
template <class X>
X numbers(X x, double seed) {
  double at = seed;
  for (double& v : x) {
    at = std::fmod(at * 1.7 + 0.83, 5.0);
    v = at - 2.5;
    for (double const kink : {-1.0, 0.0, 1.0}) {
      if (std::abs(v - kink) < 0.05) v += 0.11;
    }
  }
  return x;
}

/// sum(y * w) with fixed w, no two alike: a scalar that depends on each element in its own way.
template <class Y>
auto weighted(Y const& y) {
  return sum(y * numbers(ashlar::detail::make_like(ashlar::detail::like<double>(y.dims())), 1.1));
}

template <class F, class... X, std::size_t... I>
void check_differences(char const* name, F const& f, std::tuple<X...> x, std::index_sequence<I...>) {
  INFO(name);
  NoParameters net, grads;
  Tape tape(net, grads);
  std::tuple const variables{tape.variable(std::get<I>(x))...};
  double const loss = tape.backward(weighted(f(std::get<I>(variables)...)));
  auto const value = [&] { return weighted(f(std::get<I>(x)...)).item(); };
  CHECK(loss == value());
  auto const check_input = [&](auto& input, auto const& variable) {
    for (std::size_t i = 0; i < input.numel(); ++i) {
      double& at = input.data()[i];
      double const old = at;
      double const h = 1e-6;
      at = old + h;
      double const up = value();
      at = old - h;
      double const expected = (up - value()) / (2 * h);
      at = old;
      double const actual = variable.grad().data()[i];
      CAPTURE(i, old, expected, actual);
      CHECK(std::abs(actual - expected) <= 1e-7 + 1e-6 * std::abs(expected));
    }
  };
  (check_input(std::get<I>(x), std::get<I>(variables)), ...);
}

/// The gradients of f(x...) for each x.
template <class F, class... X>
void check_differences(char const* name, F const& f, X const&... x) {
  check_differences(name, f, std::tuple<X...>(x...), std::index_sequence_for<X...>{});
}

}  // namespace ashlar::test
