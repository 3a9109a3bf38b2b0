// tests/train/gradients_test.cpp, mirrors include/ashlar/train/{runs,gradients}.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/train/gradients.hpp>

#include <ashlar/core/rng.hpp>
#include <ashlar/train/adam.hpp>
#include <ashlar/train/schedulers.hpp>

#include "support/close.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

using ashlar::Buffer;
using ashlar::Constant;
using ashlar::DType;
using ashlar::Parameter;

namespace {

template <class T, std::size_t In, std::size_t Out>
struct Affine {
  Parameter<T, Out, In> weight;
  Parameter<T, Out> bias;
};
struct Relu {};

constexpr bool is(ashlar::Run const& run, DType dtype, std::size_t offset, std::size_t count) {
  return run.dtype == dtype && run.offset == offset && run.count == count;
}

// Plain layers are one run: padding, and an empty layer with its padding, lie inside it.
struct MLP {
  Affine<float, 20, 256> hidden;
  Relu relu;
  Affine<float, 256, 10> output;
};
static_assert(ashlar::trainable_runs<MLP>().size() == 1);
static_assert(is(ashlar::trainable_runs<MLP>()[0], DType::f32, 0,
                 (offsetof(MLP, output) + sizeof(float) * 2560) / 4 + 10));
static_assert(ashlar::trainable_tensors<MLP>().size() == 4);

// A buffer, a scalar, another dtype end a run; what is tied counts once.
struct Apart {
  Affine<float, 3, 2> a;
  Buffer<float, 1> running;
  Affine<float, 3, 2> b;
  Affine<double, 3, 2> c;
  int steps = 0;
  ashlar::Tied<"c"> d;
  Parameter<double, 1> e;
};
static_assert(ashlar::trainable_runs<Apart>().size() == 4);
static_assert(is(ashlar::trainable_runs<Apart>()[0], DType::f32, 0, 16 + 2));
static_assert(is(ashlar::trainable_runs<Apart>()[1], DType::f32, offsetof(Apart, b), 16 + 2));
static_assert(is(ashlar::trainable_runs<Apart>()[2], DType::f64, offsetof(Apart, c), 8 + 2));
static_assert(is(ashlar::trainable_runs<Apart>()[3], DType::f64, offsetof(Apart, e), 1));

struct Nothing {
  Buffer<float, 2> mean;
  Constant<int, 2> ids;
};
static_assert(ashlar::trainable_runs<Nothing>().empty());

// A checkpoint is one plain struct; an optimizer's moments are state in it, not parameters.
struct Checkpoint {
  MLP model;
  ashlar::Adam<MLP> optimizer;
  ashlar::SequentialLR<ashlar::LinearLR, ashlar::MultiStepLR<2>> scheduler;
  ashlar::Rng rng;
  std::uint64_t epoch = 0;
};
static_assert(std::is_trivially_copyable_v<Checkpoint> && std::is_aggregate_v<Checkpoint>);
static_assert([] {
  std::size_t parameters = 0, states = 0;
  for (auto const& row : ashlar::manifest<Checkpoint>()) {
    parameters += row.kind == ashlar::Kind::parameter;
    states += row.kind == ashlar::Kind::buffer;
  }
  return parameters == 4 && states == 8;
}());
constexpr bool has_key(std::string_view key, std::size_t bytes) {
  for (auto const& row : ashlar::manifest<Checkpoint>()) {
    if (row.key == key) return row.bytes == bytes;
  }
  return false;
}
static_assert(has_key("model.hidden.weight", 4 * 5120) && has_key("optimizer.exp_avg_sq.hidden.weight", 4 * 5120));
static_assert(has_key("optimizer.lr", 8) && has_key("optimizer.betas", 16) && has_key("optimizer.step_count", 8));
static_assert(has_key("scheduler.second.milestones", 16) && has_key("rng.seed", 8) && has_key("rng.counter", 8));

Apart gradients() {
  Apart g{};
  g.a.weight.fill(1);    // 6
  g.b.bias.fill(-2);     // 2 * 4
  g.c.weight.fill(3);    // 6 * 9
  g.e.fill(-1);          // 1
  g.running.fill(100);
  g.steps = 50;
  return g;
}

}  // namespace

TEST_CASE("grad_norm sees every parameter once, and nothing else") {
  auto g = gradients();
  std::memset(reinterpret_cast<std::byte*>(&g) + 24, 0xff, 40);  // padding is not looked at
  CHECK(ashlar::grad_norm(g) == std::sqrt(6.0 + 8 + 54 + 1));
  CHECK(ashlar::grad_norm(g, 1) == 6.0 + 4 + 18 + 1);
  CHECK(ashlar::grad_norm(g, 3) == Approx(std::cbrt(6.0 + 16 + 162 + 1)).epsilon(1e-14));
  CHECK(ashlar::grad_norm(g, std::numeric_limits<double>::infinity()) == 3);
  CHECK(ashlar::grad_norm(Nothing{}) == 0);
  g.b.bias(1) = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(ashlar::grad_norm(g)));
  CHECK(std::isnan(ashlar::grad_norm(g, std::numeric_limits<double>::infinity())));
}

TEST_CASE("clip_grad_norm_ scales by max / (norm + 1e-6), or leaves alone") {
  auto g = gradients();
  double const norm = std::sqrt(69.0);
  CHECK(ashlar::clip_grad_norm_(g, 100) == norm);
  CHECK(g.c.weight(0, 0) == 3);
  CHECK(ashlar::clip_grad_norm_(g, 2) == norm);
  CHECK(g.c.weight(0, 0) == 3 * (2 / (norm + 1e-6)));
  CHECK(g.a.weight(1, 2) == static_cast<float>(2 / (norm + 1e-6)));
  CHECK(g.running(0) == 100);
  CHECK(g.steps == 50);
  CHECK(ashlar::grad_norm(g) == Approx(2).epsilon(1e-6));
}

TEST_CASE("clip_grad_norm_ says what it cannot do, and leaves the gradients alone") {
  auto g = gradients();
  auto const message = [&](double norm_type) {
    try {
      ashlar::clip_grad_norm_(g, 1, norm_type, true);
    } catch (ashlar::Error const& e) {
      CHECK(e.code() == ashlar::Errc::value);
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(message(0) == "the norm of gradients takes a norm_type above 0, or infinity, but it is 0.000000");
  CHECK(message(-std::numeric_limits<double>::infinity()).ends_with("but it is -inf"));
  g.a.weight(0, 1) = std::numeric_limits<float>::infinity();
  CHECK(message(2) == "the norm of the gradients is inf, so they were not clipped");
  CHECK(g.e(0) == -1);
  CHECK(ashlar::clip_grad_norm_(g, 1) == std::numeric_limits<double>::infinity());
  CHECK(g.e(0) == 0);
  CHECK(std::isnan(g.a.weight(0, 1)));
}

TEST_CASE("clip_grad_value_ clamps and keeps NaN") {
  auto g = gradients();
  g.b.weight(0, 0) = std::numeric_limits<float>::quiet_NaN();
  ashlar::clip_grad_value_(g, 1.5);
  CHECK(g.a.weight(0, 0) == 1);
  CHECK(g.b.bias(0) == -1.5f);
  CHECK(g.c.weight(1, 2) == 1.5);
  CHECK(std::isnan(g.b.weight(0, 0)));
  CHECK(g.running(0) == 100);
}

TEST_CASE("zero_grad clears parameters and spares the rest") {
  auto g = gradients();
  ashlar::zero_grad(g);
  CHECK(ashlar::grad_norm(g) == 0);
  CHECK(g.running(0) == 100);
  CHECK(g.steps == 50);
}
