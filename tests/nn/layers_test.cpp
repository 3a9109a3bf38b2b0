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
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/prelu.hpp>
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

/// Output and gradients of a layer with a weight and perhaps a bias.
template <class X, class Layer>
void check_parameters(std::string const& name) {
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

/// Value and gradients of loss(input0, input1), where those are an X and a Y.
template <class X, class Y, class Loss>
void check_loss(std::string const& name, Loss const& loss) {
  using T = typename X::value_type;
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(path_of<T>(name));
  X const x = golden<X>(file, "input0");
  Y const target = golden<Y>(file, "input1");
  auto const plain = loss(x, target);
  check_close(plain, file.values<T>("output"));

  NoParameters net, grads;
  Tape tape(net, grads);
  auto const input = tape.variable(x);
  auto const backward = [&](auto const& value) {
    CHECK(bitwise_equal(value, plain));
    tape.backward(sum(value * golden<std::remove_cv_t<decltype(plain)>>(file, "grad_output")));
    check_close(input.grad(), file.values<T>("grad_input0"));
  };
  if (!file.has("grad_input1")) return backward(loss(input, target));
  if constexpr (std::is_same_v<typename Y::value_type, T>) {
    auto const traced = tape.variable(target);
    backward(loss(input, traced));
    check_close(traced.grad(), file.values<T>("grad_input1"));
  }
}
template <class Loss>
void check_class_loss(std::string const& name, Loss const& loss) {
  check_loss<Tensor<float, dyn, 4>, Tensor<std::int64_t, dyn>>(name, loss);
  check_loss<Tensor<double, 5, 4>, Tensor<std::int64_t, 5>>(name, loss);
}
template <class Loss>
void check_pair_loss(std::string const& name, Loss const& loss) {
  check_loss<Tensor<float, dyn>, Tensor<float, dyn>>(name, loss);
  check_loss<Tensor<double, dyn, 4>, Tensor<double, dyn, 4>>(name, loss);
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

TEST_CASE("losses of classes agree with torch") {
  using namespace ashlar;
  check_class_loss("cross_entropy", [](auto const& x, auto const& y) { return cross_entropy(x, y); });
  check_class_loss("cross_entropy_sum",
                   [](auto const& x, auto const& y) { return cross_entropy(x, y, {}, Reduction::sum); });
  check_class_loss("cross_entropy_smoothing",
                   [](auto const& x, auto const& y) { return cross_entropy(x, y, {.label_smoothing = 0.1}); });
  check_class_loss("cross_entropy_ignore", [](auto const& x, auto const& y) { return cross_entropy(x, y); });
  check_class_loss("cross_entropy_ignore_smoothing", [](auto const& x, auto const& y) {
    return cross_entropy(x, y, {.ignore_index = 2, .label_smoothing = 0.2});
  });
  check_class_loss("cross_entropy_weight", [](auto const& x, auto const& y) {  // the weights die before backward
    using T = typename std::remove_cvref_t<decltype(x)>::value_type;
    return cross_entropy(x, y, {.weight = Tensor<T, 4>{T(0.5), T(2), T(1), T(0.25)}});
  });
  check_class_loss("nll", [](auto const& x, auto const& y) { return nll_loss(x, y); });

  auto const mean = [](auto const& x, auto const& y) { return cross_entropy(x, y); };
  check_loss<Tensor<float, dyn, 3, 4, 2>, Tensor<std::int64_t, dyn, 4, 2>>("cross_entropy_2d", mean);
  check_loss<Tensor<double, 2, 3, 4, 2>, Tensor<std::int64_t, 2, 4, 2>>("cross_entropy_2d", mean);
  check_loss<Tensor<float, dyn, 4>, Tensor<float, dyn, 4>>("cross_entropy_probabilities", mean);
  check_loss<Tensor<double, 5, 4>, Tensor<double, 5, 4>>("cross_entropy_probabilities", mean);
}

TEST_CASE("losses of pairs agree with torch") {
  using namespace ashlar;
  check_pair_loss("mse", [](auto const& x, auto const& t) { return mse_loss(x, t); });
  check_pair_loss("mse_sum", [](auto const& x, auto const& t) { return mse_loss(x, t, Reduction::sum); });
  check_pair_loss("mse_none", [](auto const& x, auto const& t) { return mse_loss(x, t, Reduction::none); });
  check_pair_loss("l1", [](auto const& x, auto const& t) { return l1_loss(x, t); });
  check_pair_loss("smooth_l1", [](auto const& x, auto const& t) { return smooth_l1_loss(x, t); });
  check_pair_loss("smooth_l1_beta", [](auto const& x, auto const& t) { return smooth_l1_loss(x, t, {.beta = 0.3}); });
  check_pair_loss("huber", [](auto const& x, auto const& t) { return huber_loss(x, t, {.delta = 0.5}); });
  auto const bce = [](auto const& x, auto const& t) { return binary_cross_entropy_with_logits(x, t); };
  check_pair_loss("bce_with_logits", bce);
  check_pair_loss("bce_with_logits_large", bce);
  auto const pos_weight = [](auto const& x, auto const& t) {
    using T = typename std::remove_cvref_t<decltype(x)>::value_type;
    return binary_cross_entropy_with_logits(x, t, {.pos_weight = Tensor<T, 4>{T(1), T(2), T(0.5), T(3)}});
  };
  check_loss<Tensor<float, dyn, 4>, Tensor<float, dyn, 4>>("bce_with_logits_pos_weight", pos_weight);
  check_loss<Tensor<double, 3, 4>, Tensor<double, 3, 4>>("bce_with_logits_pos_weight", pos_weight);
  auto const batchmean = [](auto const& x, auto const& t) { return kl_div(x, t, {}, Reduction::batchmean); };
  check_loss<Tensor<float, dyn, 4>, Tensor<float, dyn, 4>>("kl_div", batchmean);
  check_loss<Tensor<double, 3, 4>, Tensor<double, 3, 4>>("kl_div", batchmean);
  check_pair_loss("kl_div_log_target",
                  [](auto const& x, auto const& t) { return kl_div(x, t, {.log_target = true}, Reduction::sum); });
}

TEST_CASE("Reduction::none gives a loss for each row, whose sum and mean are those of the others") {
  using namespace ashlar;
  Tensor<double, 3, 4> x{0.3, -1, 2, 0.5, 1, 0, -0.5, 4, -2, 0.1, 0.2, 0.3};
  Tensor<std::int64_t, 3> const y{2, -100, 0};
  Tensor<double, 3> const each = cross_entropy(x, y, {}, Reduction::none);
  CHECK(each(1) == 0);
  CHECK(sum(each).item() == Approx(cross_entropy(x, y, {}, Reduction::sum).item()));
  CHECK(sum(each).item() / 2 == Approx(cross_entropy(x, y).item()));
  Tensor<double, 4> const one{0.3, -1, 2, 0.5};
  CHECK(cross_entropy(one, Tensor<std::int64_t>{2}).item() == Approx(each(0)));  // a row without a batch
  auto const p = log_softmax(x);
  Tensor<double, 3> const nll = nll_loss(p, y, {}, Reduction::none);
  for (std::size_t i = 0; i < 3; ++i) CHECK(nll(i) == Approx(each(i)));
  Tensor<double, 3, 4> const pairs = l1_loss(x, p, Reduction::none);
  CHECK(pairs(1, 3) == Approx(x(1, 3) - p(1, 3)));
}

TEST_CASE("errors of layers and losses say what was expected") {
  using namespace ashlar;
  Tensor<float, dyn, 4> const logits(3);
  Tensor<std::int64_t, dyn> y(2);
  CHECK_THROWS_WITH(cross_entropy(logits, y), "cross_entropy of an input (3, 4) takes targets (3,) but got (2,)");
  y = Tensor<std::int64_t, dyn>(3);
  y(1) = 4;
  CHECK_THROWS_WITH(cross_entropy(logits, y), "target 4 of row 1 is no class: there are 4, from 0");
  y(1) = -1;
  CHECK_THROWS_WITH(cross_entropy(logits, y), "target -1 of row 1 is no class: there are 4, from 0");
  y(1) = 0;
  CHECK_THROWS_WITH(cross_entropy(logits, y, {.label_smoothing = 1.5}),
                    "label_smoothing is from 0 to 1 but is 1.500000");
  CHECK_THROWS_WITH(cross_entropy(logits, y, {.weight = Tensor<float, 3>{}}),
                    "cross_entropy takes one weight for each of 4 classes but got 3");
  CHECK_THROWS_WITH(binary_cross_entropy_with_logits(logits, logits, {.pos_weight = Tensor<float, 3>{}}),
                    "binary_cross_entropy_with_logits takes one weight for each of 4 classes but got 3");
  CHECK_THROWS_WITH(softmax(logits, 2), "softmax runs over dimension 2, but the shape is (3, 4)");
  CHECK_THROWS_WITH((PReLU<3>{}(logits)), "PReLU takes 3 channels but the shape is (3, 4)");
  CHECK_THROWS_WITH(mse_loss(Tensor<float, dyn>(3), Tensor<float, dyn>(4)),
                    "mse_loss takes input and target of one shape but they are (3,) and (4,)");
  CHECK_THROWS_WITH((Linear<5, 4>{}(Tensor<float, dyn, dyn>(2, 6))),
                    "Linear takes 5 features in the last dimension but the shape is (2, 6)");
  CHECK_THROWS_WITH(
      (Tensor<float, dyn>(2) + Tensor<float, dyn>(3)),
      "an elementwise op cannot join shapes (2,) and (3,): they are equal, or one is the end of the other");
}
