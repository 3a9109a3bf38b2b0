// tests/nn/attention_test.cpp, mirrors include/ashlar/nn/{attention,multihead_attention,transformer}.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/attention.hpp>  // first: shows if the header misses an include

#include <ashlar/nn/multihead_attention.hpp>
#include <ashlar/nn/transformer.hpp>

#include <ashlar/nn/make.hpp>
#include <ashlar/nn/print.hpp>

#include "support/differences.hpp"
#include "support/layer_fixture.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

using namespace ashlar;
using ashlar::test::check_golden;
using ashlar::test::golden_tensor;

namespace {

using Any = Tensor<double, dyn, dyn, dyn>;
using Any4 = Tensor<double, dyn, dyn, dyn, dyn>;

test::SafeTensors recording(std::string const& name) {
  return test::SafeTensors(ASHLAR_TEST_DATA "/layers/" + name + ".f64.safetensors");
}

/// A layer with the parameters of a recording, its gradients, and a tape for both.
template <class L>
struct Recorded {
  std::unique_ptr<L> layer = std::make_unique<L>();
  std::unique_ptr<L> grads = std::make_unique<L>();
  test::SafeTensors file;
  Rng rng{0};
  Tape<L> tape{*layer, *grads, rng};

  explicit Recorded(std::string const& name) : file(recording(name)) {
    for (Row const& row : manifest<L>()) {
      if (row.kind != Kind::parameter) continue;
      auto const values = file["param." + std::string(row.key)].bytes;
      REQUIRE(values.size() == row.bytes);
      std::memcpy(find(*layer, row.key).data, values.data(), values.size());
    }
  }
  template <class X>
  auto variable(std::string const& name) {
    return tape.variable(golden_tensor<X>(file, name));
  }
  template <class X>
  void check_gradients(X const& x, std::string const& name) {
    check_golden<double>(x.grad(), file, name);
    for (Row const& row : manifest<L>()) {
      if (row.kind != Kind::parameter) continue;
      check_golden<double>(find(*grads, row.key).template as<double>(), file, "grad_param." + std::string(row.key));
    }
  }
};

/// sum(weights * what the recording has for them), by head or for the mean over the heads.
template <class W>
auto weights_loss(W const& weights, test::SafeTensors const& file, bool per_head) {
  auto const grad = file.values<double>("grad_output_weights");
  Tensor<double, dyn, W::dims_type::extents[1], dyn, dyn> by_head(weights.size(0), weights.size(2), weights.size(3));
  std::size_t const area = weights.size(2) * weights.size(3);
  std::size_t const heads = weights.size(1);
  for (std::size_t i = 0; i < by_head.numel(); ++i) {
    std::size_t const b = i / (heads * area);
    by_head.data()[i] = per_head ? grad[i] : grad[b * area + i % area] / static_cast<double>(heads);
  }
  return sum(weights * by_head);
}

constexpr MultiheadAttentionOptions first{.batch_first = true};
constexpr MultiheadAttentionOptions apart{.batch_first = true, .kdim = 3, .vdim = 5};
constexpr MultiheadAttentionOptions apart_plain{.bias = false, .batch_first = true, .kdim = 3, .vdim = 5};
static_assert(manifest<MultiheadAttention<4, 2, apart>>()[1].key == "k_proj_weight");
static_assert(manifest<MultiheadAttention<4, 2, MultiheadAttentionOptions{.kdim = 4}>>()[0].key == "in_proj_weight");
static_assert(type_name<MultiheadAttention<4, 2, apart>>() ==
              "MultiheadAttention<4, 2, MultiheadAttentionOptions{.batch_first = true, .kdim = 3, .vdim = 5}>");

template <class X>
X golden_mask(test::SafeTensors const& file, std::string const& name) {
  auto const bytes = file[name].bytes;
  X mask;
  REQUIRE(bytes.size() == mask.numel());
  for (std::size_t i = 0; i < mask.numel(); ++i) mask.data()[i] = static_cast<int>(bytes[i]) != 0;
  return mask;
}

}  // namespace

TEST_CASE("MultiheadAttention agrees with torch") {
  SECTION("of a sequence to itself") {
    Recorded<MultiheadAttention<8, 2, first, double>> r("mha_self");
    auto const x = r.variable<Tensor<double, dyn, dyn, 8>>("input");
    auto const [y, weights] = r.layer->with_weights(x, x, x);
    check_golden<double>(y, r.file, "output");
    CHECK(bitwise_equal((*r.layer)(x, x, x), y));
    Tensor<double, 2, 5, 8> plain;
    plain.assign(r.file.values<double>("input"));
    CHECK(bitwise_equal((*r.layer)(plain, plain, plain), y));
    r.tape.backward(sum(y * golden_tensor<Any>(r.file, "grad_output")) + weights_loss(weights, r.file, false));
    r.check_gradients(x, "grad_input");
  }
  SECTION("to another sequence") {
    Recorded<MultiheadAttention<8, 4, MultiheadAttentionOptions{}, double>> r("mha_cross");
    auto const x = r.variable<Tensor<double, 4, dyn, 8>>("input0");
    auto const other = r.variable<Tensor<double, dyn, dyn, 8>>("input1");
    auto const [y, weights] = r.layer->with_weights(x, other, other);
    check_golden<double>(y, r.file, "output");
    r.tape.backward(sum(y * golden_tensor<Tensor<double, 4, dyn, 8>>(r.file, "grad_output")) +
                    weights_loss(weights, r.file, false));
    check_golden<double>(other.grad(), r.file, "grad_input1");
    r.check_gradients(x, "grad_input0");
  }
  SECTION("with masks") {
    Recorded<MultiheadAttention<8, 2, first, double>> r("mha_causal_padding");
    auto const x = r.variable<Tensor<double, 2, 5, 8>>("input0");
    auto const mask = golden_mask<Tensor<bool, 5, 5>>(r.file, "input1");
    auto const padding = golden_mask<Tensor<bool, 2, 5>>(r.file, "input2");
    auto const [y, weights] = r.layer->with_weights(x, x, x, mask, padding);
    check_golden<double>(y, r.file, "output");
    check_golden<double>(weights, r.file, "output_weights");
    r.tape.backward(sum(y * golden_tensor<Tensor<double, 2, 5, 8>>(r.file, "grad_output")) +
                    weights_loss(weights, r.file, true));
    r.check_gradients(x, "grad_input0");
  }
  SECTION("to keys and values of other features") {
    Recorded<MultiheadAttention<4, 2, apart, double>> r("mha_kdim");
    auto const x = r.variable<Tensor<double, dyn, 3, 4>>("input0");
    auto const key = r.variable<Tensor<double, 2, 4, 3>>("input1");
    auto const value = r.variable<Any>("input2");
    auto const y = (*r.layer)(x, key, value);
    check_golden<double>(y, r.file, "output");
    r.tape.backward(sum(y * golden_tensor<Any>(r.file, "grad_output")));
    check_golden<double>(key.grad(), r.file, "grad_input1");
    check_golden<double>(value.grad(), r.file, "grad_input2");
    r.check_gradients(x, "grad_input0");

    MultiheadAttention<4, 2, apart_plain, double> plain{};
    for (Row const& row : manifest<decltype(plain)>()) {
      std::memcpy(find(plain, row.key).data, find(*r.layer, row.key).data, row.bytes);
    }
    r.layer->in_proj_bias.fill(0);
    r.layer->out_proj.bias.fill(0);
    auto const q = golden_tensor<Any>(r.file, "input0");
    auto const k = golden_tensor<Any>(r.file, "input1");
    auto const v = golden_tensor<Any>(r.file, "input2");
    CHECK(bitwise_equal(plain(q, k, v), (*r.layer)(q, k, v)));
  }
  SECTION("without biases") {
    Recorded<MultiheadAttention<6, 3, MultiheadAttentionOptions{.bias = false, .batch_first = true}, double>> r(
        "mha_nobias");
    auto const x = r.variable<Tensor<double, 2, 3, 6>>("input");
    auto const [y, weights] = r.layer->with_weights(x, x, x);
    check_golden<double>(y, r.file, "output");
    r.tape.backward(sum(y * golden_tensor<Tensor<double, 2, 3, 6>>(r.file, "grad_output")) +
                    weights_loss(weights, r.file, false));
    r.check_gradients(x, "grad_input");
  }
}

TEST_CASE("scaled_dot_product_attention agrees with torch") {
  auto const run = []<class V>(std::string const& name, V, auto const& f) {
    INFO(name);
    auto const file = recording(name);
    test::NoParameters net, grads;
    Tape tape(net, grads);
    auto const q = tape.variable(golden_tensor<Tensor<double, dyn, 2, dyn, dyn>>(file, "input0"));
    auto const k = tape.variable(golden_tensor<Any4>(file, "input1"));
    auto const v = tape.variable(golden_tensor<V>(file, "input2"));
    auto const y = f(q, k, v, file);
    check_golden<double>(y, file, "output");
    tape.backward(sum(y * golden_tensor<Tensor<double, dyn, 2, dyn, V::dims_type::extents[3]>>(file, "grad_output")));
    check_golden<double>(q.grad(), file, "grad_input0");
    check_golden<double>(k.grad(), file, "grad_input1");
    check_golden<double>(v.grad(), file, "grad_input2");
  };
  run("sdpa", Tensor<double, 2, 2, 5, 3>{},
      [](auto const& q, auto const& k, auto const& v, auto&) { return scaled_dot_product_attention(q, k, v); });
  run("sdpa_causal", Tensor<double, 2, 2, 4, 3>{}, [](auto const& q, auto const& k, auto const& v, auto&) {
    return scaled_dot_product_attention(q, k, v, AttentionOptions{.is_causal = true});
  });
  run("sdpa_bool_mask", Tensor<double, 1, 2, 5, 4>{}, [](auto const& q, auto const& k, auto const& v, auto& file) {
    return scaled_dot_product_attention(q, k, v, golden_mask<Tensor<bool, 3, 5>>(file, "input3"));
  });
  run("sdpa_float_mask_scale", Tensor<double, 1, 2, 5, 4>{},
      [](auto const& q, auto const& k, auto const& v, auto& file) {
        return scaled_dot_product_attention(q, k, v, golden_tensor<Tensor<double, 3, 5>>(file, "input3"),
                                            AttentionOptions{.scale = 0.7});
      });
}

TEST_CASE("TransformerEncoderLayer agrees with torch") {
  using X = Tensor<double, dyn, 5, 8>;
  auto const run = []<class L>(L const&, std::string const& name, std::string const& input, auto const& f) {
    INFO(name);
    Recorded<L> r(name);
    auto const x = r.template variable<X>(input);
    auto const y = f(*r.layer, x, r.file);
    check_golden<double>(y, r.file, "output");
    r.tape.backward(sum(y * golden_tensor<X>(r.file, "grad_output")));
    r.check_gradients(x, "grad_" + input);
  };
  constexpr TransformerOptions plain{.dropout = 0, .batch_first = true};
  constexpr TransformerOptions before{
      .dropout = 0, .activation = "gelu", .layer_norm_eps = 1e-6, .batch_first = true, .norm_first = true};
  using Plain = TransformerEncoderLayer<8, 2, 16, plain, double>;
  auto const call = [](auto const& layer, auto const& x, auto&) { return layer(x); };
  run(Plain{}, "transformer_encoder_layer", "input", call);
  run(TransformerEncoderLayer<8, 2, 16, before, double>{}, "transformer_encoder_layer_prenorm_gelu", "input", call);
  run(Plain{}, "transformer_encoder_layer_padding", "input0", [](auto const& layer, auto const& x, auto& file) {
    return layer(x, no_mask, golden_mask<Tensor<bool, 2, 5>>(file, "input1"));
  });
}

TEST_CASE("layers of attention start with the values of torch") {
  // torch.manual_seed(0); TransformerEncoderLayer(8, 2, 16)
  auto const layer = make<TransformerEncoderLayer<8, 2, 16>>(Rng{0});
  CHECK(layer->self_attn.in_proj_weight(23, 7) == 0.332346708f);
  CHECK(layer->self_attn.in_proj_bias(3) == 0);
  CHECK(layer->self_attn.out_proj.weight(7, 7) == 0.106810987f);
  CHECK(layer->linear2.weight(7, 15) == -0.00120568275f);
  // torch.manual_seed(0); MultiheadAttention(4, 2, kdim=3, vdim=5), and (4, 2, kdim=3, bias=False)
  auto const three = make<MultiheadAttention<4, 2, apart>>(Rng{0});
  CHECK(three->q_proj_weight(3, 3) == -0.811085582f);
  CHECK(three->v_proj_weight(3, 4) == 0.189186111f);
  CHECK(three->out_proj.weight(3, 3) == 0.0185217857f);
  auto const without = make<MultiheadAttention<4, 2, MultiheadAttentionOptions{.bias = false, .kdim = 3}>>(Rng{0});
  CHECK(without->k_proj_weight(3, 2) == -0.864433348f);
  CHECK(without->v_proj_weight(3, 3) == -0.447374493f);
}

TEST_CASE("layers of attention say what they take, and what they are") {
  using Layer = MultiheadAttention<8, 2, first>;
  Tensor<float, dyn, dyn, dyn> const x(2, 3, 7);
  CHECK_THROWS_WITH((Layer{}(x, x, x)),
                    "MultiheadAttention takes 8 features but the input has 7: its shape is (2, 3, 7)");
  CHECK_THROWS_WITH((MultiheadAttention<7, 1, MultiheadAttentionOptions{.kdim = 3}>{}(x, x, x)),
                    "MultiheadAttention takes 3 features but the input has 7: its shape is (2, 3, 7)");
  Tensor<float, dyn, dyn, 8> const y(2, 3);
  CHECK_THROWS_WITH((Layer{}(y, y, y, no_mask, Tensor<bool, 2, 4>{})),
                    "MultiheadAttention takes a key_padding_mask (2, 3) but its shape is (2, 4)");
  CHECK_THROWS_WITH(
      (Layer{}(y, y, y, Tensor<bool, 3, 4>{})),
      "MultiheadAttention takes a mask (3, 3), or one of these for each head of each sequence, but it has "
      "12 elements");
  CHECK_THROWS_WITH((scaled_dot_product_attention(y, y, Tensor<float, 2, dyn, 5>(4))),
                    "attention takes q (..., L, E), k (..., S, E) and v (..., S, F) but the shapes are (2, 3, 8), "
                    "(2, 3, 8) and (2, 4, 5)");
  CHECK(structure(TransformerEncoderLayer<8, 2, 16>{}) ==
        R"(TransformerEncoderLayer(
  (self_attn): MultiheadAttention(
    (out_proj): NonDynamicallyQuantizableLinear(in_features=8, out_features=8, bias=True)
  )
  (linear1): Linear(in_features=8, out_features=16, bias=True)
  (dropout): Dropout(p=0.1, inplace=False)
  (linear2): Linear(in_features=16, out_features=8, bias=True)
  (norm1): LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=True)
  (norm2): LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=True)
  (dropout1): Dropout(p=0.1, inplace=False)
  (dropout2): Dropout(p=0.1, inplace=False)
))");
}
