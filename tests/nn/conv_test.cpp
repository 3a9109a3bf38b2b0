// tests/nn/conv_test.cpp, mirrors include/ashlar/nn/conv.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/conv.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <type_traits>

using namespace ashlar;
using ashlar::test::check_layer_fixture;

namespace {

// Types.
static_assert(std::is_aggregate_v<Conv2d<3, 8, 5>> && std::is_trivially_copyable_v<Conv2d<3, 8, 5>>);
static_assert(std::is_same_v<decltype(Conv2d<1, 6, 5, ConvOptions{.padding = 2}>{}(Tensor<float, dyn, 1, 28, 28>(1))),
                             Tensor<float, dyn, 6, 28, 28>>);
static_assert(std::is_same_v<decltype(Conv2d<3, 8, Size2{3, 5}, ConvOptions{.stride = {2, 1}, .padding = {0, 2}}>{}(
                                 Tensor<float, 3, dyn, 9>(8))),
                             Tensor<float, 8, dyn, 9>>);
static_assert(std::is_same_v<decltype(Conv1d<3, 4, 3>{}(Tensor<float, 2, 3, 11>{})), Tensor<float, 2, 4, 9>>);

constexpr ConvOptions nobias{.bias = false};
constexpr ConvOptions stride2_pad1{.stride = 2, .padding = 1};
constexpr ConvOptions rect{.stride = {2, 1}, .padding = {0, 2}, .dilation = {2, 1}};
constexpr ConvOptions groups2{.padding = 1, .groups = 2};
constexpr ConvOptions multiplier{.stride = 2, .padding = 1, .groups = 3};

template <class T>
using Any4 = Tensor<T, dyn, dyn, dyn, dyn>;

}  // namespace

TEST_CASE("Conv2d agrees with torch") {
  check_layer_fixture<Conv2d<3, 4, 3>, float, Tensor<float, dyn, 3, 7, 6>>("conv2d");
  check_layer_fixture<Conv2d<3, 4, 3, ConvOptions{}, double>, double, Tensor<double, 2, 3, 7, 6>>("conv2d");
  check_layer_fixture<Conv2d<2, 3, 3, nobias, double>, double, Any4<double>>("conv2d_nobias");
  check_layer_fixture<Conv2d<3, 4, 1, ConvOptions{}, double>, double, Any4<double>>("conv2d_1x1");
  check_layer_fixture<Conv2d<3, 4, 3, stride2_pad1, double>, double, Any4<double>>("conv2d_stride2_pad1");
  check_layer_fixture<Conv2d<2, 3, 3, ConvOptions{.dilation = 2}, double>, double, Any4<double>>("conv2d_dilation2");
  check_layer_fixture<Conv2d<2, 3, Size2{3, 5}, rect>, float, Any4<float>>("conv2d_rect");
  check_layer_fixture<Conv2d<2, 3, Size2{3, 5}, rect, double>, double, Any4<double>>("conv2d_rect");
  check_layer_fixture<Conv2d<4, 6, 3, groups2, double>, double, Any4<double>>("conv2d_groups2");
  check_layer_fixture<Conv2d<4, 4, 3, ConvOptions{.padding = 1, .groups = 4}, double>, double, Any4<double>>(
      "conv2d_depthwise");
  check_layer_fixture<Conv2d<3, 6, 3, multiplier, double>, double, Any4<double>>("conv2d_depthwise_multiplier");
  check_layer_fixture<Conv2d<2, 3, Size2{4, 3}, ConvOptions{.padding = "same"}, double>, double, Any4<double>>(
      "conv2d_same");
}

TEST_CASE("Conv1d agrees with torch") {
  check_layer_fixture<Conv1d<3, 4, 3>, float, Tensor<float, dyn, 3, 11>>("conv1d");
  check_layer_fixture<Conv1d<3, 4, 3, ConvOptions{}, double>, double, Tensor<double, 2, 3, dyn>>("conv1d");
  check_layer_fixture<Conv1d<3, 4, 3, stride2_pad1, double>, double, Tensor<double, dyn, 3, dyn>>(
      "conv1d_stride2_pad1");
  check_layer_fixture<Conv1d<4, 6, 3, ConvOptions{.dilation = 3, .groups = 2}, double>, double,
                      Tensor<double, dyn, 4, 15>>("conv1d_dilation3_groups2");
}

TEST_CASE("gradients of convolutions are those of finite differences") {
  auto const x = test::numbers(Tensor<double, dyn, 4, 5, 6>(2), 0.3);
  test::check_differences(
      "conv2d", [](auto const& a, auto const& w, auto const& b) { return conv2d<groups2>(a, w, b); }, x,
      test::numbers(Tensor<double, 6, 2, 3, 2>{}, 1.9), test::numbers(Tensor<double, 6>{}, 2.7));
  test::check_differences(
      "conv2d without bias", [](auto const& a, auto const& w) { return conv2d<rect>(a, w); }, x,
      test::numbers(Tensor<double, 3, 4, 2, 3>{}, 0.4));
}

TEST_CASE("Conv2d starts with the bits of torch") {
  test::SafeTensors const file(ASHLAR_TEST_DATA "/d2l/inits.safetensors");
  auto const layer = make<Conv2d<3, 8, 3>>(Rng{0});
  CHECK(test::same_bits(layer->weight.span(), file.values<float>("nn.Conv2d/weight")));
  CHECK(test::same_bits(layer->bias.span(), file.values<float>("nn.Conv2d/bias")));
}

TEST_CASE("leading dimensions of a convolution pass through") {
  auto const layer = make<Conv2d<2, 3, 3>>(Rng{1});
  auto const x = test::numbers(Tensor<double, 2, 2, 2, 4, 5>{}, 0.7);
  Tensor<float, 2, 2, 2, 4, 5> deep;
  Tensor<float, 4, 2, 4, 5> batch;
  Tensor<float, 2, 4, 5> one;
  for (std::size_t i = 0; i < x.numel(); ++i) deep.data()[i] = batch.data()[i] = static_cast<float>(x.data()[i]);
  for (std::size_t i = 0; i < one.numel(); ++i) one.data()[i] = batch.data()[i];
  auto const y = (*layer)(batch);
  CHECK(test::same_bits((*layer)(deep).view().span(), y.view().span()));
  CHECK(test::same_bits((*layer)(one).view().span(), y.view().span().first(3 * 2 * 3)));
  CHECK((*layer)(Tensor<float, dyn, 2, 4, 5>(0)).shape() == Extents{4, {0, 3, 2, 3}});
}

TEST_CASE("extents flow through convolutions as far as they are known") {
  using Conv = Conv2d<3, 8, 5, ConvOptions{.stride = 2}>;
  static_assert(Conv::flow(Flow::all({4, {dyn, 3, 32, dyn}})).out.extents == Extents{4, {dyn, 8, 14, dyn}});
  static_assert(Conv::flow(Flow::nothing()).out.open);
  static_assert(Conv::flow(Flow::nothing()).out.extents == Extents{3, {8, dyn, dyn}});
  static_assert(!Conv::flow(Flow::ends_with(4)).fits && Conv::flow(Flow::ends_with(4)).takes == 5);
  static_assert(!Conv::flow(Flow::all({4, {1, 4, 9, 9}})).fits);
  struct Net {
    Conv2d<3, 8, 5> conv;
    ReLU relu;
    Flatten flatten;
    Linear<32, 10> out;
  };
  static_assert(std::is_same_v<decltype(forward(Net{}, Tensor<float, dyn, 3, 6, 6>(1))), Tensor<float, dyn, 10>>);
}

TEST_CASE("a convolution says what it takes, where only the value knows") {
  Conv2d<3, 8, 5> const conv{};
  CHECK_THROWS_WITH(conv(Any4<float>(2, 4, 9, 9)),
                    "Conv2d takes 3 channels but the input has 4: its shape is (2, 4, 9, 9)");
  CHECK_THROWS_WITH(conv(Tensor<float, dyn, 3, dyn, 9>(2, 4)),
                    "Conv2d takes 5 or more rows but the input has 4: its shape is (2, 3, 4, 9)");
  CHECK_THROWS_WITH((Conv1d<3, 8, 5, ConvOptions{.padding = 1}>{}(Tensor<float, 3, dyn>(2))),
                    "Conv1d takes 3 or more elements but the input has 2: its shape is (3, 2)");
}
