// tests/nn/recurrent_test.cpp, mirrors include/ashlar/nn/recurrent.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/recurrent.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/make.hpp>
#include <ashlar/reflect/lookup.hpp>

#include <catch2/catch.hpp>

#include <type_traits>

using namespace ashlar;

namespace {

constexpr RNNOptions both_ways{.num_layers = 2, .bidirectional = true};

struct Tagger {
  LSTM<3, 4, both_ways> lstm;
  GRU<8, 2, RNNOptions{.bias = false}> gru;
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
