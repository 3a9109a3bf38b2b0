// tests/nn/group_norm_test.cpp, mirrors include/ashlar/nn/{group_norm,rms_norm}.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/group_norm.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/rms_norm.hpp>

#include <ashlar/nn/make.hpp>
#include <ashlar/nn/print.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <type_traits>

using namespace ashlar;
using ashlar::test::check_layer_fixture;

namespace {

constexpr GroupNormOptions group{};
constexpr GroupNormOptions group_plain{.affine = false};
constexpr RMSNormOptions rms{.eps = 1e-5};
constexpr RMSNormOptions rms_default{};
constexpr InstanceNormOptions instance{};
constexpr InstanceNormOptions affine{.affine = true};
constexpr InstanceNormOptions tracked{.affine = true, .track_running_stats = true};

static_assert(std::is_aggregate_v<InstanceNorm2d<3, tracked>> && std::is_empty_v<InstanceNorm1d<3>>);
static_assert(type_name<InstanceNorm2d<3, affine>>() == "InstanceNorm2d<3, InstanceNormOptions{.affine = true}>");
static_assert(type_name<RMSNorm<8, rms, double>>() == "RMSNorm<8, RMSNormOptions{.eps = 1e-5}, double>");
static_assert(type_name<GroupNorm<3, 6>>() == "GroupNorm<3, 6>");

}  // namespace

TEST_CASE("GroupNorm agrees with torch") {
  check_layer_fixture<GroupNorm<3, 6, group, double>, double, Tensor<double, dyn, 6, 4, dyn>>("group_norm");
  check_layer_fixture<GroupNorm<1, 4, group_plain, double>, double, Tensor<double, 2, 4, 5>>("group_norm_1_no_affine");
}

TEST_CASE("RMSNorm agrees with torch") {
  check_layer_fixture<RMSNorm<8, rms, double>, double, Tensor<double, 2, dyn, 8>>("rms_norm");
  check_layer_fixture<RMSNorm<8, rms_default, double>, double, Tensor<double, dyn, 8>>("rms_norm_default_eps");
  check_layer_fixture<RMSNorm<8>, float, Tensor<float, 2, 8>>("rms_norm_default_eps");
}

TEST_CASE("InstanceNorm agrees with torch") {
  using X = Tensor<double, dyn, 3, 4, 5>;
  check_layer_fixture<InstanceNorm1d<3, instance, double>, double, Tensor<double, 2, 3, dyn>>("instance_norm1d");
  check_layer_fixture<InstanceNorm2d<3, affine, double>, double, X>("instance_norm2d_affine");
  check_layer_fixture<InstanceNorm2d<3, tracked, double>, double, X>("instance_norm2d_track_train", false);
  check_layer_fixture<InstanceNorm2d<3, tracked>, float, Tensor<float, 2, 3, 4, 5>>("instance_norm2d_track_train",
                                                                                    false);
  check_layer_fixture<InstanceNorm2d<3, tracked, double>, double, X, Evaluation>("instance_norm2d_track_eval");
}

TEST_CASE("gradients of GroupNorm and RMSNorm are those of finite differences") {
  auto const x = test::numbers(Tensor<double, 2, 4, dyn>(3), 0.3);
  GroupNorm<2, 4, group, double> layer{};
  for (std::size_t i = 0; i < 4; ++i) layer.weight(i) = 0.5 + static_cast<double>(i);
  test::check_differences("GroupNorm", [&](auto const& a) { return layer(a); }, x);
  RMSNorm<NormalizedShape{4, 3}, rms, double> root{};
  for (double& w : root.weight) w = 0.7;
  test::check_differences(
      "RMSNorm", [&](auto const& a) { return root(a); },
      Tensor<double, 2, 4, 3>(View<double const, 2, 4, 3>(x.data())));
}

TEST_CASE("GroupNorm, InstanceNorm and RMSNorm say what they take, and what they are") {
  CHECK_THROWS_WITH((GroupNorm<3, 6>{}(Tensor<float, dyn, dyn>(2, 7))),
                    "GroupNorm takes 6 channels but the input has 7: its shape is (2, 7)");
  CHECK_THROWS_WITH((InstanceNorm1d<3>{}(Tensor<float, dyn, dyn, 2>(2, 7))),
                    "InstanceNorm1d takes 3 channels but the input has 7: its shape is (2, 7, 2)");
  CHECK_THROWS_WITH((InstanceNorm1d<3>{}(Tensor<float, 2, 3, 1>{})),
                    "InstanceNorm1d takes more than 1 value for each channel but the shape is (2, 3, 1)");
  static_assert(!RMSNorm<8>::flow(Flow::ends_with(7)).fits);
  auto const norm = make<GroupNorm<3, 6>>(Rng{0});
  CHECK((norm->weight(5) == 1 && norm->bias(5) == 0));
  CHECK(structure(*norm) == "GroupNorm(3, 6, eps=1e-05, affine=True)");
  CHECK(structure(RMSNorm<8>{}) == "RMSNorm((8,), eps=None, elementwise_affine=True)");
  CHECK(structure(InstanceNorm2d<3, tracked>{}) ==
        "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)");
}
