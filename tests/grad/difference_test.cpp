// tests/grad/difference_test.cpp: the gradient of every op against finite differences in double.
// SPDX-License-Identifier: BSL-1.0
//
// Inputs keep away from kinks: 0, 1, 3 and 6 and their negatives (ReLU, LeakyReLU, ELU, abs, L1; Hardtanh; Hardswish
// and Hardsigmoid; ReLU6), and in losses from |x - t| = 1 (Huber, smooth L1).
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/nn/matmul.hpp>
#include <ashlar/nn/prelu.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/nn/softmax.hpp>

#include "support/differences.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace ashlar;
using ashlar::test::check_differences;
using ashlar::test::NoParameters;
using ashlar::test::numbers;
using ashlar::test::weighted;

namespace {

Tensor<double, 2, 3> const m23 = numbers(Tensor<double, 2, 3>{}, 0.3);
Tensor<double, dyn, 3> const d23 = numbers(Tensor<double, dyn, 3>(2), 2.9);
Tensor<double, 3> const v3 = numbers(Tensor<double, 3>{}, 4.1);
Tensor<double> const s = Tensor<double>{0.7};

}  // namespace

// One function for all activations, or each would instantiate `check_differences` again.
TEST_CASE("gradients of activations are those of finite differences") {
  Tensor<double, dyn> x(9);
  x.assign(std::array{-6.7, -3.7, -2.2, -1.3, -0.4, 0.3, 0.8, 2.6, 7.1});
  Tensor<double, dyn> positive(3);
  positive.assign(std::array{0.2, 1.4, 9.0});
  auto const each = [&](char const* name, auto const& f, Tensor<double, dyn> const& at) {
    INFO(name);
    NoParameters net, grads;
    Tape tape(net, grads);
    auto const input = tape.variable(at);
    tape.backward(weighted(f(input)));
    for (std::size_t i = 0; i < at.numel(); ++i) {
      auto moved = at;
      moved(i) += 1e-6;
      double const up = weighted(f(moved)).item();
      moved(i) -= 2e-6;
      double const expected = (up - weighted(f(moved)).item()) / 2e-6;
      CAPTURE(at(i), expected, input.grad()(i));
      CHECK(std::abs(input.grad()(i) - expected) <= 1e-7 + 1e-6 * std::abs(expected));
    }
  };
  each("relu", ReLU{}, x);
  each("leaky_relu", LeakyReLU{.negative_slope = 0.2}, x);
  each("gelu", GELU{}, x);
  each("gelu_tanh", GELUTanh{}, x);
  each("silu", SiLU{}, x);
  each("tanh", Tanh{}, x);
  each("sigmoid", Sigmoid{}, x);
  each("hardswish", Hardswish{}, x);
  each("elu", ELU{.alpha = 0.7}, x);
  each("softplus", Softplus{.beta = 2}, x);
  each("relu6", ReLU6{}, x);
  each("hardsigmoid", Hardsigmoid{}, x);
  each("log_sigmoid", LogSigmoid{}, x);
  each("hardtanh", Hardtanh{.min_val = -2, .max_val = 3}, x);
  each("mish", Mish{}, x);
  each("softsign", Softsign{}, x);
  each("selu", SELU{}, x);
  each("celu", CELU{.alpha = 0.7}, x);
  each("hardshrink", Hardshrink{}, x);
  each("softshrink", Softshrink{}, x);
  each("tanhshrink", Tanhshrink{}, x);
  each("identity", Identity{}, x);
  each("exp", [](auto const& a) { return exp(a); }, x);
  each("abs", [](auto const& a) { return abs(a); }, x);
  each("square", [](auto const& a) { return square(a); }, x);
  each("log", [](auto const& a) { return log(a); }, positive);
  each("sqrt", [](auto const& a) { return sqrt(a); }, positive);
  each(
      "numbers", [](auto const& a) { return 2 - (a + 3) * 1.5 / 0.7 - (1 - a) + 4 / a - (-a - 2) + 2 * a + (1 + a); },
      x);
}

TEST_CASE("gradients of arithmetic are those of finite differences, broadcast both ways") {
  auto const all = [](auto const& a, auto const& b) { return (a + b) * (a - b) / b + b / a; };
  check_differences("(2, 3) and (2, 3)", all, m23, numbers(Tensor<double, 2, 3>{}, 3.3));
  check_differences("(2, 3) and (3)", all, m23, v3);
  check_differences("(3) and (?, 3)", all, v3, d23);
  check_differences("(?, 3) and ()", all, d23, s);
  check_differences("() and (2, 3)", all, s, m23);
  check_differences("a tensor with itself", [](auto const& a) { return a * a / (a + a * a); }, m23);
}

TEST_CASE("gradients of products and reductions are those of finite differences") {
  Tensor<double, 3, 4> const b = numbers(Tensor<double, 3, 4>{}, 1.9);
  check_differences("matmul", [](auto const& x, auto const& y) { return matmul(x, y); }, d23, b);
  check_differences("matmul of a vector", [](auto const& x, auto const& y) { return matmul(x, y); }, v3, b);
  Tensor<double, 4, 3> const weight = numbers(Tensor<double, 4, 3>{}, 0.9);
  check_differences(
      "linear", [](auto const& x, auto const& w, auto const& c) { return linear(x, w, c); }, d23, weight,
      numbers(Tensor<double, 4>{}, 2.2));
  check_differences("linear without bias", [](auto const& x, auto const& w) { return linear(x, w); }, v3, weight);
  check_differences("sum and mean", [](auto const& x) { return sum(x) * mean(x * x) + x; }, d23);
  check_differences("softmax", [](auto const& x) { return softmax(x) + log_softmax(x * 2); }, d23);
  check_differences(
      "prelu", [](auto const& x, auto const& slope) { return apply(detail::PReLUOp<3>{}, x, slope); }, d23, v3);
  check_differences("flatten", [](auto const& x) { return Flatten{}(x); }, numbers(Tensor<double, dyn, 2, 2>(2), 3.7));
}

TEST_CASE("gradients of losses are those of finite differences, for targets too") {
  auto const t = numbers(Tensor<double, dyn, 3>(2), 1.4);
  check_differences(
      "pairs",
      [](auto const& x, auto const& y) {
        return mse_loss(x, y) + mse_loss(x, y, Reduction::sum) * l1_loss(x, y) + smooth_l1_loss(x, y, {.beta = 0.5}) +
               huber_loss(x, y, {.delta = 0.7}, Reduction::none) + binary_cross_entropy_with_logits(x, y) +
               kl_div(x, y, {.log_target = true}, Reduction::batchmean);
      },
      d23, t);
  Tensor<std::int64_t, dyn> labels(2);
  labels.assign(std::array<std::int64_t, 2>{2, 0});
  Tensor<double, 3> const weight{0.5, 2, 1};
  check_differences(
      "classes",
      [&](auto const& x) {
        return cross_entropy(x, labels) + cross_entropy(x, labels, {.label_smoothing = 0.2}, Reduction::sum) +
               cross_entropy(x, labels, {.weight = weight, .ignore_index = 0, .label_smoothing = 0.1}) +
               nll_loss(x, labels, {.weight = weight}, Reduction::none);
      },
      d23);
  Tensor<double, 2> const two{0.5, 2};
  check_differences(
      "probabilities of (N, C, d)",
      [&](auto const& x, auto const& q) {
        return cross_entropy(x, q, {.weight = two, .label_smoothing = 0.1}) +
               sum(cross_entropy(x, q, {.weight = two}, Reduction::none) * 1.7);
      },
      numbers(Tensor<double, dyn, 2, 3>(2), 2.7), numbers(Tensor<double, 2, 2, 3>{}, 1.1));
  check_differences(
      "softmax over a dimension in the middle", [](auto const& x) { return softmax(x, 1) + log_softmax(x * 2, -2); },
      numbers(Tensor<double, dyn, 2, 3>(2), 2.7));
  check_differences(
      "positive weights",
      [&](auto const& x, auto const& y) {
        return binary_cross_entropy_with_logits(x, y, {.pos_weight = weight}) +
               binary_cross_entropy_with_logits(x, y, {.pos_weight = Tensor<double, 1>{3}}, Reduction::none);
      },
      d23, t);
  auto const probabilities = [](auto const& x) { return sigmoid(x); };
  check_differences(
      "probabilities",
      [&](auto const& x, auto const& y) {
        return binary_cross_entropy(probabilities(x), probabilities(y)) +
               kl_div(x, probabilities(y), {}, Reduction::sum) * 0.3;
      },
      d23, t);
}

TEST_CASE("gradients of a program with loops and branches are those of finite differences") {
  check_differences(
      "a loop that runs until",
      [](auto const& in) {
        auto x = in * in;
        while (std::abs(sum(x).item()) > 1) x = x / 2;
        if (mean(x).item() > 0) x = tanh(x) * in;
        for (int i = 0; i < 3; ++i) x = softmax(x - mean(x)) + x * v3;
        return x;
      },
      d23);
}

TEST_CASE("the gradient of an element does not depend on where it stands") {  // vector body, or its tail
  NoParameters net, grads;
  Tape tape(net, grads);
  Tensor<float, dyn> x(41);
  for (std::size_t i = 0; i < 41; ++i) x(i) = static_cast<float>(static_cast<double>(i % 9) - 4) * 0.7f;
  auto const gradient = [&](std::size_t first, std::size_t n) {
    Tensor<float, dyn> part(n);
    std::copy_n(x.data() + first, n, part.data());
    auto const v = tape.variable(part);
    tape.backward(sum(silu(relu(v) - v * 0.5f)));
    return std::vector<float>(v.grad().begin(), v.grad().end());
  };
  auto const whole = gradient(0, 41);
  std::size_t wrong = 0;
  for (std::size_t first = 0; first < 41; ++first) {
    for (std::size_t n = 1; first + n <= 41; ++n) {
      auto const part = gradient(first, n);
      for (std::size_t i = 0; i < n; ++i) wrong += part[i] != whole[first + i];
    }
  }
  CHECK(wrong == 0);
}
