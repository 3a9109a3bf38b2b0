// tests/nn/recurrent_test.cpp, mirrors include/ashlar/nn/recurrent.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/recurrent.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/print.hpp>
#include <ashlar/nn/recurrent_cell.hpp>
#include <ashlar/reflect/lookup.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <type_traits>

using namespace ashlar;

namespace {

constexpr RNNOptions both_ways{.num_layers = 2, .bidirectional = true};

struct Tagger {
  LSTM<3, 4, both_ways> lstm;
  GRU<8, 2, RNNOptions{.bias = false}> gru;
  auto operator()(auto const& x) const { return gru(lstm(x).output).output; }
};

static_assert(std::is_aggregate_v<LSTM<3, 4>> && std::is_trivially_copyable_v<LSTM<3, 4>>);
static_assert(std::is_same_v<decltype(LSTM<3, 4, both_ways>::weight_ih_l1_reverse), Parameter<float, 16, 8>>);
static_assert(manifest<LSTM<3, 4>>().size() == 4 && manifest<LSTM<3, 4>>()[3].key == "bias_hh_l0");
static_assert(manifest<Tagger>().size() == 18 && manifest<Tagger>()[17].key == "gru.weight_hh_l0");
static_assert(type_name<LSTM<3, 4>>() == "LSTM<3, 4>");
static_assert(type_name<RNN<3, 4, RNNOptions{.nonlinearity = "relu"}, double>>() ==
              "RNN<3, 4, RNNOptions{.nonlinearity = \"relu\"}, double>");

}  // namespace

TEST_CASE("rows of a recurrent layer lie where its members do") {
  Tagger net{};
  auto const at = [&](auto& parameter) { return static_cast<void*>(&parameter); };
  CHECK(find(net, "lstm.weight_ih_l0").data == at(net.lstm.weight_ih_l0));
  CHECK(find(net, "lstm.bias_ih_l0_reverse").data == at(net.lstm.bias_ih_l0_reverse));
  CHECK(find(net, "lstm.weight_hh_l1").data == at(net.lstm.weight_hh_l1));
  CHECK(find(net, "lstm.bias_hh_l1_reverse").data == at(net.lstm.bias_hh_l1_reverse));
  CHECK(find(net, "gru.weight_hh_l0").data == at(net.gru.weight_hh_l0));
}

// torch.manual_seed(0); LSTM(3, 4, num_layers=2, bidirectional=True), as PyTorch 1.13 prints it to 9 digits.
TEST_CASE("recurrent layers start with the values of torch") {
  auto const net = make<Tagger>(Rng{0});
  CHECK(net->lstm.weight_ih_l0(0, 0) == -0.00374341011f);
  CHECK(net->lstm.bias_hh_l1_reverse(2) == -0.0801084042f);
  CHECK(net->gru.weight_hh_l0(5, 1) == -0.291007459f);
}

namespace {

/// Output, last states and all gradients of layer L on an x of type X against a recording, with a first state if that
/// has one.
template <class L, class T, class X>
void check_recurrent_fixture(std::string const& name) {
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  test::SafeTensors const file(ASHLAR_TEST_DATA "/layers/" + name + (std::is_same_v<T, double> ? ".f64" : ".f32") +
                               ".safetensors");
  auto const layer = std::make_unique<L>();
  auto const grads = std::make_unique<L>();
  for (Row const& row : manifest<L>()) {
    auto const values = file["param." + std::string(row.key)].bytes;
    REQUIRE(values.size() == row.bytes);
    std::memcpy(find(*layer, row.key).data, values.data(), values.size());
  }
  bool const with_state = file.has("input0");
  Tape<L> tape(*layer, *grads);
  X const x = test::golden_tensor<X>(file, with_state ? "input0" : "input");
  auto const input = tape.variable(x);
  constexpr bool is_lstm = L::traits::has_c;
  auto const check = [&](auto const& out, auto const& plain, auto const&... state) {
    auto const& last = [&]() -> auto const& {
      if constexpr (is_lstm) return out.state.h;
      else return out.state;
    }();
    test::check_golden<T>(out.output, file, "output0");
    test::check_golden<T>(last, file, "output1");
    if constexpr (std::is_same_v<T, double>) CHECK(bitwise_equal(plain.output, out.output));
    else test::check_golden<T>(plain.output, file, "output0");
    using Y = std::remove_cvref_t<decltype(plain.output)>;
    auto const weighted = [&](auto const& y, auto like, std::string const& grad) {
      return sum(y * test::golden_tensor<decltype(like)>(file, grad));
    };
    auto loss = weighted(out.output, Y(plain.output), "grad_output0");
    if constexpr (is_lstm) {
      test::check_golden<T>(out.state.c, file, "output2");
      tape.backward(loss + weighted(out.state.h, plain.state.h, "grad_output1") +
                    weighted(out.state.c, plain.state.c, "grad_output2"));
    } else {
      tape.backward(loss + weighted(out.state, plain.state, "grad_output1"));
    }
    test::check_golden<T>(input.grad(), file, with_state ? "grad_input0" : "grad_input");
    std::size_t at = 1;
    (test::check_golden<T>(state.grad(), file, "grad_input" + std::to_string(at++)), ...);
    for (Row const& row : manifest<L>()) {
      std::string const key(row.key);
      test::check_golden<T>(find(*grads, key).template as<T>(), file, "grad_param." + key);
    }
  };
  auto const plain = (*layer)(x);
  if (!with_state) return check((*layer)(input), plain);
  if constexpr (is_lstm) {
    using H = std::remove_cvref_t<decltype(plain.state.h)>;
    LSTMState<H> const state{test::golden_tensor<H>(file, "input1"), test::golden_tensor<H>(file, "input2")};
    auto const h = tape.variable(state.h);
    auto const c = tape.variable(state.c);
    check((*layer)(input, LSTMState{h, c}), (*layer)(x, state), h, c);
  } else {
    using H = std::remove_cvref_t<decltype(plain.state)>;
    H const state = test::golden_tensor<H>(file, "input1");
    auto const h = tape.variable(state);
    check((*layer)(input, h), (*layer)(x, state), h);
  }
}

constexpr RNNOptions one{};
constexpr RNNOptions first{.batch_first = true};

}  // namespace

TEST_CASE("recurrent layers agree with torch") {
  check_recurrent_fixture<LSTM<3, 4, one, double>, double, Tensor<double, 5, 2, 3>>("lstm");
  check_recurrent_fixture<LSTM<3, 4, one, double>, double, Tensor<double, dyn, dyn, 3>>("lstm_states");
  check_recurrent_fixture<LSTM<3, 4, one, double>, double, Tensor<double, dyn, 3>>("lstm_unbatched");
  constexpr RNNOptions both{.num_layers = 2, .batch_first = true, .bidirectional = true};
  check_recurrent_fixture<LSTM<3, 4, both, double>, double, Tensor<double, dyn, 5, 3>>(
      "lstm_2layers_bidirectional_batch_first");
  check_recurrent_fixture<LSTM<3, 4, both>, float, Tensor<float, 2, 5, 3>>("lstm_2layers_bidirectional_batch_first");
  check_recurrent_fixture<LSTM<3, 2, RNNOptions{.num_layers = 3, .bias = false}, double>, double,
                          Tensor<double, 4, dyn, dyn>>("lstm_3layers_nobias");
  check_recurrent_fixture<GRU<3, 4, one, double>, double, Tensor<double, 5, 2, 3>>("gru");
  check_recurrent_fixture<GRU<3, 4, first, double>, double, Tensor<double, dyn, dyn, 3>>("gru_batch_first");
  check_recurrent_fixture<GRU<3, 4, both_ways, double>, double, Tensor<double, 5, 2, 3>>("gru_2layers_bidirectional");
  check_recurrent_fixture<RNN<3, 4, one, double>, double, Tensor<double, 5, 2, 3>>("rnn_tanh");
  check_recurrent_fixture<RNN<3, 4, RNNOptions{.num_layers = 2, .nonlinearity = "relu"}, double>, double,
                          Tensor<double, 5, dyn, 3>>("rnn_relu_2layers");
}

TEST_CASE("recurrent cells agree with torch") {
  auto const check = [&]<class L>(std::type_identity<L>, std::string const& name) {
    INFO(name);
    test::SafeTensors const file(ASHLAR_TEST_DATA "/layers/" + name + ".f64.safetensors");
    L layer{}, grads{};
    for (Row const& row : manifest<L>()) {
      auto const values = file["param." + std::string(row.key)].bytes;
      std::memcpy(find(layer, row.key).data, values.data(), values.size());
    }
    Tape<L> tape(layer, grads);
    auto const x = tape.variable(test::golden_tensor<Tensor<double, dyn, 3>>(file, "input0"));
    using H = Tensor<double, dyn, 4>;
    auto const h = tape.variable(test::golden_tensor<H>(file, "input1"));
    if constexpr (L::traits::has_c) {
      auto const c = tape.variable(test::golden_tensor<H>(file, "input2"));
      auto const [h1, c1] = layer(x, LSTMState{h, c});
      test::check_golden<double>(h1, file, "output0");
      test::check_golden<double>(c1, file, "output1");
      tape.backward(sum(h1 * test::golden_tensor<H>(file, "grad_output0")) +
                    sum(c1 * test::golden_tensor<H>(file, "grad_output1")));
      test::check_golden<double>(c.grad(), file, "grad_input2");
    } else {
      auto const h1 = layer(x, h);
      test::check_golden<double>(h1, file, "output");
      tape.backward(sum(h1 * test::golden_tensor<H>(file, "grad_output")));
    }
    test::check_golden<double>(x.grad(), file, "grad_input0");
    test::check_golden<double>(h.grad(), file, "grad_input1");
    for (Row const& row : manifest<L>()) {
      std::string const key(row.key);
      test::check_golden<double>(find(grads, key).template as<double>(), file, "grad_param." + key);
    }
  };
  constexpr RNNCellOptions cell{};
  check(std::type_identity<LSTMCell<3, 4, cell, double>>{}, "lstm_cell");
  check(std::type_identity<GRUCell<3, 4, cell, double>>{}, "gru_cell");
  check(std::type_identity<RNNCell<3, 4, cell, double>>{}, "rnn_cell");
}

// That a later step sees what an earlier one changed is what fixtures of one step cannot show: loss of the last output.
TEST_CASE("gradients through time are those of finite differences") {
  auto const x = test::numbers(Tensor<double, 4, 2, 3>{}, 0.3);
  auto const h = test::numbers(Tensor<double, 4, 2, 4>{}, 0.7);
  auto const c = test::numbers(Tensor<double, 4, 2, 4>{}, 0.9);
  auto const lstm = make<LSTM<3, 4, both_ways, double>>(Rng{1});
  test::check_differences(
      "LSTM",
      [&](auto const& a, auto const& b, auto const& d) {
        auto const [y, state] = (*lstm)(a, LSTMState{b, d});
        return sum(y * y) + sum(state.h * state.c);
      },
      x, h, c);
  auto const gru = make<GRU<3, 4, both_ways, double>>(Rng{1});
  test::check_differences(
      "GRU",
      [&](auto const& a, auto const& b) {
        auto const [y, state] = (*gru)(a, b);
        return sum(y * y) + sum(state);
      },
      x, h);
  auto const rnn = make<RNN<3, 4, both_ways, double>>(Rng{1});
  test::check_differences(
      "RNN",
      [&](auto const& a, auto const& b) {
        auto const [y, state] = (*rnn)(a, b);
        return sum(y * y) + sum(state);
      },
      x, h);
}

TEST_CASE("a sequence can be run in parts, from state to state") {
  auto const layer = make<LSTM<3, 4, RNNOptions{.num_layers = 2, .dropout = 0.5}, double>>(Rng{2});
  auto x = Tensor<double, dyn, 3>(300);  // more steps than are computed at once
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<double>(i % 7) / 4 - 1;
  auto const [y, last] = (*layer)(x);
  auto const half = [&](std::size_t from, std::size_t n) {
    return View<double const, dyn, 3>(x.data() + from * 3, detail::make_dims<dyn, 3>(n));
  };
  auto const [y0, middle] = (*layer)(half(0, 120));
  auto const [y1, end] = (*layer)(half(120, 180), middle);
  for (std::size_t i = 0; i < y.numel(); ++i) {
    double const part = i < y0.numel() ? y0.data()[i] : y1.data()[i - y0.numel()];
    REQUIRE(std::abs(y.data()[i] - part) < 1e-14);
  }
  for (std::size_t i = 0; i < last.c.numel(); ++i) CHECK(std::abs(last.c.data()[i] - end.c.data()[i]) < 1e-14);
}

TEST_CASE("dropout stands between the layers of an LSTM, in training alone") {
  using Net = LSTM<3, 4, RNNOptions{.num_layers = 2, .dropout = 1}, double>;
  auto const net = make<Net>(Rng{0});
  auto const grads = zeros_like(net);
  Tensor<double, 2, 3> const x{1, 2, 3, 4, 5, 6};
  Rng rng{0};
  Tape<Net> tape(*net, *grads, rng);
  auto const traced = (*net)(tape.input(x)).output;
  tape.backward(sum(traced));
  CHECK(grads->weight_ih_l0(0, 0) == 0);
  CHECK(grads->weight_hh_l1(0, 0) != 0);
  CHECK_FALSE(bitwise_equal(traced, (*net)(x).output));
  Tape<Net, Evaluation> evaluation(*net, *grads);
  CHECK(bitwise_equal((*net)(evaluation.input(x)).output, (*net)(x).output));
}

TEST_CASE("recurrent layers say what they take, and what they are") {
  CHECK_THROWS_WITH((LSTM<3, 4>{}(Tensor<float, dyn, dyn>(5, 2))),
                    "LSTM takes 3 features but the input has 2: its shape is (5, 2)");
  CHECK_THROWS_WITH((GRU<3, 4>{}(Tensor<float, 5, dyn, 3>(2), Tensor<float, 1, dyn, 4>(3))),
                    "GRU takes a state of shape (1, 2, 4) but it is (1, 3, 4)");
  CHECK_THROWS_WITH((RNNCell<3, 4>{}(Tensor<float, dyn, dyn>(5, 2))),
                    "RNNCell takes 3 features but the input has 2: its shape is (5, 2)");
  CHECK(LSTM<3, 4>{}(Tensor<float, dyn, 2, 3>(0)).output.numel() == 0);
  CHECK(structure(Tagger{}) ==
        "Tagger(\n  (lstm): LSTM(3, 4, num_layers=2, bidirectional=True)\n  (gru): GRU(8, 2, bias=False)\n)");
  CHECK(structure(RNNCell<3, 4, RNNCellOptions{.bias = false, .nonlinearity = "relu"}>{}) ==
        "RNNCell(3, 4, bias=False, nonlinearity=relu)");
  CHECK(structure(RNN<2, 3, RNNOptions{.num_layers = 2, .nonlinearity = "relu", .dropout = 0.5}>{}) ==
        "RNN(2, 3, num_layers=2, dropout=0.5)");
}
