// tests/nn/layers_test.cpp: every layer and loss, and its gradients, against torch.  SPDX-License-Identifier: BSL-1.0
//
// Golden data in tests/golden/layers. Bounds: double 1e-10 + 1e-9 relative, float 1e-5 + 1e-4 relative.
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/nn/softmax.hpp>

#include "support/close.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

using ashlar::dyn;
using ashlar::Linear;
using ashlar::Reduction;
using ashlar::Tape;
using ashlar::Tensor;
using ashlar::test::SafeTensors;

namespace {

template <class T>
std::string path_of(std::string const& name) {
  return ASHLAR_TEST_DATA "/layers/" + name + (std::is_same_v<T, double> ? ".f64" : ".f32") + ".safetensors";
}

template <class T, class Actual>
void check_close(Actual const& actual, std::vector<T> const& expected) {
  bool const f64 = std::is_same_v<T, double>;
  ashlar::test::expect_close(std::vector<T>(actual.begin(), actual.end()), expected, f64 ? 1e-9 : 1e-4,
                             f64 ? 1e-10 : 1e-5);
}

/// The tensor `name` of a file, shaped like X, which has at most one dyn extent, its first.
template <class X>
X golden(SafeTensors const& file, std::string const& name) {
  auto const values = file.values<typename X::value_type>(name);
  X x = [&] {
    if constexpr (X::dims_type::is_static) {
      return X();
    } else {
      return X(values.size() / X::dims_type::static_numel);
    }
  }();
  x.assign(values);
  return x;
}

struct NoParameters {
  std::uint8_t unused = 0;
};

/// Output and gradient of a layer without parameters, as a plain call and on a tape.
template <class X, class Layer>
void check_layer(std::string const& name, Layer const& layer) {
  using T = typename X::value_type;
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(path_of<T>(name));
  X const x = golden<X>(file, "input");
  auto const plain = layer(x);
  check_close(plain, file.values<T>("output"));

  NoParameters net, grads;
  Tape tape(net, grads);
  auto const input = tape.variable(x);
  auto const y = layer(input);
  CHECK(bitwise_equal(y, plain));
  auto const weights = golden<std::remove_cv_t<decltype(plain)>>(file, "grad_output");
  tape.backward(sum(y * weights));
  check_close(input.grad(), file.values<T>("grad_input"));
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

template <class X, class Layer>
void check_linear(std::string const& name) {
  using T = typename X::value_type;
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(path_of<T>(name));
  constexpr bool with_bias = requires(Layer l) { l.bias; };
  Layer layer{}, grads{};
  std::ranges::copy(file.values<T>("param.weight"), layer.weight.data());
  if constexpr (with_bias) std::ranges::copy(file.values<T>("param.bias"), layer.bias.data());

  X const x = golden<X>(file, "input");
  auto const plain = layer(x);
  check_close(plain, file.values<T>("output"));
  Tape tape(layer, grads);
  auto const input = tape.variable(x);
  auto const y = layer(input);
  CHECK(bitwise_equal(y, plain));
  tape.backward(sum(y * golden<std::remove_cv_t<decltype(plain)>>(file, "grad_output")));
  check_close(input.grad(), file.values<T>("grad_input"));
  check_close(grads.weight, file.values<T>("grad_param.weight"));
  if constexpr (with_bias) check_close(grads.bias, file.values<T>("grad_param.bias"));
}

/// Value and gradient of loss(input0, input1). Target is the element type of input1.
template <class T, class Target, class Loss>
void check_loss_of(std::string const& name, Loss const& loss) {
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(path_of<T>(name));
  using X = std::conditional_t<std::is_same_v<Target, std::int64_t>, Tensor<T, dyn, 4>, Tensor<T, dyn>>;
  X const x = golden<X>(file, "input0");
  auto const target = golden<Tensor<Target, dyn>>(file, "input1");
  auto const plain = loss(x, target);
  check_close(plain, file.values<T>("output"));

  NoParameters net, grads;
  Tape tape(net, grads);
  auto const input = tape.variable(x);
  auto const value = loss(input, target);
  CHECK(bitwise_equal(value, plain));
  tape.backward(sum(value * golden<std::remove_cv_t<decltype(plain)>>(file, "grad_output")));
  check_close(input.grad(), file.values<T>("grad_input0"));
}
template <class Loss>
void check_class_loss(std::string const& name, Loss const& loss) {
  check_loss_of<float, std::int64_t>(name, loss);
  check_loss_of<double, std::int64_t>(name, loss);
}
template <class Loss>
void check_pair_loss(std::string const& name, Loss const& loss) {
  check_loss_of<float, float>(name, loss);
  check_loss_of<double, double>(name, loss);
}

}  // namespace

TEST_CASE("Linear agrees with torch") {
  check_linear<Tensor<float, dyn, 5>, Linear<5, 4>>("linear");
  check_linear<Tensor<double, dyn, 5>, Linear<5, 4, double>>("linear");
  check_linear<Tensor<float, 3, 5>, Linear<5, 4, float, false>>("linear_nobias");
  check_linear<Tensor<double, 3, 5>, Linear<5, 4, double, false>>("linear_nobias");
  check_linear<Tensor<float, 2, 3, 5>, Linear<5, 4>>("linear_3d");
  check_linear<Tensor<double, dyn, 3, 5>, Linear<5, 4, double>>("linear_3d");
  check_linear<Tensor<float, 5>, Linear<5, 4>>("linear_1d");
  check_linear<Tensor<double, 5>, Linear<5, 4, double>>("linear_1d");
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

TEST_CASE("Softmax and Flatten agree with torch") {
  check_layer<Tensor<float, 2, dyn, 5>>("softmax_last", ashlar::Softmax{});
  check_layer<Tensor<double, 2, 3, 5>>("softmax_last", ashlar::Softmax{});
  check_layer<Tensor<float, dyn, 3>>("softmax_large", ashlar::Softmax{});
  check_layer<Tensor<double, dyn, 3>>("softmax_large", ashlar::Softmax{});
  check_layer<Tensor<float, 2, 3, 5>>("log_softmax_last", ashlar::LogSoftmax{});
  check_layer<Tensor<double, 2, 3, 5>>("log_softmax_last", ashlar::LogSoftmax{});
  check_layer<Tensor<float, dyn, 3, 4, 2>>("flatten", ashlar::Flatten{});
  check_layer<Tensor<double, 2, 3, 4, 2>>("flatten", ashlar::Flatten{});
}

TEST_CASE("losses agree with torch") {
  using namespace ashlar;
  auto const with = [](CrossEntropyOptions options, Reduction reduction = Reduction::mean) {
    return [=](auto const& x, auto const& y) { return cross_entropy(x, y, options, reduction); };
  };
  check_class_loss("cross_entropy", with({}));
  check_class_loss("cross_entropy_sum", with({}, Reduction::sum));
  check_class_loss("cross_entropy_smoothing", with({.label_smoothing = 0.1}));
  check_class_loss("cross_entropy_ignore", with({}));
  check_class_loss("cross_entropy_ignore_smoothing", with({.label_smoothing = 0.2, .ignore_index = 2}));
  check_class_loss("cross_entropy_weight", [](auto const& x, auto const& y) {
    using T = typename std::remove_cvref_t<decltype(x)>::value_type;
    return cross_entropy(x, y, Tensor<T, 4>{T(0.5), T(2), T(1), T(0.25)});
  });

  check_pair_loss("mse", [](auto const& x, auto const& t) { return mse_loss(x, t); });
  check_pair_loss("mse_sum", [](auto const& x, auto const& t) { return mse_loss(x, t, Reduction::sum); });
  check_pair_loss("mse_none", [](auto const& x, auto const& t) { return square(x - t); });
  check_pair_loss("l1", [](auto const& x, auto const& t) { return l1_loss(x, t); });
  check_pair_loss("smooth_l1", [](auto const& x, auto const& t) { return smooth_l1_loss(x, t); });
  check_pair_loss("smooth_l1_beta", [](auto const& x, auto const& t) { return smooth_l1_loss(x, t, 0.3); });
  check_pair_loss("huber", [](auto const& x, auto const& t) { return huber_loss(x, t, 0.5); });
  check_pair_loss("bce_with_logits",
                  [](auto const& x, auto const& t) { return binary_cross_entropy_with_logits(x, t); });
  check_pair_loss("bce_with_logits_large",
                  [](auto const& x, auto const& t) { return binary_cross_entropy_with_logits(x, t); });
}

TEST_CASE("errors of layers and losses say what was expected") {
  using namespace ashlar;
  Tensor<float, dyn, 4> const logits(3);
  Tensor<std::int64_t, dyn> y(2);
  CHECK_THROWS_WITH(cross_entropy(logits, y), "cross_entropy got 3 rows of logits but 2 targets");
  y = Tensor<std::int64_t, dyn>(3);
  y(1) = 4;
  CHECK_THROWS_WITH(cross_entropy(logits, y), "target 4 of row 1 is no class: there are 4, from 0");
  y(1) = -1;
  CHECK_THROWS_WITH(cross_entropy(logits, y), "target -1 of row 1 is no class: there are 4, from 0");
  y(1) = 0;
  CHECK_THROWS_WITH(cross_entropy(logits, y, {.label_smoothing = 1.5}),
                    "label_smoothing is from 0 to 1 but is 1.500000");
  CHECK_THROWS_WITH(mse_loss(Tensor<float, dyn>(3), Tensor<float, dyn>(4)),
                    "a loss takes input and target of one shape but they are (3,) and (4,)");
  CHECK_THROWS_WITH((Linear<5, 4>{}(Tensor<float, dyn, dyn>(2, 6))),
                    "Linear takes 5 features in the last dimension but the shape is (2, 6)");
  CHECK_THROWS_WITH(
      (Tensor<float, dyn>(2) + Tensor<float, dyn>(3)),
      "an elementwise op cannot join shapes (2,) and (3,): they are equal, or one is the end of the other");
}
