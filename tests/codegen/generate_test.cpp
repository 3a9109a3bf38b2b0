// tests/codegen/generate_test.cpp: what a header says, and what no header is written for.
// SPDX-License-Identifier: BSL-1.0
//
// That headers compile and load their files is seen by tests/interop/generate.py.
#include "generate/generate.hpp"

#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch_write.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace ashlar;
using codegen::GenerateOptions;

namespace {

std::vector<std::byte> const zeros(1 << 16);

/// Each lies somewhere else, because two with the same elements are tied.
Value tensor(Extents const& shape, DType dtype = DType::f32) {
  static std::size_t at = 0;
  at = (at + 64) % (zeros.size() / 2);
  return Value(ValueTensor(dtype, shape, std::span(zeros).subspan(at, shape.numel() * size_of(dtype))));
}
Value linear() {
  return Value::dict({{Value("fc.weight"), tensor({2, {3, 4}})}, {Value("fc.bias"), tensor({1, {3}})}});
}
Error refusal(Value const& root, GenerateOptions const& options = {}) {
  auto text = codegen::try_generate(root, options);
  REQUIRE_FALSE(text);
  return text.error();
}
bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a header says what it is of, and how it is loaded") {
  std::string const text = codegen::generate(linear(), {.name = "MyNet", .space = "a::b", .file = "net.pt"});
  char const* const expected =
      R"x(// "net.pt": 2 tensors, 15 elements, 60 bytes, f32. Written by ashlar codegen from keys and shapes; what it could not
// know is yours to write.
//
//   #include <ashlar/io/read.hpp>
//   auto net = ashlar::load<a::b::MyNet>("net.pt");
//
// Layers, told by keys and shapes; settings that are not in the file stand at their defaults:
//   1 Linear
// Layers without tensors have no keys, so there may be more of them, and no file tells what runs when.
// The keys have the order of the file.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/nn/linear.hpp>

namespace a::b {

/// What "net.pt" holds.
struct MyNet {
  ashlar::Linear<4, 3> fc;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what MyNet computes: write its operator()");
  }
};

}  // namespace a::b
)x";
  CHECK(text == expected);
}

TEST_CASE("what load has to be told is a function of the header") {
  Value const checkpoint = Value::dict({{Value("model"), linear()}, {Value("epoch"), Value(3)}});
  std::string const text = codegen::generate(checkpoint, {.at = "model", .dtype = DType::f32, .file = "net.pt"});
  CHECK(has(text, R"(  options.at = "model";)"));
  CHECK_FALSE(has(text, "convert"));  // nothing is rounded
  CHECK(has(text, R"(ashlar::load<Net>("net.pt", net_parts::load_options());)"));

  Value const doubles = Value::dict({{Value("w"), tensor({1, {2}}, DType::f64)}, {Value("note"), Value("text")}});
  std::string const narrow = codegen::generate(doubles, {.dtype = DType::f32});
  CHECK(has(narrow, "options.convert = true;"));
  CHECK(has(narrow, "options.partial = true;"));
  CHECK(has(narrow, "note is the string"));
  CHECK(has(narrow, "ashlar::Parameter<float, 2> w;"));
}

TEST_CASE("layers that look alike are not guessed") {
  auto const header = [](std::string const& name, Extents const& weight, std::size_t bias) {
    std::vector<ValueItem> items{{Value(name + ".weight"), tensor(weight)}};
    if (bias != 0) items.push_back({Value(name + ".bias"), tensor({1, {bias}})});
    return codegen::generate(Value::dict(std::move(items)));
  };
  CHECK(has(header("word_embeddings", {2, {5, 4}}, 0), "ashlar::Embedding<5, 4> word_embeddings;"));
  CHECK(has(header("proj", {2, {5, 4}}, 0), "Linear<4, 5> without a bias, or Embedding<5, 4>"));
  CHECK(has(header("up", {4, {5, 4, 2, 2}}, 4), "ashlar::ConvTranspose2d<5, 4, 2> up;"));
  CHECK(has(header("deconv", {3, {5, 5, 2}}, 5), "ashlar::ConvTranspose1d<5, 5, 2> deconv;"));
  CHECK(has(header("rms_norm", {1, {4}}, 0), "ashlar::RMSNorm<4> rms_norm;"));
  CHECK(has(header("c_attn", {2, {4, 12}}, 12), "a Linear whose weight is (in, out)"));
  CHECK(has(header("group_norm", {1, {4}}, 4), "a GroupNorm or an InstanceNorm by its name"));
  CHECK(has(header("norm", {1, {4}}, 4), "ashlar::LayerNorm<4> norm;"));
  CHECK(has(header("prelu", {1, {4}}, 0), "ashlar::PReLU<4> prelu;"));
  CHECK(has(header("norm", {1, {4}}, 0), "PReLU<4>, RMSNorm<4> or another norm"));
  CHECK(has(header("conv", {3, {4, 2, 3}}, 4), "ashlar::Conv1d<2, 4, 3> conv;"));
}

TEST_CASE("a layer that is asked for is one, or it is said why not") {
  Value const net = Value::dict({{Value("a.0.norm.weight"), tensor({1, {6}})},
                                 {Value("a.0.norm.bias"), tensor({1, {6}})},
                                 {Value("a.1.norm.weight"), tensor({1, {4}})},
                                 {Value("a.1.norm.bias"), tensor({1, {4}})},
                                 {Value("heads.in_proj_weight"), tensor({2, {18, 6}})},
                                 {Value("heads.out_proj.weight"), tensor({2, {6, 6}})}});
  auto const with = [&](std::vector<std::pair<std::string, std::string>> layers) {
    return codegen::try_generate(net, {.layers = std::move(layers), .file = "net.pt"});
  };
  std::string const text = with({{"a.*.norm", "GroupNorm<2>"}, {"a.1.*", "GroupNorm<4>"}}).value();
  CHECK(has(text, "ashlar::GroupNorm<2, 6> norm;"));
  CHECK(has(text, "ashlar::GroupNorm<4, 4> norm;"));
  CHECK(has(text, "#include <ashlar/nn/group_norm.hpp>"));
  CHECK(has(text, "--layer KEY=MultiheadAttention<heads>"));
  CHECK(has(with({{"a.0.norm", "LayerNorm"}}).value(), "ashlar::LayerNorm<6> norm;"));
  CHECK(std::string(with({{"a.*.norm", "GroupNorm<3>"}, {"heads", "MultiheadAttention<4>"}, {"a.norm", "PReLU"}})
                        .error()
                        .what()) ==
        "net.pt: these layers were asked for and do not fit\n"
        "  a.1.norm is no GroupNorm<3>: 4 channels are no multiple of 3 groups\n"
        "  heads is no MultiheadAttention<4>: 6 features are no multiple of 4 heads\n"
        "  no module has the key a.norm");
  for (auto const& [layer, why] : std::vector<std::pair<std::string, std::string>>{
           {"InstanceNorm2d", "weight and bias, running statistics, or both are expected"},
           {"Embedding", "a weight of two dimensions is expected, and no bias"},
           {"Linear", "a weight of two dimensions is expected, and perhaps a bias"},
           {"Conv2d<2>", "a weight of 4 dimensions is expected, and perhaps a bias"},
           {"RMSNorm", "a weight of one dimension is expected"},
           {"GroupNorm<2>", "a weight and a bias of one dimension are expected"}}) {
    CHECK(has(with({{"heads", layer}}).error().what(), why));
  }
  for (auto const& [layer, why] : std::vector<std::pair<std::string, std::string>>{
           {"GroupNorm", "expected GroupNorm<groups>: a number that is not in the file"},
           {"GroupNorm<0>", "expected GroupNorm<groups>, a number from 1 on"},
           {"GroupNorm<2", "expected GroupNorm<groups>, a number from 1 on"},
           {"GroupNorm<2>; int x", "expected GroupNorm<groups>, a number from 1 on"},
           {"PReLU<3>", "PReLU takes no number"},
           {"LSTM", "expected one of GroupNorm<groups>, MultiheadAttention<heads>, InstanceNorm1d"}}) {
    Error const error = with({{"heads", layer}}).error();
    CHECK(error.code() == Errc::value);
    CHECK(has(error.what(), why));
  }
}

TEST_CASE("what no struct can be is refused") {
  CHECK(refusal(Value(3)).code() == Errc::mismatch);
  Value const checkpoint = Value::dict({{Value("model"), linear()}, {Value("epoch"), Value(3)}});
  CHECK(std::string(refusal(checkpoint, {.file = "net.pt"}).what()) ==
        "net.pt: holds a dict of 2 items, no state_dict; LoadOptions::at can be one of\n"
        "  \"model\": 2 tensors, the first is fc.weight, f32 (3, 4)");
  CHECK(std::string(refusal(Value::dict({{Value("z"), tensor({1, {2}}, DType::c64)}})).what()) ==
        "memory: no struct can have these members:\n  z has the dtype c64, which no member has");
  CHECK(codegen::try_generate(linear(), {.name = "MLP"}));  // no macro, says who writes it
  CHECK(refusal(linear(), {.name = "class"}).code() == Errc::value);
  CHECK(refusal(linear(), {.name = "a b"}).code() == Errc::value);
  CHECK(refusal(linear(), {.space = "a::"}).code() == Errc::value);
  CHECK(refusal(linear(), {.space = "a;b"}).code() == Errc::value);
  CHECK(refusal(linear(), {.dtype = DType::i8}).code() == Errc::value);
  CHECK(refusal(linear(), {.at = "encoder"}).code() == Errc::mismatch);

  Value const both = Value::dict({{Value("x.w"), tensor({1, {2}})}, {Value("w"), tensor({1, {2}})}});
  CHECK(has(refusal(both, {.strip_prefix = {"x."}}).what(), "x.w and w both become w"));

  // An expanded tensor repeats its one element 2^50 times.
  ValueTensor const repeated(DType::f32, {2, {1u << 25, 1u << 25}}, {0, 0}, std::span(zeros).first(4), 0);
  CHECK(has(refusal(Value::dict({{Value("w"), Value(repeated)}})).what(), "a struct of more than 1 TiB"));
}
