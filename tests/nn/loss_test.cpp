// tests/nn/loss_test.cpp, mirrors include/ashlar/nn/{loss,cross_entropy}.hpp.  SPDX-License-Identifier: BSL-1.0
//
// Golden data in tests/golden/layers.
#include <ashlar/nn/loss.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/nn/softmax.hpp>

#include "support/layer_fixture.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

using ashlar::dyn;
using ashlar::Reduction;
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

/// Value and gradients of loss(input0, input1), where those are an X and a Y.
template <class X, class Y, class Loss>
void check_loss(std::string const& name, Loss const& loss) {
  using T = typename X::value_type;
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(golden_path<T>(name));
  X const x = golden_tensor<X>(file, "input0");
  Y const target = golden_tensor<Y>(file, "input1");
  auto const plain = loss(x, target);
  check_golden<T>(plain, file, "output");

  NoParameters net, grads;
  Tape tape(net, grads);
  auto const input = tape.variable(x);
  auto const backward = [&](auto const& value) {
    CHECK(bitwise_equal(value, plain));
    tape.backward(sum(value * golden_tensor<std::remove_cv_t<decltype(plain)>>(file, "grad_output")));
    check_golden<T>(input.grad(), file, "grad_input0");
  };
  if (!file.has("grad_input1")) return backward(loss(input, target));
  if constexpr (std::is_same_v<typename Y::value_type, T>) {
    auto const traced = tape.variable(target);
    backward(loss(input, traced));
    check_golden<T>(traced.grad(), file, "grad_input1");
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
  check_loss<Tensor<float, dyn>, Tensor<float, dyn>>("bce_with_logits_large", bce);
  check_loss<Tensor<double, dyn>, Tensor<double, dyn>>("bce_with_logits_large", bce);
  check_loss<Tensor<double, dyn>, Tensor<double, dyn>>(
      "bce", [](auto const& x, auto const& t) { return binary_cross_entropy(x, t, Reduction::none); });
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

// Gradients that targets get at the ends of their range, as PyTorch 2.15.0 gives them.
TEST_CASE("targets of losses get torch's gradients at the ends") {
  using namespace ashlar;
  NoParameters net, grads;
  Tape tape(net, grads);
  auto const gradient = [&](auto const& loss, double x, double target) {
    auto const t = tape.variable(Tensor<double, 1>{target});
    tape.backward(loss(Tensor<double, 1>{x}, t));
    return t.grad()(0);
  };
  double const inf = std::numeric_limits<double>::infinity();
  auto const bce = [](double weight) {
    return [=](auto const& x, auto const& t) {
      return binary_cross_entropy_with_logits(x, t, {.pos_weight = Tensor<double, 1>{weight}});
    };
  };
  CHECK(gradient(bce(1), -inf, 0) == inf);
  CHECK(gradient(bce(1), inf, 1) == -inf);
  CHECK(gradient(bce(0.5), -inf, 0) == inf);
  CHECK(gradient(bce(3), 1.5, 0.25) == Approx(-1.0971734440));
  auto const kl = [](auto const& x, auto const& t) { return kl_div(x, t); };
  CHECK(std::isnan(gradient(kl, -1, 0)));
  CHECK(gradient(kl, -1, 1) == 2);
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

TEST_CASE("errors of losses say what was expected") {
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
  CHECK_THROWS_WITH(binary_cross_entropy(Tensor<float, 2>{0.5f, -1}, Tensor<float, 2>{}),
                    "binary_cross_entropy takes probabilities, from 0 to 1, but element 1 is -1.000000");
  CHECK_THROWS_WITH(mse_loss(Tensor<float, dyn>(3), Tensor<float, dyn>(4)),
                    "mse_loss takes input and target of one shape but they are (3,) and (4,)");
}
