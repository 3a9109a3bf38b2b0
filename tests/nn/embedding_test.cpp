// tests/nn/embedding_test.cpp, mirrors include/ashlar/nn/embedding.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/embedding.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/sequential.hpp>

#include "support/layer_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

using namespace ashlar;
using ashlar::test::check_layer_fixture;
using ashlar::test::SafeTensors;

namespace {

using Indices = Tensor<std::int64_t, dyn, 5>;
constexpr EmbeddingOptions padded{.padding_idx = 0};

// Types.
static_assert(std::is_aggregate_v<Embedding<10, 4>> && std::is_trivially_copyable_v<Embedding<10, 4>>);
static_assert(std::is_same_v<decltype(Embedding<10, 4>{}(Indices(2))), Tensor<float, dyn, 5, 4>>);
static_assert(std::is_same_v<decltype(Embedding<10, 4, double>{}(Tensor<std::int32_t>{})), Tensor<double, 4>>);

/// The output projection is the table of the input, as in a language model: one parameter, two keys.
struct Projection {
  Tied<"embed.weight"> weight;
  Parameter<double, 7> bias;
};
struct LanguageModel {
  Embedding<7, 3, double> embed;
  Projection output;
  auto operator()(auto const& tokens) const { return linear(embed(tokens), embed.weight, output.bias); }
};

}  // namespace

TEST_CASE("Embedding agrees with torch") {
  check_layer_fixture<Embedding<10, 4>, float, Tensor<std::int64_t, dyn, 5>>("embedding");
  check_layer_fixture<Embedding<10, 4, double>, double, Tensor<std::int64_t, 2, 5>>("embedding");
  check_layer_fixture<Embedding<10, 4, double, padded>, double, Tensor<std::int64_t, dyn, dyn>>(
      "embedding_padding_idx");
}

TEST_CASE("Embedding takes i32 and single indices") {
  auto const table = make<Embedding<10, 4>>(Rng{1});
  auto const row = (*table)(Tensor<std::int32_t>{7});
  CHECK(std::equal(row.begin(), row.end(), &table->weight(7, 0)));
  CHECK((*table)(Tensor<std::int64_t, dyn>(0)).numel() == 0);
}

TEST_CASE("Embedding starts as torch's does, with zeros in the row of padding") {
  SafeTensors const file(ASHLAR_TEST_DATA "/d2l/inits.safetensors");
  auto const expected = file.values<float>("nn.Embedding/weight");
  REQUIRE(file["nn.Embedding/weight"].shape == std::vector<std::size_t>{10, 4});
  auto const table = make<Embedding<10, 4>>(Rng{0});
  ashlar::test::expect_close(table->weight.span(), expected, 1e-6, 1e-6);  // a logarithm's and a cosine's last bits
  auto const with_padding = make<Embedding<10, 4, float, padded>>(Rng{0});
  for (std::size_t d = 0; d < 4; ++d) CHECK(with_padding->weight(0, d) == 0);
  CHECK(std::equal(&table->weight(1, 0), table->weight.end(), &with_padding->weight(1, 0)));
}

TEST_CASE("an index that is no row is an error that names it") {
  Embedding<10, 4> const table{};
  Tensor<std::int64_t, dyn> x(3);
  for (std::int64_t const bad : {std::int64_t{10}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    x(1) = bad;
    CHECK_THROWS_WITH(
        table(x), "index " + std::to_string(bad) + " at position 1 is no row of the Embedding: there are 10, from 0");
  }
}

TEST_CASE("a table that is the output projection too is one parameter with one gradient") {
  auto net = make<LanguageModel>(Rng{3});
  auto const& rows = manifest<LanguageModel>();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].key == "embed.weight");
  CHECK(rows[1].key == "output.bias");
  CHECK(rows[2].key == "output.weight");
  CHECK(rows[2].alias_of == 0);
  CHECK(named_parameters(*net).size() == 2);

  Tensor<std::int64_t, dyn> tokens(4), next(4);
  tokens.assign(std::vector<std::int64_t>{2, 0, 2, 6});
  next.assign(std::vector<std::int64_t>{0, 2, 6, 3});
  auto const loss = [&] { return cross_entropy((*net)(tokens), next).item(); };
  auto grads = zeros_like(net);
  Tape tape(*net, *grads);
  CHECK(tape.backward(cross_entropy(tape(tokens), next)) == loss());
  for (auto const& [values, gradient] : {std::pair{net->embed.weight.span(), grads->embed.weight.span()},
                                         std::pair{net->output.bias.span(), grads->output.bias.span()}}) {
    for (std::size_t i = 0; i < values.size(); ++i) {  // finite differences, as in tests/grad/difference_test.cpp
      double const old = values[i];
      values[i] = old + 1e-6;
      double const up = loss();
      values[i] = old - 1e-6;
      double const expected = (up - loss()) / 2e-6;
      values[i] = old;
      CAPTURE(i, expected, gradient[i]);
      CHECK(std::abs(gradient[i] - expected) <= 1e-7 + 1e-6 * std::abs(expected));
    }
  }
}

TEST_CASE("Embedding passes extents on") {
  constexpr auto flow = [](Flow const& in) { return Embedding<10, 4>::flow(in).out; };
  static_assert(flow(Flow::all({2, {dyn, 5}})).extents == Extents{3, {dyn, 5, 4}});
  static_assert(flow(Flow::nothing()).open && flow(Flow::nothing()).extents == Extents{1, {4}});
  struct Net {
    Embedding<10, 4> embed;
    Linear<4, 2> out;
  };
  auto const net = make<Net>(Rng{0});
  static_assert(std::is_same_v<decltype(net(Indices(2))), Tensor<float, dyn, 5, 2>>);
  CHECK(net(Indices(2)).shape() == Extents{3, {2, 5, 2}});
}
