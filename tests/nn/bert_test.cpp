// tests/nn/bert_test.cpp: a network that is in use, BERT as all-MiniLM-L6-v2 has it.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn.hpp>
#include <ashlar/nn/multihead_attention.hpp>
#include <ashlar/reflect/lookup.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace ashlar;

// Members have the names of the checkpoint, so one of them is called LayerNorm.
template <std::size_t In, std::size_t N>
struct BertOutput {
  Linear<In, N> dense;
  ashlar::LayerNorm<N, LayerNormOptions{.eps = 1e-12}> LayerNorm;
  auto operator()(auto const& x, auto const& residual) const { return LayerNorm(dense(x) + residual); }
};
template <std::size_t N>
struct BertProjections {
  Linear<N, N> query;
  Linear<N, N> key;
  Linear<N, N> value;
};
template <std::size_t N, std::size_t Heads>
struct BertAttention {
  BertProjections<N> self;
  BertOutput<N, N> output;
  auto operator()(auto const& x, auto const& hidden) const {
    auto const y = attention_of_heads<Heads>(self.query(x), self.key(x), self.value(x), no_mask, hidden);
    return output(y, x);
  }
};
template <std::size_t N, std::size_t Inner>
struct BertIntermediate {
  Linear<N, Inner> dense;
  auto operator()(auto const& x) const { return gelu(dense(x)); }
};
template <std::size_t N, std::size_t Heads, std::size_t Inner>
struct BertLayer {
  BertAttention<N, Heads> attention;
  BertIntermediate<N, Inner> intermediate;
  BertOutput<Inner, N> output;
  auto operator()(auto const& x, auto const& hidden) const {
    auto const y = attention(x, hidden);
    return output(intermediate(y), y);
  }
};
template <std::size_t Words, std::size_t Places, std::size_t N>
struct BertEmbeddings {
  Buffer<std::int64_t, 1, Places> position_ids;
  Embedding<Words, N> word_embeddings;
  Embedding<Places, N> position_embeddings;
  Embedding<2, N> token_type_embeddings;
  ashlar::LayerNorm<N, LayerNormOptions{.eps = 1e-12}> LayerNorm;

  template <std::size_t L>
  auto operator()(Tensor<std::int64_t, 1, L> const& ids) const {
    View<std::int64_t const, 1, L> const places(position_ids.data());
    Tensor<std::int64_t, 1, L> const types{};
    return LayerNorm(word_embeddings(ids) + token_type_embeddings(types) + position_embeddings(places));
  }
};
template <class Layer, std::size_t Count>
struct BertEncoder {
  std::array<Layer, Count> layer;
};
template <std::size_t N>
struct BertPooler {
  Linear<N, N> dense;
};

template <std::size_t Words, std::size_t Places, std::size_t N, std::size_t Heads, std::size_t Inner, std::size_t Count>
struct Bert {
  BertEmbeddings<Words, Places, N> embeddings;
  BertEncoder<BertLayer<N, Heads, Inner>, Count> encoder;
  BertPooler<N> pooler;  // in the file; not used for embeddings of sentences

  /// Tokens and those of them that are none (1, L) -> the mean of the others' last states, of length 1 (N).
  template <std::size_t L>
  Tensor<float, N> operator()(Tensor<std::int64_t, 1, L> const& ids, Tensor<bool, 1, L> const& hidden) const {
    auto x = embeddings(ids);
    for (auto const& layer : encoder.layer) x = layer(x, hidden);
    Tensor<float, N> sum;
    for (std::size_t i = 0; i < L; ++i) {
      for (std::size_t j = 0; j < N; ++j) sum(j) += hidden(0, i) ? 0.0f : x(0, i, j);
    }
    double squares = 0;
    for (float const s : sum) squares += static_cast<double>(s) * static_cast<double>(s);
    for (float& s : sum) s /= static_cast<float>(std::sqrt(squares));
    return sum;
  }
};

using MiniLM = Bert<30522, 512, 384, 12, 1536, 6>;

TEST_CASE("BERT has the keys of all-MiniLM-L6-v2") {
  constexpr std::string_view keys[] = {"embeddings.LayerNorm.bias",
                                       "embeddings.position_ids",
                                       "encoder.layer.0.attention.self.query.weight",
                                       "encoder.layer.5.attention.output.LayerNorm.weight",
                                       "encoder.layer.3.intermediate.dense.bias",
                                       "encoder.layer.5.output.dense.weight",
                                       "pooler.dense.weight"};
  auto const& rows = manifest<MiniLM>();
  CHECK(rows.size() == 104);
  for (std::string_view const key : keys) {
    CAPTURE(key);
    std::size_t found = 0;
    for (Row const& row : rows) found += row.key == key ? 1 : 0;
    CHECK(found == 1);
  }
  static_assert(sizeof(MiniLM) > 90'000'000);
}

// A small one with weights of 0.2 * sin(0.37 * element + tensor), 1 more for the weights of LayerNorm, tensors counted
// in the order of the manifest, against PyTorch 1.13 in double: no recording of weights, and each of them counts.
TEST_CASE("BERT gives the sentences that torch gives") {
  using Small = Bert<40, 16, 32, 4, 48, 2>;
  auto const net = make<Small>(Rng{0});
  std::size_t tensor = 0;
  for (Row const& row : manifest<Small>()) {
    if (row.kind != Kind::parameter) continue;
    auto const values = find(*net, row.key).as<float>();
    bool const scale = row.key.ends_with("LayerNorm.weight");
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(0.2 * std::sin(0.37 * static_cast<double>(i) + static_cast<double>(tensor))) +
                  (scale ? 1.0f : 0.0f);
    }
    ++tensor;
  }
  for (std::size_t i = 0; i < 16; ++i) net->embeddings.position_ids(0, i) = static_cast<std::int64_t>(i);
  Tensor<std::int64_t, 1, 8> const ids{3, 17, 25, 39, 2, 0, 0, 0};
  Tensor<bool, 1, 8> const hidden{false, false, false, false, false, true, true, true};
  auto const y = (*net)(ids, hidden);
  CHECK(y(0) == Approx(0.187930345).margin(2e-6));
  CHECK(y(13) == Approx(0.0340615757).margin(2e-6));
  CHECK(y(31) == Approx(-0.146561655).margin(2e-6));
}
