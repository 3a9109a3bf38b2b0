// tests/nn/pool_test.cpp, mirrors include/ashlar/nn/pool.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/pool.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/print.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <type_traits>

using namespace ashlar;
using ashlar::test::check_layer_fixture;

namespace {

// Types.
static_assert(
    std::is_same_v<decltype(AvgPool2d<2>{}(Tensor<float, dyn, 6, 28, 28>(1))), Tensor<float, dyn, 6, 14, 14>>);
static_assert(
    std::is_same_v<decltype(MaxPool2d<Size2{2, 3}>{}(Tensor<float, 6, dyn, 7>(4))), Tensor<float, 6, dyn, 2>>);
static_assert(std::is_same_v<decltype(AdaptiveAvgPool2d<1>{}(Tensor<float, dyn, dyn, dyn, dyn>(1, 2, 3, 4))),
                             Tensor<float, dyn, dyn, 1, 1>>);

constexpr MaxPoolOptions overlap_ceil{.stride = 2, .ceil_mode = true};
constexpr MaxPoolOptions ceil_pad{.stride = 2, .padding = 1, .ceil_mode = true};
constexpr MaxPoolOptions dilated{.stride = {2, 1}, .dilation = {2, 1}};
constexpr AvgPoolOptions padded{.stride = 2, .padding = 1};
constexpr AvgPoolOptions excluded{.stride = 2, .padding = 1, .count_include_pad = false};

template <class T>
using Any3 = Tensor<T, dyn, dyn, dyn>;
template <class T>
using Any4 = Tensor<T, dyn, dyn, dyn, dyn>;

}  // namespace

TEST_CASE("MaxPool agrees with torch") {
  check_layer_fixture<MaxPool2d<2>, float, Tensor<float, dyn, 3, 6, 7>>("max_pool2d");
  check_layer_fixture<MaxPool2d<2>, double, Tensor<double, 2, 3, 6, 7>>("max_pool2d");
  check_layer_fixture<MaxPool2d<3, overlap_ceil>, double, Any4<double>>("max_pool2d_ceil");
  check_layer_fixture<MaxPool2d<3, ceil_pad>, double, Any4<double>>("max_pool2d_ceil_pad");
  check_layer_fixture<MaxPool2d<Size2{2, 3}, dilated>, double, Any4<double>>("max_pool2d_dilation");
  check_layer_fixture<MaxPool1d<3, MaxPoolOptions{.stride = 2}>, double, Any3<double>>("max_pool1d");
}

TEST_CASE("AvgPool agrees with torch") {
  check_layer_fixture<AvgPool2d<2>, float, Tensor<float, dyn, 3, 6, 7>>("avg_pool2d");
  check_layer_fixture<AvgPool2d<2>, double, Tensor<double, 2, 3, 6, 7>>("avg_pool2d");
  check_layer_fixture<AvgPool2d<3, padded>, double, Any4<double>>("avg_pool2d_pad");
  check_layer_fixture<AvgPool2d<3, excluded>, double, Any4<double>>("avg_pool2d_pad_exclude");
  check_layer_fixture<AvgPool2d<3, AvgPoolOptions{.stride = 2, .ceil_mode = true}>, double, Any4<double>>(
      "avg_pool2d_ceil");
  check_layer_fixture<AvgPool1d<3, padded>, double, Any3<double>>("avg_pool1d");
}

TEST_CASE("AdaptiveAvgPool agrees with torch") {
  check_layer_fixture<AdaptiveAvgPool2d<1>, double, Tensor<double, dyn, 3, 5, 7>>("adaptive_avg_pool2d_1");
  check_layer_fixture<AdaptiveAvgPool2d<Size2{3, 2}>, double, Any4<double>>("adaptive_avg_pool2d_3x2");
  check_layer_fixture<AdaptiveAvgPool1d<4>, double, Any3<double>>("adaptive_avg_pool1d");
}

TEST_CASE("gradients of pools are those of finite differences") {
  auto const x = test::numbers(Tensor<double, dyn, 2, 5, 4>(2), 0.3);
  test::check_differences("max", [](auto const& a) { return MaxPool2d<3, ceil_pad>{}(a); }, x);
  test::check_differences("avg", [](auto const& a) { return AvgPool2d<3, excluded>{}(a); }, x);
  test::check_differences("adaptive", [](auto const& a) { return AdaptiveAvgPool2d<Size2{3, 2}>{}(a); }, x);
}

TEST_CASE("extents flow through pools, and those that are too small are refused") {
  static_assert(AvgPool2d<2>::flow(Flow::all({4, {dyn, 6, 28, dyn}})).out.extents == Extents{4, {dyn, 6, 14, dyn}});
  static_assert(!AvgPool2d<3>::flow(Flow::all({4, {dyn, 6, 2, 8}})).fits);
  static_assert(AdaptiveAvgPool2d<1>::flow(Flow::nothing()).out.extents == Extents{3, {dyn, 1, 1}});
  CHECK_THROWS_WITH(MaxPool2d<3>{}(Any3<float>(1, 8, 2)),
                    "MaxPool2d takes 3 or more columns but the input has 2: its shape is (1, 8, 2)");
  CHECK(MaxPool2d<3>{}(Any4<float>(0, 1, 8, 8)).shape() == Extents{4, {0, 1, 2, 2}});
}

TEST_CASE("pools print as torch's do") {
  CHECK(structure(MaxPool2d<2>{}) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)");
  CHECK(structure(MaxPool2d<Size2{2, 3}, dilated>{}) ==
        "MaxPool2d(kernel_size=(2, 3), stride=(2, 1), padding=0, dilation=(2, 1), ceil_mode=False)");
  CHECK(structure(MaxPool1d<3>{}) == "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)");
  CHECK(structure(AvgPool2d<3, padded>{}) == "AvgPool2d(kernel_size=3, stride=2, padding=1)");
  CHECK(structure(AvgPool1d<3>{}) == "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))");
  CHECK(structure(AdaptiveAvgPool2d<Size2{3, 2}>{}) == "AdaptiveAvgPool2d(output_size=(3, 2))");
  CHECK(structure(AdaptiveAvgPool1d<4>{}) == "AdaptiveAvgPool1d(output_size=4)");
}
