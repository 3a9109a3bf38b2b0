// tests/nn/layer_norm_test.cpp, mirrors include/ashlar/nn/layer_norm.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/layer_norm.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/print.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <type_traits>

using namespace ashlar;
using ashlar::test::check_layer_fixture;

namespace {

constexpr LayerNormOptions defaults{};
constexpr LayerNormOptions no_bias{.eps = 1e-12, .bias = false};
constexpr LayerNormOptions plain{.elementwise_affine = false};

static_assert(std::is_aggregate_v<LayerNorm<8>> && std::is_trivially_copyable_v<LayerNorm<8>>);
static_assert(std::is_same_v<decltype(LayerNorm<NormalizedShape{3, 4}>::weight), Parameter<float, 3, 4>>);
static_assert(std::is_same_v<decltype(LayerNorm<8>{}(Tensor<float, dyn, 8>(1))), Tensor<float, dyn, 8>>);

}  // namespace

TEST_CASE("LayerNorm agrees with torch") {
  check_layer_fixture<LayerNorm<8>, float, Tensor<float, dyn, 3, 8>>("layer_norm");
  check_layer_fixture<LayerNorm<8, defaults, double>, double, Tensor<double, 2, dyn, 8>>("layer_norm");
  check_layer_fixture<LayerNorm<NormalizedShape{3, 4}, defaults, double>, double, Tensor<double, dyn, 3, dyn>>(
      "layer_norm_2d");
  check_layer_fixture<LayerNorm<6, no_bias, double>, double, Tensor<double, dyn, 6>>("layer_norm_nobias_eps");
}

TEST_CASE("gradients of LayerNorm are those of finite differences") {
  auto const x = test::numbers(Tensor<double, dyn, 5>(3), 0.3);
  test::check_differences("without parameters", [](auto const& a) { return LayerNorm<5, plain, double>{}(a); }, x);
  LayerNorm<5, defaults, double> layer{};
  for (std::size_t i = 0; i < 5; ++i) layer.weight(i) = 0.5 + static_cast<double>(i);
  test::check_differences("with parameters", [&](auto const& a) { return layer(a); }, x);
}

TEST_CASE("LayerNorm starts as the identity of what is normalised") {
  auto const layer = make<LayerNorm<3>>(Rng{0});
  CHECK(layer->weight(1) == 1);
  CHECK(layer->bias(1) == 0);
  CHECK(bitwise_equal((*layer)(Tensor<float, 3>{1, 2, 4}), LayerNorm<3, plain>{}(Tensor<float, 3>{1, 2, 4})));
}

TEST_CASE("LayerNorm says what it takes, and what it is") {
  static_assert(!LayerNorm<NormalizedShape{3, 4}>::flow(Flow::all({3, {2, 5, 4}})).fits);
  static_assert(!LayerNorm<8>::flow(Flow::ends_with(7)).fits);
  static_assert(LayerNorm<NormalizedShape{3, 4}>::flow(Flow::ends_with(4)).fits);
  static_assert(!LayerNorm<NormalizedShape{3, 4}>::flow(Flow::all({1, {4}})).fits);
  CHECK_THROWS_WITH(LayerNorm<8>{}(Tensor<float, dyn, dyn>(2, 7)),
                    "LayerNorm takes 8 features but the input has 7: its shape is (2, 7)");
  CHECK(LayerNorm<8>{}(Tensor<float, dyn, 8>(0)).numel() == 0);
  CHECK(structure(LayerNorm<8>{}) == "LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=True)");
  CHECK(structure(LayerNorm<NormalizedShape{3, 4}, no_bias>{}) ==
        "LayerNorm((3, 4), eps=1e-12, elementwise_affine=True, bias=False)");
}
