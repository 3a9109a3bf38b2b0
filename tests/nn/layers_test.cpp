// tests/nn/layers_test.cpp: layers of one input, and their gradients, against torch.  SPDX-License-Identifier: BSL-1.0
//
// Golden data in tests/golden/layers. Bounds: double 1e-10 + 1e-9 relative, float 1e-5 + 1e-4 relative.
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/prelu.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/nn/softmax.hpp>

#include "support/layer_fixture.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

using ashlar::dyn;
using ashlar::Linear;
using ashlar::Tape;
using ashlar::Tensor;
using ashlar::test::check_golden;
using ashlar::test::golden_path;
using ashlar::test::golden_tensor;
using ashlar::test::SafeTensors;

namespace {

struct NoParameters {
  std::uint8_t unused = 0;
};

/// Output and gradient of a layer without parameters, as a plain call and on a tape.
template <class X, class Layer>
void check_layer(std::string const& name, Layer const& layer) {
  using T = typename X::value_type;
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(golden_path<T>(name));
  X const x = golden_tensor<X>(file, "input");
  auto const plain = layer(x);
  check_golden<T>(plain, file, "output");

  NoParameters net, grads;
  Tape tape(net, grads);
  auto const input = tape.variable(x);
  auto const y = layer(input);
  CHECK(bitwise_equal(y, plain));
  auto const weights = golden_tensor<std::remove_cv_t<decltype(plain)>>(file, "grad_output");
  tape.backward(sum(y * weights));
  check_golden<T>(input.grad(), file, "grad_input");
}

/// A function of one element, at ordinary and at edge values.
template <class Layer>
void check_activation(std::string const& name, Layer const& ordinary, bool special = true,
                      Layer const& defaults = Layer{}) {
  check_layer<Tensor<float, dyn>>(name, ordinary);
  check_layer<Tensor<double, dyn>>(name, ordinary);
  if (!special) return;
  check_layer<Tensor<float, dyn>>(name + "_special", defaults);
  check_layer<Tensor<double, dyn>>(name + "_special", defaults);
}

/// Output and gradients of a layer with a weight and perhaps a bias.
template <class X, class Layer>
void check_parameters(std::string const& name) {
  using T = typename X::value_type;
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(golden_path<T>(name));
  constexpr bool with_bias = requires(Layer l) { l.bias; };
  Layer layer{}, grads{};
  std::ranges::copy(file.values<T>("param.weight"), layer.weight.data());
  if constexpr (with_bias) std::ranges::copy(file.values<T>("param.bias"), layer.bias.data());

  X const x = golden_tensor<X>(file, "input");
  auto const plain = layer(x);
  check_golden<T>(plain, file, "output");
  Tape tape(layer, grads);
  auto const input = tape.variable(x);
  auto const y = layer(input);
  CHECK(bitwise_equal(y, plain));
  tape.backward(sum(y * golden_tensor<std::remove_cv_t<decltype(plain)>>(file, "grad_output")));
  check_golden<T>(input.grad(), file, "grad_input");
  check_golden<T>(grads.weight, file, "grad_param.weight");
  if constexpr (with_bias) check_golden<T>(grads.bias, file, "grad_param.bias");
}

}  // namespace

TEST_CASE("Linear agrees with torch") {
  check_parameters<Tensor<float, dyn, 5>, Linear<5, 4>>("linear");
  check_parameters<Tensor<double, dyn, 5>, Linear<5, 4, double>>("linear");
  check_parameters<Tensor<float, 3, 5>, Linear<5, 4, float, false>>("linear_nobias");
  check_parameters<Tensor<double, 3, 5>, Linear<5, 4, double, false>>("linear_nobias");
  check_parameters<Tensor<float, 2, 3, 5>, Linear<5, 4>>("linear_3d");
  check_parameters<Tensor<double, dyn, 3, 5>, Linear<5, 4, double>>("linear_3d");
  check_parameters<Tensor<float, 5>, Linear<5, 4>>("linear_1d");
  check_parameters<Tensor<double, 5>, Linear<5, 4, double>>("linear_1d");
}

TEST_CASE("activations agree with torch, also at infinities, NaN, zeros and kinks") {
  using namespace ashlar;
  check_activation("relu", ReLU{});
  check_activation("leaky_relu", LeakyReLU{.negative_slope = 0.1});
  check_activation("gelu", GELU{});
  check_activation("gelu_tanh", GELUTanh{});
  check_activation("silu", SiLU{});
  check_activation("tanh", Tanh{});
  check_activation("sigmoid", Sigmoid{});
  check_activation("hardswish", Hardswish{});
  check_activation("elu", ELU{.alpha = 0.7});
  check_activation("softplus", Softplus{});
  check_activation("softplus_beta_threshold", Softplus{.beta = 2, .threshold = 1}, false);
  check_activation("relu6", ReLU6{});
  check_activation("hardsigmoid", Hardsigmoid{});
  check_activation("log_sigmoid", LogSigmoid{});
  check_activation("hardtanh", Hardtanh{});
  check_activation("mish", Mish{});
  check_activation("softsign", Softsign{});
  check_activation("dropout_eval",
                   [](auto const& x) {  // the identity, except in training
                     Tensor<typename std::remove_cvref_t<decltype(x)>::value_type, dyn> const copy(x.view());
                     CHECK(bitwise_equal(Dropout{0.5}(copy), copy));
                     return Identity{}(x);
                   },
                   false, {});
}

namespace {

/// f at infinity, -infinity and NaN, then its gradients there. Expected of PyTorch 2.15.0.
template <class Layer>
void check_limits(Layer const& layer, Tensor<double, 6> const& expected) {
  auto const check = [&]<class T>(T) {
    INFO(ashlar::type_name<Layer>());
    T const inf = std::numeric_limits<T>::infinity();
    Tensor<T, 17> x;  // at both ends, in a vector and after it
    for (std::size_t i = 0; i < 17; ++i)
      x(i) = i % 3 == 0 ? inf : i % 3 == 1 ? -inf : std::numeric_limits<T>::quiet_NaN();
    NoParameters net, grads;
    Tape tape(net, grads);
    auto const input = tape.variable(x);
    auto const y = layer(input);
    tape.backward(sum(y));
    for (std::size_t i = 0; i < 17; ++i) {
      CAPTURE(i, y(i), input.grad()(i));
      double const value = static_cast<double>(y(i));
      double const grad = static_cast<double>(input.grad()(i));
      CHECK((value == expected(i % 3) || (std::isnan(value) && std::isnan(expected(i % 3)))));
      CHECK((grad == static_cast<double>(static_cast<T>(expected(3 + i % 3))) ||
             (std::isnan(grad) && std::isnan(expected(3 + i % 3)))));
    }
  };
  check(float());
  check(double());
}

}  // namespace

// The gradient of a NaN in ELU, CELU, Hardtanh, ReLU6, Hardswish and Hardshrink depends on where it lies in PyTorch,
// whose scalar and vector code differ: ours is one of the two. So is GELU of infinity, which is left out.
TEST_CASE("activations of infinities and NaN agree with torch") {
  using namespace ashlar;
  double const inf = std::numeric_limits<double>::infinity();
  double const nan = std::numeric_limits<double>::quiet_NaN();
  check_limits(ReLU{}, {inf, 0, nan, 1, 0, 1});
  check_limits(LeakyReLU{}, {inf, -inf, nan, 1, 0.01, 0.01});
  check_limits(Tanh{}, {1, -1, nan, 0, 0, nan});
  check_limits(Sigmoid{}, {1, 0, nan, 0, 0, nan});
  check_limits(ELU{}, {inf, -1, nan, 1, 0, 1});
  check_limits(Softplus{}, {inf, 0, nan, 1, 0, nan});
  check_limits(Hardtanh{}, {1, -1, nan, 0, 0, 1});
  check_limits(ReLU6{}, {6, 0, nan, 0, 0, 1});
  check_limits(Hardswish{}, {inf, nan, nan, 1, 0, nan});
  check_limits(Hardsigmoid{}, {1, 0, nan, 0, 0, 0});
  check_limits(LogSigmoid{}, {0, -inf, nan, 0, 1, nan});
  check_limits(SiLU{}, {inf, nan, nan, nan, nan, nan});
  check_limits(Mish{}, {inf, nan, nan, nan, nan, nan});
  check_limits(Softsign{}, {nan, nan, nan, nan, nan, nan});
  check_limits(CELU{}, {inf, -1, nan, 1, 0, 1});
  check_limits(Hardshrink{}, {inf, -inf, nan, 1, 1, 1});
  check_limits(Softshrink{}, {inf, -inf, nan, 1, 1, 1});
  check_limits(Tanhshrink{}, {inf, -inf, nan, 1, 1, nan});
  CHECK(std::signbit(ELU{}(Tensor<float, 1>{-0.0f})(0)));
  CHECK_FALSE(std::signbit(ELU{-1}(Tensor<float, 1>{0.0f})(0)));
}

TEST_CASE("SELU, CELU and the shrinking activations agree with torch") {
  check_layer<Tensor<double, dyn>>("selu", ashlar::SELU{});
  check_layer<Tensor<double, dyn>>("celu", ashlar::CELU{.alpha = 0.7});
  check_layer<Tensor<double, dyn>>("hardshrink", ashlar::Hardshrink{.lambd = 0.3});
  check_layer<Tensor<double, dyn>>("softshrink", ashlar::Softshrink{.lambd = 0.3});
  check_layer<Tensor<double, dyn>>("tanhshrink", ashlar::Tanhshrink{});
}

TEST_CASE("PReLU agrees with torch") {
  check_parameters<Tensor<float, dyn, 3, 4>, ashlar::PReLU<>>("prelu_1");
  check_parameters<Tensor<double, 2, 3, 4>, ashlar::PReLU<1, double>>("prelu_1");
  check_parameters<Tensor<float, dyn, 3, 4, 2>, ashlar::PReLU<3>>("prelu_channels");
  check_parameters<Tensor<double, 2, 3, 4, 2>, ashlar::PReLU<3, double>>("prelu_channels");
  CHECK(ashlar::make<ashlar::PReLU<3>>(ashlar::Rng{0})->weight(2) == 0.25f);
}

TEST_CASE("activations as functions are the layers") {
  using namespace ashlar;
  Tensor<float, 4> const x{-2.5f, -0.5f, 0.25f, 7};
  CHECK(bitwise_equal(elu(x, 0.5), ELU{.alpha = 0.5}(x)));
  CHECK(bitwise_equal(softplus(x, 2, 1), Softplus{.beta = 2, .threshold = 1}(x)));
  CHECK(bitwise_equal(hardtanh(x, -2, 3), Hardtanh{.min_val = -2, .max_val = 3}(x)));
  CHECK(bitwise_equal(relu6(x), ReLU6{}(x)));
  CHECK(bitwise_equal(hardswish(x), Hardswish{}(x)));
  CHECK(bitwise_equal(hardsigmoid(x), Hardsigmoid{}(x)));
  CHECK(bitwise_equal(logsigmoid(x), LogSigmoid{}(x)));
  CHECK(bitwise_equal(mish(x), Mish{}(x)));
  CHECK(bitwise_equal(softsign(x), Softsign{}(x)));
  CHECK(bitwise_equal(selu(x), SELU{}(x)));
  CHECK(bitwise_equal(celu(x, 0.5), CELU{.alpha = 0.5}(x)));
  CHECK(bitwise_equal(hardshrink(x, 0.3), Hardshrink{.lambd = 0.3}(x)));
  CHECK(bitwise_equal(softshrink(x, 0.3), Softshrink{.lambd = 0.3}(x)));
  CHECK(bitwise_equal(tanhshrink(x), Tanhshrink{}(x)));
}

TEST_CASE("Softmax and Flatten agree with torch") {
  check_layer<Tensor<float, 2, dyn, 5>>("softmax_last", ashlar::Softmax{});
  check_layer<Tensor<double, 2, 3, 5>>("softmax_last", ashlar::Softmax{});
  check_layer<Tensor<float, dyn, 3>>("softmax_large", ashlar::Softmax{});
  check_layer<Tensor<double, dyn, 3>>("softmax_large", ashlar::Softmax{});
  check_layer<Tensor<float, 2, 3, 5>>("log_softmax_last", ashlar::LogSoftmax{});
  check_layer<Tensor<double, 2, 3, 5>>("log_softmax_last", ashlar::LogSoftmax{});
  auto const dim1 = [](auto const& x) { return ashlar::softmax(x, 1); };
  check_layer<Tensor<float, 2, dyn, 5>>("softmax_dim1", dim1);
  check_layer<Tensor<double, 2, 3, 5>>("softmax_dim1", dim1);
  auto const log_dim1 = [](auto const& x) { return ashlar::log_softmax(x, 1); };
  check_layer<Tensor<float, 2, dyn, 5>>("log_softmax_dim1", log_dim1);
  check_layer<Tensor<double, 2, 3, 5>>("log_softmax_dim1", log_dim1);
  check_layer<Tensor<float, dyn, 3, 4, 2>>("flatten", ashlar::Flatten{});
  check_layer<Tensor<double, 2, 3, 4, 2>>("flatten", ashlar::Flatten{});
}

TEST_CASE("errors of layers say what was expected") {
  using namespace ashlar;
  Tensor<float, dyn, 4> const logits(3);
  CHECK_THROWS_WITH(softmax(logits, 2), "softmax runs over dimension 2, but the shape is (3, 4)");
  CHECK_THROWS_WITH((PReLU<3>{}(logits)), "PReLU takes 3 channels but the shape is (3, 4)");
  CHECK_THROWS_WITH((Linear<5, 4>{}(Tensor<float, dyn, dyn>(2, 6))),
                    "Linear takes 5 features in the last dimension but the shape is (2, 6)");
  CHECK_THROWS_WITH(
      (Tensor<float, dyn>(2) + Tensor<float, dyn>(3)),
      "an elementwise op cannot join shapes (2,) and (3,): they are equal, or one is the end of the other");
}
