// tests/nn/batch_norm_test.cpp, mirrors include/ashlar/nn/batch_norm.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/batch_norm.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <cmath>
#include <cstring>

using namespace ashlar;
using ashlar::test::check_layer_fixture;

namespace {

constexpr BatchNormOptions other{.eps = 1e-3, .momentum = 0.01};
constexpr BatchNormOptions plain{.affine = false};

static_assert(std::is_aggregate_v<BatchNorm2d<3>> && std::is_trivially_copyable_v<BatchNorm2d<3>>);

template <class L, class T, class X>
void check_training(std::string const& name) {
  check_layer_fixture<L, T, X, Training>(name, false);  // a plain call is evaluation
}
template <class L, class T, class X>
void check_evaluation(std::string const& name) {
  check_layer_fixture<L, T, X, Evaluation>(name);
}

/// Numbers of a batch of 5 images.
Tensor<double, dyn, 3, 2, 2> batch() { return test::numbers(Tensor<double, dyn, 3, 2, 2>(5), 0.7); }

using Norm = BatchNorm2d<3, BatchNormOptions{}, double>;

}  // namespace

TEST_CASE("BatchNorm in training agrees with torch, with its running statistics") {
  check_training<BatchNorm1d<4>, float, Tensor<float, dyn, 4>>("batch_norm1d_train");
  check_training<BatchNorm1d<4, BatchNormOptions{}, double>, double, Tensor<double, 6, 4>>("batch_norm1d_train");
  check_training<BatchNorm1d<4, BatchNormOptions{}, double>, double, Tensor<double, dyn, 4, dyn>>(
      "batch_norm1d_3d_train");
  check_training<BatchNorm2d<4>, float, Tensor<float, dyn, 4, 5, 2>>("batch_norm2d_train");
  check_training<BatchNorm2d<4, BatchNormOptions{}, double>, double, Tensor<double, 3, 4, 5, 2>>("batch_norm2d_train");
  check_training<BatchNorm2d<3, other, double>, double, Tensor<double, dyn, dyn, dyn, dyn>>(
      "batch_norm2d_eps_momentum_train");
  check_training<BatchNorm2d<3, plain, double>, double, Tensor<double, dyn, 3, 4, 4>>("batch_norm2d_no_affine_train");
}

TEST_CASE("BatchNorm in evaluation agrees with torch") {
  check_evaluation<BatchNorm1d<4>, float, Tensor<float, dyn, 4>>("batch_norm1d_eval");
  check_evaluation<BatchNorm1d<4, BatchNormOptions{}, double>, double, Tensor<double, 6, 4>>("batch_norm1d_eval");
  check_evaluation<BatchNorm1d<4, BatchNormOptions{}, double>, double, Tensor<double, dyn, 4, 5>>(
      "batch_norm1d_3d_eval");
  check_evaluation<BatchNorm2d<4, BatchNormOptions{}, double>, double, Tensor<double, dyn, 4, 5, 2>>(
      "batch_norm2d_eval");
  check_evaluation<BatchNorm2d<3, other, double>, double, Tensor<double, dyn, 3, dyn, dyn>>(
      "batch_norm2d_eps_momentum_eval");
}

TEST_CASE("gradients of BatchNorm are those of finite differences") {
  Norm net{}, grads{};
  net.weight.span()[0] = 0.5, net.weight.span()[1] = -1.5, net.weight.span()[2] = 2;
  Tape tape(net, grads);
  auto x = batch();
  auto const loss = [&] {
    auto const value = test::weighted(tape(x)).item();
    tape.clear();
    return value;
  };
  auto const input = tape.variable(x);
  tape.backward(test::weighted(tape(input)));
  auto const check = [&](std::span<double> values, std::span<double const> gradient) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      double const old = values[i];
      values[i] = old + 1e-6;
      double const up = loss();
      values[i] = old - 1e-6;
      double const expected = (up - loss()) / 2e-6;
      values[i] = old;
      CAPTURE(i, expected, gradient[i]);
      CHECK(std::abs(gradient[i] - expected) <= 1e-7 + 1e-6 * std::abs(expected));
    }
  };
  std::vector<double> const of_input(input.grad().begin(), input.grad().end());
  check(net.weight.span(), grads.weight.span());
  check(net.bias.span(), grads.bias.span());
  check(x.span(), of_input);
}

TEST_CASE("a forward changes running statistics in training alone") {
  auto net = make<Norm>(Rng{0});
  auto grads = zeros_like(net);
  CHECK(net->weight(0) == 1);
  CHECK(net->running_var(2) == 1);
  auto const before = *net;
  auto const same = [&] { return std::memcmp(net.get(), &before, sizeof(Norm)) == 0; };
  (void)(*net)(batch());
  Tape<Norm, Evaluation> evaluation(*net, *grads);
  evaluation.backward(sum(evaluation(batch())));
  CHECK(same());
  Tape training(*net, *grads);
  (void)training(batch());
  CHECK(net->num_batches_tracked() == 1);
  CHECK(net->running_mean(1) != 0);
  (void)training(batch());  // two forwards before a backward are two batches
  CHECK(net->num_batches_tracked() == 2);
  training.clear();
  for (int i = 0; i < 400; ++i) (void)training(batch());
  training.clear();
  // Running statistics have settled: evaluation differs from training by the unbiased variance, n = 20.
  auto const y = (*net)(batch());
  auto const y_training = training(batch());
  for (std::size_t i = 0; i < y.numel(); ++i) {
    CHECK(std::abs(y.data()[i] - y_training.data()[i] * std::sqrt(19.0 / 20)) < 1e-5);
  }
}

TEST_CASE("a BatchNorm that is frozen runs as in evaluation") {
  struct Net {
    Frozen<Norm> norm;
  };
  Net net{}, grads{};
  net.norm.weight.fill(2);
  net.norm.running_mean.fill(0.5);
  net.norm.running_var.fill(4);
  Net const before = net;
  Tape tape(net, grads);
  auto const input = tape.variable(batch());
  auto const y = tape(input);
  CHECK(bitwise_equal(y, net.norm(batch())));
  tape.backward(sum(y));
  CHECK(input.grad().data()[7] == 2 / std::sqrt(4 + 1e-5));
  CHECK(std::memcmp(&net, &before, sizeof(Net)) == 0);
  CHECK(grads.norm.weight(0) == 0);
}

TEST_CASE("BatchNorm says what it needs") {
  Norm net{}, grads{};
  Norm const& constant = net;
  Tape reader(constant, grads);
  char const* const message =
      "BatchNorm2d keeps running statistics in training: it must be part of the tape's network, and that must not be "
      "const";
  CHECK_THROWS_WITH(reader(batch()), message);
  Tape tape(net, grads);
  Norm const outside{};
  CHECK_THROWS_WITH(outside(tape.input(batch())), message);
  CHECK_THROWS_WITH(
      tape(Tensor<double, dyn, 3, 1, 1>(1)),
      "BatchNorm2d takes more than 1 value for each channel in training but got 1: the shape is (1, 3, 1, "
      "1)");
  CHECK_THROWS_WITH(net(Tensor<double, dyn, dyn, 2, 2>(1, 4)),
                    "BatchNorm2d takes 3 channels but the input has 4: its shape is (1, 4, 2, 2)");
  CHECK(net(Tensor<double, dyn, 3, 2, 2>(0)).numel() == 0);
}

TEST_CASE("extents flow through BatchNorm") {
  static_assert(!BatchNorm2d<3>::flow(Flow::all({3, {2, 3, 4}})).fits);
  static_assert(!BatchNorm2d<3>::flow(Flow{true, true, {3, {4, dyn, dyn}}}).fits);  // as a convolution gives
  static_assert(BatchNorm2d<3>::flow(Flow::ends_with(7)).fits);
  static_assert(!BatchNorm1d<3>::flow(Flow::all({2, {dyn, 4}})).fits);
  static_assert(!BatchNorm1d<3>::flow(Flow::all({4, {dyn, 3, 2, 2}})).fits);
  static_assert(BatchNorm1d<3>::flow(Flow::ends_with(7)).fits);  // (B, 3, 7), perhaps
  struct Net {
    Linear<4, 3> linear;
    BatchNorm1d<3> norm;
  };
  CHECK(make<Net>(Rng{0})(Tensor<float, dyn, 4>(2)).shape() == Extents{2, {2, 3}});
}
