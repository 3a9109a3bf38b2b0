// tests/nn/guide_test.cpp: what examples/guide claims, against torch's numbers and against longer ways to the same.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn.hpp>
#include <ashlar/nn/embedding.hpp>
#include <ashlar/nn/print.hpp>
#include <ashlar/nn/reshape.hpp>
#include <ashlar/reflect/lookup.hpp>

#include "support/close.hpp"
#include "support/file.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

using namespace ashlar;
using ashlar::test::SafeTensors;

namespace {

/// What examples/guide/show.hpp prints for the output of a network of tests/golden/d2l.
std::string shown_output(std::string const& name) {
  SafeTensors const io(ASHLAR_TEST_DATA "/d2l/" + name + ".io.safetensors");
  auto const& shape = io["output"].shape;
  auto const values = io.values<float>("output");
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    char number[32];
    std::snprintf(number, sizeof number, "%8.4f", static_cast<double>(values[i]));
    text += number;
    if (shape.empty() || (i + 1) % shape.back() == 0) text += '\n';
  }
  return text;
}

struct Twice {
  Linear<8, 8> encode;
  ReLU relu;
  Tied<"encode"> decode;
};
struct Untied {
  Linear<8, 8> encode;
  ReLU relu;
  Linear<8, 8> decode;
};

struct TiedModel {
  Embedding<50, 8> embed;
  Tied<"embed.weight"> out;
  auto operator()(auto const& tokens) const { return linear(embed(tokens), embed.weight); }
};
struct UntiedModel {
  Embedding<50, 8> embed;
  LinearNoBias<8, 50> out;
  auto operator()(auto const& tokens) const { return out(embed(tokens)); }
};

struct CenteredLayer {
  auto operator()(auto const& x) const { return x - mean(x); }
};

template <std::size_t In, std::size_t Out>
struct CustomLayer {
  Parameter<float, Out, In, 3, 3> weight;
  Parameter<float, Out> bias;
  auto operator()(auto const& x) const { return linear(Flatten{}(x), reshape<Out, In * 9>(weight), bias); }
};
template <std::size_t In, std::size_t Out>
struct FlatLayer {
  Flatten flatten;
  Linear<In * 9, Out> linear;
};

struct Reshaped {
  Linear<6, 6> layer;
  Constant<float, 6> fixed;
  auto operator()(auto const& x) const { return reshape<3, 4>(layer(x)) * reshape<1, 6>(fixed)(0, 5); }
};

template <bool OnTape>
struct Gated {  // x * sigmoid(gate) * relu(scale)
  Parameter<float, 3> gate;
  Parameter<float, 3> scale;
  auto operator()(auto const& x) const {
    if constexpr (OnTape) {
      return x * (sigmoid(on_tape_of(x, gate)) * relu(on_tape_of(x, scale)));
    } else {
      return x * (sigmoid(gate) * relu(scale));
    }
  }
};

template <class Net, class X>
Owned<Net> gradients_of(Net const& net, X const& x, auto const& loss) {
  auto grads = zeros_like(net);
  Tape tape(net, *grads);
  tape.backward(loss(tape(x)));
  return grads;
}

}  // namespace

TEST_CASE("guide: what blocks.cpp and custom_layers.cpp print are torch's outputs") {
  std::string const folder = ASHLAR_SOURCE_DIR "/examples/guide/expected/";
  std::string const blocks = ashlar::test::read_file(folder + "blocks.txt");
  std::size_t at = 0;
  for (char const* name : {"mlp", "sequential", "my_sequential", "fixed_hidden_mlp", "nest_mlp", "chimera"}) {
    CAPTURE(name);
    std::size_t const found = blocks.find(shown_output(name), at);  // in this order
    CHECK(found != std::string::npos);
    if (found != std::string::npos) at = found;
  }
  std::string const custom = ashlar::test::read_file(folder + "custom_layers.txt");
  CHECK(custom.find(shown_output("my_linear")) != std::string::npos);
}

TEST_CASE("guide: a layer without parameters agrees with torch, and is nothing in a file") {
  SafeTensors const io(ASHLAR_TEST_DATA "/d2l/centered_layer.io.safetensors");
  CenteredLayer const layer;
  Tensor<float, 5> x;
  x.assign(io.values<float>("input"));
  ashlar::test::expect_close(layer(x).span(), io.values<float>("output"), 1e-6, 1e-6);
  Tensor<float, 3, 4> x2;
  x2.assign(io.values<float>("input2"));
  ashlar::test::expect_close(layer(x2).span(), io.values<float>("output2"), 1e-6, 1e-6);
  CHECK(manifest<CenteredLayer>().size() == 0);
  CHECK(structure(layer).append("\n") == ashlar::test::read_file(ASHLAR_TEST_DATA "/d2l/centered_layer.print.txt"));
}

TEST_CASE("guide: the gradient of a tied layer is the sum of what each use gives") {
  auto tied = make<Twice>(Rng{0});
  auto untied = make<Untied>();
  untied->encode = tied->encode;
  untied->decode = tied->encode;
  Tensor<float, 3, 8> x;
  TorchRng rng(1);
  init::uniform_(x, -1, 1, rng);
  auto const loss = [](auto const& y) { return sum(square(y)); };
  auto const a = gradients_of(*tied, x, loss);
  auto const b = gradients_of(*untied, x, loss);
  for (std::size_t i = 0; i < 64; ++i) b->encode.weight.data()[i] += b->decode.weight.data()[i];
  for (std::size_t i = 0; i < 8; ++i) b->encode.bias(i) += b->decode.bias(i);
  ashlar::test::expect_close(a->encode.weight.span(), b->encode.weight.span(), 1e-6, 1e-6);
  ashlar::test::expect_close(a->encode.bias.span(), b->encode.bias.span(), 1e-6, 1e-6);
  CHECK(sizeof(Twice) < sizeof(Untied));  // stored once
}

TEST_CASE("guide: an embedding that is the output projection too gets both gradients") {
  auto tied = make<TiedModel>(Rng{0});
  auto untied = make<UntiedModel>();
  untied->embed = tied->embed;
  std::memcpy(untied->out.weight.data(), tied->embed.weight.data(), sizeof(float) * 400);
  Tensor<std::int64_t, 5> const tokens{3, 1, 4, 1, 5};
  auto const loss = [&](auto const& logits) { return cross_entropy(logits, tokens); };
  auto const a = gradients_of(*tied, tokens, loss);
  auto const b = gradients_of(*untied, tokens, loss);
  for (std::size_t i = 0; i < 400; ++i) b->embed.weight.data()[i] += b->out.weight.data()[i];
  ashlar::test::expect_close(a->embed.weight.span(), b->embed.weight.span(), 1e-6, 1e-6);
  CHECK(find(*tied, "out").data == find(*tied, "embed.weight").data);
}

TEST_CASE("guide: the convolution-shaped layer is a Linear of flattened patches") {
  auto custom = make<CustomLayer<5, 10>>();
  auto flat = make<FlatLayer<5, 10>>(Rng{3});
  std::memcpy(custom->weight.data(), flat->linear.weight.data(), sizeof(float) * 450);
  custom->bias = flat->linear.bias;
  CHECK(to_string(custom->weight.shape()) == "(10, 5, 3, 3)");
  Tensor<float, dyn, 5, 3, 3> x(4);
  TorchRng rng(1);
  init::uniform_(x, -1, 1, rng);
  auto const y = custom(x);
  CHECK(bitwise_equal(y, flat(x)));
  auto const loss = [](auto const& out) { return sum(square(out)); };
  auto const a = gradients_of(*custom, x, loss);
  auto const b = gradients_of(*flat, x, loss);
  CHECK(ashlar::test::same_bits(a->weight.span(), b->linear.weight.span()));
  CHECK(ashlar::test::same_bits(a->bias.span(), b->linear.bias.span()));
  CHECK(a->weight(9, 4, 2, 2) != 0);
}

TEST_CASE("reshape: of tensors and traced values, with a gradient") {
  Reshaped net{};
  initialise(net, Rng{0});
  net.fixed.fill(2);
  Tensor<float, 2, 6> x;
  x.fill(1);
  auto const y = net(x);
  CHECK(to_string(y.shape()) == "(3, 4)");
  CHECK(y(1, 2) == 2 * net.layer(x)(1, 0));
  auto const grads = gradients_of(net, x, [](auto const& out) { return sum(out); });
  CHECK(grads->layer.bias(0) == 4);
  CHECK(grads->fixed(5) == 0);
}

TEST_CASE("guide: what is computed of parameters alone is trained, or refused, and never silently left out") {
  Gated<true> net{};
  net.gate = {{0.5f, -1, 2}};
  net.scale = {{1.5f, 2, -1}};
  Tensor<float, 2, 3> const x{1, 2, 3, 4, 5, 6};
  auto const loss = [](auto const& y) { return sum(y); };
  auto const grads = gradients_of(net, x, loss);
  double const columns[] = {5, 7, 9};
  for (std::size_t i = 0; i < 3; ++i) {
    double const g = 1 / (1 + std::exp(-static_cast<double>(net.gate(i))));
    double const s = net.scale(i) > 0 ? static_cast<double>(net.scale(i)) : 0;
    CHECK(grads->gate(i) == Approx(columns[i] * g * (1 - g) * s).epsilon(1e-5));
    CHECK(grads->scale(i) == Approx(net.scale(i) > 0 ? columns[i] * g : 0).epsilon(1e-5));
  }

  Gated<false> wrong{};
  auto place = zeros_like(wrong);
  Tape tape(wrong, *place);
  CHECK_THROWS_AS(tape(x), Error);
  Gated<false> const other{};
  CHECK(bitwise_equal(wrong(x), other(x)));  // outside of a recorded forward nothing is lost
}
