// tests/nn/conv_transpose_test.cpp, mirrors include/ashlar/nn/conv_transpose.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/conv_transpose.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/make.hpp>
#include <ashlar/nn/print.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <type_traits>

using namespace ashlar;
using ashlar::test::check_layer_fixture;

namespace {

constexpr ConvTransposeOptions plain{};
constexpr ConvTransposeOptions stride2{.stride = 2, .padding = 1, .output_padding = 1};
// No window reaches the last elements: a read and a write behind x, once.
constexpr ConvTransposeOptions beyond{
    .stride = {1, 2}, .padding = {1, 0}, .output_padding = {2, 1}, .groups = 2, .dilation = {3, 2}};
constexpr ConvTransposeOptions groups{.stride = {2, 1}, .groups = 2, .bias = false};

static_assert(std::is_same_v<decltype(ConvTranspose2d<3, 4, 3, stride2>{}(Tensor<float, dyn, 3, 4, 5>(1))),
                             Tensor<float, dyn, 4, 8, 10>>);
static_assert(type_name<ConvTranspose1d<4, 6, 3, groups>>() ==
              "ConvTranspose1d<4, 6, 3, ConvTransposeOptions{.stride = {2, 1}, .groups = 2, .bias = false}>");

}  // namespace

TEST_CASE("ConvTranspose2d agrees with torch") {
  using Any = Tensor<double, dyn, dyn, dyn, dyn>;
  check_layer_fixture<ConvTranspose2d<3, 4, 3, plain, double>, double, Tensor<double, 2, 3, 4, 5>>("conv_transpose2d");
  check_layer_fixture<ConvTranspose2d<3, 4, 3, stride2, double>, double, Any>("conv_transpose2d_stride2");
  check_layer_fixture<ConvTranspose2d<3, 4, 3, stride2>, float, Tensor<float, dyn, 3, 4, 5>>(
      "conv_transpose2d_stride2");
  check_layer_fixture<ConvTranspose2d<4, 6, Size2{2, 3}, groups, double>, double, Any>("conv_transpose2d_groups");
  check_layer_fixture<ConvTranspose2d<2, 4, Size2{3, 1}, beyond, double>, double, Any>(
      "conv_transpose2d_output_padding");
}

TEST_CASE("ConvTranspose1d of one element gives nothing but bias where output_padding is") {
  ConvTranspose1d<1, 1, 1, ConvTransposeOptions{.output_padding = 2, .dilation = 3}> layer{};
  layer.weight.fill(2);
  layer.bias.fill(0.5f);
  CHECK(bitwise_equal(layer(Tensor<float, 1, 3>{1, 2, 3}), Tensor<float, 1, 5>{2.5f, 4.5f, 6.5f, 0.5f, 0.5f}));
}

// <conv(y), x> = <y, conv_transpose(x)> for all x and y: what makes it the transpose.
TEST_CASE("ConvTranspose1d is the transpose of Conv1d") {
  constexpr ConvOptions there{.stride = 3, .padding = 2, .dilation = 2, .bias = false};
  constexpr ConvTransposeOptions back{.stride = 3, .padding = 2, .output_padding = 1, .bias = false, .dilation = 2};
  Conv1d<2, 4, 3, there, double> conv{};
  ConvTranspose1d<4, 2, 3, back, double> transposed{};
  double at = 0;
  for (std::size_t i = 0; i < conv.weight.numel(); ++i) {
    conv.weight.data()[i] = transposed.weight.data()[i] = (at = at * 1.3 + 0.7) > 1 ? at -= 2 : at;
  }
  auto const y = test::numbers(Tensor<double, 3, 2, 14>{}, 0.3);
  auto const x = test::numbers(Tensor<double, 3, 4, 5>{}, 0.9);
  static_assert(std::is_same_v<decltype(transposed(x)), Tensor<double, 3, 2, 14>>);
  CHECK(sum(conv(y) * x).item() == Approx(sum(y * transposed(x)).item()));
  test::check_differences("ConvTranspose1d", [&](auto const& a) { return transposed(a); }, x);
}

TEST_CASE("ConvTranspose2d says what it takes, and what it is") {
  CHECK_THROWS_WITH((ConvTranspose2d<3, 4, 3>{}(Tensor<float, dyn, dyn, 4, 5>(2, 7))),
                    "ConvTranspose2d takes 3 channels but the input has 7: its shape is (2, 7, 4, 5)");
  CHECK(ConvTranspose2d<3, 4, 3>{}(Tensor<float, dyn, 3, 4, 5>(0)).numel() == 0);
  CHECK(structure(ConvTranspose2d<3, 4, 3, stride2>{}) ==
        "ConvTranspose2d(3, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))");
  // torch.manual_seed(0); ConvTranspose2d(3, 4, 3): the bound comes from the channels that come out.
  auto const layer = make<ConvTranspose2d<3, 4, 3>>(Rng{0});
  CHECK(layer->weight(2, 3, 2, 2) == -0.128559455f);
  CHECK(layer->bias(3) == 0.098896265f);
}
