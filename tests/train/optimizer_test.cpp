// tests/train/optimizer_test.cpp, mirrors include/ashlar/train/{sgd,adam,rmsprop,ema}.hpp: every recorded setting of
// torch's optimizers, step by step, in float and double.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/train/adam.hpp>
#include <ashlar/train/ema.hpp>
#include <ashlar/train/rmsprop.hpp>
#include <ashlar/train/sgd.hpp>

#include "support/close.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

using namespace ashlar::test;
using ashlar::Buffer;
using ashlar::Parameter;

namespace {

/// The two parameters of tests/golden/training/optim_units.*, with things between that no optimizer may touch.
template <class T>
struct Pair {
  Parameter<T, 5> a;
  Buffer<T, 3> running;
  double p = 0.25;
  Parameter<T, 2, 3> b;
};

template <class Net>
constexpr bool is_state = std::is_aggregate_v<Net> && std::is_trivially_copyable_v<Net>;
static_assert(is_state<ashlar::SGD<Pair<float>>> && is_state<ashlar::Adam<Pair<float>>>);
static_assert(is_state<ashlar::AdamW<Pair<float>, true>> && is_state<ashlar::RMSprop<Pair<float>, true>>);
static_assert(is_state<ashlar::Adagrad<Pair<float>>> && is_state<ashlar::ExponentialAverage<Pair<float>>>);
// AMSGrad's state costs nothing where it is not asked for.
static_assert(sizeof(ashlar::Adam<Pair<float>>) == 2 * sizeof(Pair<float>) + 64);
static_assert(sizeof(ashlar::Adam<Pair<float>, true>) == 3 * sizeof(Pair<float>) + 64);

SafeTensors const& golden() {
  static SafeTensors const file(ASHLAR_TEST_DATA "/training/optim_units.safetensors");
  return file;
}

template <class T>
std::vector<T> part(std::vector<T> const& all, std::size_t begin, std::size_t n) {
  auto const at = all.begin() + static_cast<std::ptrdiff_t>(begin);
  return {at, at + static_cast<std::ptrdiff_t>(n)};
}

template <class T>
void assign(std::span<T> to, std::vector<float> const& from, std::size_t begin) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(from[begin + i]);
}

template <class T, class State>
void check_state(std::string const& prefix, char const* name, State const& state, double rtol, double atol) {
  CAPTURE(name);
  expect_close(state.a.span(), golden().values<T>(prefix + "/state/0/" + name), rtol, atol);
  expect_close(state.b.span(), golden().values<T>(prefix + "/state/1/" + name), rtol, atol);
}

/// Where a recorded run began. The recording let the float run of each setting go on where that of the setting before
/// had ended, and then began the double run where the float run had ended (tests/golden/training/README.md).
std::vector<float> start_of(std::string const& name, bool is_double, char const* index) {
  static constexpr std::array<char const*, 15> order{
      "sgd",     "sgd_momentum",      "sgd_nesterov", "sgd_weight_decay", "sgd_dampening", "sgd_maximize",
      "adam",    "adam_weight_decay", "adam_amsgrad", "adam_betas_eps",   "adamw",         "adamw_weight_decay",
      "rmsprop", "rmsprop_momentum",  "adagrad"};
  auto const at = std::find(order.begin(), order.end(), name);
  REQUIRE(at != order.end());
  std::string const& before = is_double ? name : at[-1];
  auto const all = golden().values<float>(before + "/f32/" + index);
  std::size_t const n = all.size() / 20;
  return part(all, 19 * n, n);
}

/// 20 steps with the recorded gradients. f64 agrees to 1e-12 relative: the operations are PyTorch's, and their number
/// times 2^-53 is far below; parameters are up to 30. f32: 20 steps of some 6 roundings each, 2^-24 apiece, each as
/// large as the largest term: 20 * 6 * 6e-8 = 7e-6 of the terms, below 1e-5.
template <class T, class Optimizer>
void check_case(char const* name, Optimizer& optimizer) {
  constexpr bool is_double = std::is_same_v<T, double>;
  double const rtol = is_double ? 1e-12 : 1e-5;
  double const atol = is_double ? 1e-14 : 1e-6;
  std::string const prefix = std::string(name) + (is_double ? "/f64" : "/f32");
  CAPTURE(prefix);
  Pair<T> net{};
  Pair<T> grads{};
  net.running.fill(7);
  grads.running.fill(9);
  auto const expected_a = golden().values<T>(prefix + "/0");
  auto const expected_b = golden().values<T>(prefix + "/1");
  std::size_t first = 0;
  if (std::string(name) == "sgd" && !is_double) {  // where this one began is not recorded; it has no state
    assign(net.a.span(), golden().values<float>("sgd/f32/0"), 0);
    assign(net.b.span(), golden().values<float>("sgd/f32/1"), 0);
    optimizer.step_count = first = 1;
  } else {
    assign(net.a.span(), start_of(name, is_double, "0"), 0);
    assign(net.b.span(), start_of(name, is_double, "1"), 0);
  }
  for (std::size_t step = first; step < 20; ++step) {
    CAPTURE(step);
    assign(grads.a.span(), golden().values<float>("grads/0"), 5 * step);
    assign(grads.b.span(), golden().values<float>("grads/1"), 6 * step);
    optimizer.step(net, grads);
    expect_close(net.a.span(), part(expected_a, 5 * step, 5), rtol, atol);
    expect_close(net.b.span(), part(expected_b, 6 * step, 6), rtol, atol);
  }
  CHECK(optimizer.step_count == 20);
  CHECK(std::all_of(net.running.begin(), net.running.end(), [](T x) { return x == 7; }));
  CHECK(net.p == 0.25);
  auto const state = [&](char const* key, auto const& value) { check_state<T>(prefix, key, value, rtol, atol); };
  if constexpr (requires { optimizer.exp_avg; }) {
    state("exp_avg", *optimizer.exp_avg);
    state("exp_avg_sq", *optimizer.exp_avg_sq);
    if constexpr (requires { optimizer.max_exp_avg_sq.value; }) state("max_exp_avg_sq", *optimizer.max_exp_avg_sq);
  } else if constexpr (requires { optimizer.square_avg; }) {
    state("square_avg", *optimizer.square_avg);
    if (optimizer.momentum != 0) state("momentum_buffer", *optimizer.momentum_buffer);
  } else if constexpr (requires { optimizer.sum; }) {
    state("sum", *optimizer.sum);
  } else if (optimizer.momentum != 0) {
    state("momentum_buffer", *optimizer.momentum_buffer);
  }
}

template <template <class> class Optimizer, class Set>
void check_both(char const* name, Set&& set) {
  Optimizer<Pair<double>> d{};
  set(d);
  check_case<double>(name, d);
  Optimizer<Pair<float>> f{};
  set(f);
  check_case<float>(name, f);
}

template <class Net>
using Adam = ashlar::Adam<Net>;
template <class Net>
using AMSGrad = ashlar::Adam<Net, true>;
template <class Net>
using AdamW = ashlar::AdamW<Net>;
template <class Net>
using RMSprop = ashlar::RMSprop<Net>;

}  // namespace

TEST_CASE("SGD agrees with torch") {
  using ashlar::SGD;
  check_both<SGD>("sgd", [](auto& o) { o.lr = 0.1; });
  check_both<SGD>("sgd_momentum", [](auto& o) { o.lr = 0.1, o.momentum = 0.9; });
  check_both<SGD>("sgd_nesterov", [](auto& o) { o.lr = 0.1, o.momentum = 0.9, o.nesterov = true; });
  check_both<SGD>("sgd_weight_decay", [](auto& o) { o.lr = 0.1, o.momentum = 0.9, o.weight_decay = 0.01; });
  check_both<SGD>("sgd_dampening", [](auto& o) { o.lr = 0.1, o.momentum = 0.9, o.dampening = 0.5; });
  check_both<SGD>("sgd_maximize", [](auto& o) { o.lr = 0.1, o.maximize = true; });
}

TEST_CASE("Adam and AdamW agree with torch") {
  check_both<Adam>("adam", [](auto& o) { o.lr = 0.01; });
  check_both<Adam>("adam_weight_decay", [](auto& o) { o.lr = 0.01, o.weight_decay = 0.1; });
  check_both<Adam>("adam_betas_eps", [](auto& o) { o.lr = 0.05, o.betas = {0.8, 0.95}, o.eps = 1e-3; });
  check_both<AMSGrad>("adam_amsgrad", [](auto& o) { o.lr = 0.01; });
  check_both<AdamW>("adamw", [](auto& o) { o.lr = 0.01; });
  check_both<AdamW>("adamw_weight_decay", [](auto& o) { o.lr = 0.01, o.weight_decay = 0.3; });
}

TEST_CASE("RMSprop and Adagrad agree with torch") {
  check_both<RMSprop>("rmsprop", [](auto& o) { o.lr = 0.01; });
  check_both<RMSprop>("rmsprop_momentum", [](auto& o) { o.lr = 0.01, o.momentum = 0.9, o.alpha = 0.9; });
  check_both<ashlar::Adagrad>("adagrad", [](auto& o) { o.lr = 0.1; });
}

// Not among the recorded settings: against the formulas of torch's documentation.
TEST_CASE("RMSprop centered, Adagrad with decay and a first value") {
  struct One {
    Parameter<double, 1> w;
  };
  One net{}, grads{};
  net.w(0) = 1;
  grads.w(0) = 0.5;
  ashlar::RMSprop<One, true> centered{.lr = 0.1, .alpha = 0.5};
  centered.step(net, grads);
  CHECK(net.w(0) == Approx(1 - 0.1 * 0.5 / (std::sqrt(0.125 - 0.0625) + 1e-8)).epsilon(1e-14));
  CHECK((*centered.grad_avg).w(0) == 0.25);

  net.w(0) = 1;
  ashlar::Adagrad<One> adagrad{.lr = 0.1, .lr_decay = 0.5, .initial_accumulator_value = 2};
  adagrad.step(net, grads);
  double expected = 1 - 0.1 * 0.5 / (std::sqrt(2.25) + 1e-10);
  CHECK(net.w(0) == Approx(expected).epsilon(1e-14));
  adagrad.step(net, grads);
  expected -= 0.1 / 1.5 * 0.5 / (std::sqrt(2.5) + 1e-10);
  CHECK(net.w(0) == Approx(expected).epsilon(1e-14));
}

TEST_CASE("ExponentialAverage copies first, then follows") {
  Pair<float> net{};
  net.a.fill(2);
  net.running.fill(1);
  ashlar::ExponentialAverage<Pair<float>> average{.decay = 0.75};
  average.update(net);
  CHECK((*average.average).a(4) == 2);
  net.a.fill(6);
  net.running.fill(5);
  average.update(net);
  CHECK((*average.average).a(4) == 3);
  CHECK((*average.average).running(2) == 5);
  CHECK(average.n_averaged == 2);
}

namespace {
struct Mixed {
  Parameter<float, 3> f;
  Parameter<double, 3> d;
};
struct Layers {
  Parameter<float, 3> first;
  Parameter<float, 17> second;
};
template <class T>
bool all_zero(T const& object, std::size_t begin, std::size_t end) {
  auto const* bytes = reinterpret_cast<std::byte const*>(&object);
  return std::all_of(bytes + begin, bytes + end, [](std::byte b) { return b == std::byte{0}; });
}
}  // namespace

TEST_CASE("one network may hold float and double parameters") {
  Mixed net{}, grads{};
  grads.f.fill(1);
  grads.d.fill(-1);
  ashlar::SGD<Mixed> sgd{.lr = 0.5};
  sgd.step(net, grads);
  CHECK(net.f(2) == -0.5f);
  CHECK(net.d(2) == 0.5);
}

// Files promise zero padding, and the update of padding would give 0 / 0 or -0 here.
TEST_CASE("padding between parameters stays zero, whatever the settings") {
  Layers net{}, grads{};
  grads.first.fill(1);
  grads.second.fill(1);
  std::memset(reinterpret_cast<std::byte*>(&grads) + 12, 0xff, 52);  // NaN in the padding of the gradients
  auto const step_and_check = [&](auto& optimizer) {
    optimizer.step(net, grads);
    optimizer.step(net, grads);
    CHECK(all_zero(net, 12, 64));
  };
  ashlar::AdamW<Layers, true> adam{.eps = 0, .weight_decay = 2000};
  step_and_check(adam);
  CHECK(all_zero(*adam.exp_avg, 12, 64));
  CHECK(all_zero(*adam.exp_avg_sq, 12, 64));
  CHECK(all_zero(*adam.max_exp_avg_sq, 12, 64));
  ashlar::SGD<Layers> sgd{.momentum = 0.9, .maximize = true};
  step_and_check(sgd);
  CHECK(all_zero(*sgd.momentum_buffer, 12, 64));
  ashlar::RMSprop<Layers, true> rms{.eps = 0, .momentum = 0.5};
  step_and_check(rms);
  CHECK(all_zero(*rms.square_avg, 12, 64));
  CHECK(all_zero(*rms.grad_avg, 12, 64));
  ashlar::Adagrad<Layers> adagrad{.initial_accumulator_value = 1, .eps = 0};
  step_and_check(adagrad);
  CHECK(all_zero(*adagrad.sum, 12, 64));
}
