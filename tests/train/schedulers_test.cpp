// tests/train/schedulers_test.cpp, mirrors include/ashlar/train/schedulers.hpp: rates recorded from torch, to 1e-12
// relative, because torch computes some of them from the rate before.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/train/schedulers.hpp>

#include <ashlar/reflect/manifest.hpp>

#include "support/close.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

using namespace ashlar::test;

namespace {

struct Optimizer {
  double lr = 0.1;
  double momentum = 0.5;
};
struct AdamLike {
  double lr = 0.1;
  std::array<double, 2> betas{0.9, 0.999};
};

double inverse_sqrt(std::uint64_t epoch) { return 1 / std::sqrt(static_cast<double>(epoch) + 1); }

Json const& recorded(std::string const& name) {
  static Json const all = parse_json(read_file(ASHLAR_TEST_DATA "/training/lr_schedules.json"));
  for (Json const& schedule : all["schedules"].items) {
    if (schedule["name"].string == name) return schedule;
  }
  throw std::runtime_error("no schedule " + name);
}

/// Runs a schedule as long as the recorded one; at a few places it is copied, as a checkpoint would, and goes on.
template <class Scheduler>
void check(char const* name, Scheduler scheduler) {
  static_assert(std::is_aggregate_v<Scheduler> && std::is_trivially_copyable_v<Scheduler>);
  CAPTURE(name);
  Json const& expected = recorded(name);
  Optimizer optimizer{.lr = expected["base_lr"].number};
  scheduler.start(optimizer);
  std::vector<double> rates, momenta;
  for (std::size_t i = 0; i < expected["lr_before_step"].items.size(); ++i) {
    rates.push_back(optimizer.lr);
    momenta.push_back(optimizer.momentum);
    Scheduler const saved = scheduler;
    scheduler = saved;
    scheduler.step(optimizer);
    CHECK(scheduler.last_epoch == i + 1);
    CHECK(optimizer.lr == scheduler.get_lr());
  }
  expect_close(rates, expected["lr_before_step"].numbers(), 1e-12, 0);
  if (expected.has("momentum_before_step")) {
    expect_close(momenta, expected["momentum_before_step"].numbers(), 1e-12, 0);
  }
}

}  // namespace

TEST_CASE("schedules agree with torch") {
  using namespace ashlar;
  check("step_lr", StepLR{.step_size = 5, .gamma = 0.5});
  check("multi_step_lr", MultiStepLR<3>{.milestones = {3, 8, 15}});
  check("exponential_lr", ExponentialLR{.gamma = 0.9});
  check("cosine", CosineAnnealingLR{.T_max = 20});
  check("cosine_eta_min_past_end", CosineAnnealingLR{.T_max = 10, .eta_min = 0.01});
  check("linear_warmup", LinearLR{.start_factor = 0.1, .total_iters = 6});
  check("warmup_then_cosine", SequentialLR<LinearLR, CosineAnnealingLR>{
                                  .milestone = 5, .first = {.start_factor = 0.1}, .second = {.T_max = 15}});
  check("one_cycle", OneCycleLR{.max_lr = 0.5, .total_steps = 30});
  check("one_cycle_linear", OneCycleLR{.max_lr = 0.5,
                                       .total_steps = 20,
                                       .pct_start = 0.25,
                                       .linear = true,
                                       .div_factor = 10,
                                       .final_div_factor = 100});
  check("lambda_inverse_sqrt", LambdaLR<inverse_sqrt>{});
}

// Rates of PyTorch 2.15.0 from 0.5 on, after so many steps.
TEST_CASE("restarts, constant and polynomial schedules agree with torch") {
  using namespace ashlar;
  auto const is = [](auto scheduler, std::vector<double> const& expected) {
    scheduler.base_lr = 0.5;
    std::vector<double> rates;
    for (std::uint64_t const at : {0, 1, 2, 5, 6, 13, 14, 29, 1000}) rates.push_back(scheduler.lr_at(at));
    expect_close(rates, expected, 1e-12, 1e-15);
  };
  is(CosineAnnealingWarmRestarts{.T_0 = 2, .T_mult = 2, .eta_min = 0.01},
     {0.5, 0.255, 0.5, 0.08175883860929586, 0.5, 0.02864951453473475, 0.5, 0.014707606301208546, 0.012228854320193898});
  is(CosineAnnealingWarmRestarts{.T_0 = 4},
     {0.5, 0.42677669529663687, 0.25, 0.42677669529663687, 0.25, 0.42677669529663687, 0.25, 0.42677669529663687, 0.5});
  is(ConstantLR{.factor = 0.25, .total_iters = 6}, {0.125, 0.125, 0.125, 0.125, 0.5, 0.5, 0.5, 0.5, 0.5});
  is(PolynomialLR{.total_iters = 14, .power = 2}, {0.5, 0.43112244897959184, 0.3673469387755103, 0.2066326530612245,
                                                   0.163265306122449, 0.0025510204081632634, 0.0, 0.0, 0.0});
  CHECK(CosineAnnealingWarmRestarts{.T_0 = 0, .T_mult = 0, .base_lr = 1}.lr_at(5) == 1);
  // A period of 2^64 steps has no number: it ends, half way.
  CHECK(CosineAnnealingWarmRestarts{.T_0 = 1ull << 33, .T_mult = 1ull << 31, .base_lr = 1}.lr_at(1ull << 63) ==
        Approx(0.5).epsilon(1e-6));
  CHECK(PolynomialLR{.total_iters = 0, .base_lr = 1}.lr_at(5) == 1);
}

TEST_CASE("a schedule takes the optimizer's rate once, also without start") {
  Optimizer optimizer{.lr = 0.25};
  ashlar::StepLR scheduler{.step_size = 2, .gamma = 0.5};
  scheduler.step(optimizer);
  CHECK(scheduler.base_lr == 0.25);
  CHECK(optimizer.lr == 0.25);
  scheduler.step(optimizer);
  CHECK(optimizer.lr == 0.125);
  scheduler.step(optimizer);
  CHECK(optimizer.lr == 0.125);
}

TEST_CASE("OneCycleLR: three phases, beta1, the end") {
  ashlar::OneCycleLR s{
      .max_lr = 1, .total_steps = 10, .linear = true, .three_phase = true, .div_factor = 5, .final_div_factor = 2};
  CHECK(s.lr_at(0) == Approx(0.2));
  CHECK(s.lr_at(2) == Approx(1));    // 0.3 * 10 - 1
  CHECK(s.lr_at(4) == Approx(0.2));  // 2 * 0.3 * 10 - 2
  CHECK(s.lr_at(9) == Approx(0.1));
  CHECK(s.lr_at(1000) == s.lr_at(9));
  CHECK(s.momentum_at(2) == Approx(0.85));
  CHECK(s.momentum_at(4) == Approx(0.95));
  CHECK(s.momentum_at(9) == Approx(0.95));
  AdamLike adam;
  s.start(adam);
  CHECK(adam.betas[0] == 0.95);
  s.cycle_momentum = false;
  adam.betas[0] = 0.9;
  s.step(adam);
  CHECK(adam.betas[0] == 0.9);
}

TEST_CASE("schedules nest, and zero lengths do no harm") {
  using namespace ashlar;
  using Inner = SequentialLR<ExponentialLR, StepLR>;
  SequentialLR<LinearLR, Inner> s{.milestone = 2,
                                  .first = {.start_factor = 0.5, .total_iters = 2},
                                  .second = {.milestone = 3, .first = {.gamma = 0.5}, .second = {.gamma = 0.1}}};
  s.base_lr = 8;
  CHECK(s.lr_at(0) == 4);
  CHECK(s.lr_at(1) == 6);
  CHECK(s.lr_at(2) == 8);
  CHECK(s.lr_at(4) == 2);
  CHECK(s.lr_at(5) == 8);
  static_assert(manifest<decltype(s)>().size() > 4);
  CHECK(StepLR{.step_size = 0, .base_lr = 1}.lr_at(1) == 0.1);
  CHECK(CosineAnnealingLR{.T_max = 0, .base_lr = 1}.lr_at(1) == 0);
  CHECK(LinearLR{.total_iters = 0, .base_lr = 1}.lr_at(0) == 1);
  CHECK(std::isfinite(OneCycleLR{.max_lr = 1, .total_steps = 0}.lr_at(0)));
}
