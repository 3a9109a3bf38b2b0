// tests/io/describe_test.cpp: the struct that would load a file, and files that would like to be code.
// SPDX-License-Identifier: BSL-1.0
//
// That the text compiles and loads its file is seen by examples/guide/structure.cpp.
#include <ashlar/ashlar.hpp>
#include <ashlar/io/describe.hpp>
#include <ashlar/io/save_tree.hpp>
#include <ashlar/nn/recurrent.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

using namespace ashlar;

namespace {

struct Images {
  Sequential<Conv2d<1, 6, 5, ConvOptions{.padding = 2}>, Sigmoid, MaxPool2d<Size2{2, 3}, MaxPoolOptions{.stride = 2}>,
             BatchNorm2d<6, BatchNormOptions{.eps = 1e-3}>>
      body;
  Embedding<10, 4, double, EmbeddingOptions{.padding_idx = 0}> words;
  LayerNorm<NormalizedShape{3, 4}> norm;
  auto operator()(auto const& x) const { return x; }
};

namespace left {
struct Inner {
  Parameter<float, 3> w;
};
}  // namespace left
namespace right {
struct Inner {
  Parameter<double, 5> w;
};
}  // namespace right
struct Both {
  ReLU before;
  left::Inner a;
  Parameter<float, 2> between;  // stands between structs, and keeps its place
  right::Inner b;
  std::array<double, 2> betas{0.5, 0.25};
  bool on = true;
};

struct Tagger {
  LSTM<2, 3, RNNOptions{.bidirectional = true}> lstm;
  GRU<6, 2> gru;
};

struct Net {
  Named<"block 0", Linear<2, 3>> block;
  Named<"class", Sequential<Linear<3, 1>>> keyword;
};

/// What stands between the heading and the end of the namespace.
std::string body_of(std::string const& text) {
  std::string const begin = "using namespace ashlar;\n";
  auto const at = text.find(begin) + begin.size();
  return text.substr(at, text.rfind("\n}  // namespace described") - at);
}

/// The description of a file that claims this structure; rows and all else are sound.
std::string description(Layout layout, detail::TypeInfo const* info, void const* object) {
  layout.info = info;
  detail::Fnv128 hash;
  detail::write_layout(layout.rows, layout.bytes, hash);
  layout.fingerprint = hash.bytes();
  REQUIRE(detail::save_object("claimed.ashlar", layout, object, {}));
  return describe("claimed.ashlar");
}

}  // namespace

TEST_CASE("a described file includes the headers of layers that ashlar.hpp does not have") {
  save("tagger.ashlar", Tagger{});
  std::string const text = describe("tagger.ashlar");
  CHECK(text.find("#include <ashlar/ashlar.hpp>\n#include <ashlar/nn/recurrent.hpp>\n\n#include <array>") != text.npos);
  CHECK(body_of(text) ==
        "\nstruct Tagger {\n  LSTM<2, 3, RNNOptions{.bidirectional = true}> lstm;\n  GRU<6, 2> gru;\n};\n");
}

TEST_CASE("layers of the library are spelled with their settings") {
  save("images.ashlar", *make<Images>(Rng{0}));
  CHECK(body_of(describe("images.ashlar")) == R"(
struct Images {
  Sequential<Conv2d<1, 6, 5, ConvOptions{.padding = 2}>, Sigmoid, MaxPool2d<Size2{2, 3}, MaxPoolOptions{.stride = 2}>, BatchNorm2d<6, BatchNormOptions{.eps = 1e-3}>> body;
  Embedding<10, 4, double, EmbeddingOptions{.padding_idx = 0}> words;
  LayerNorm<NormalizedShape{3, 4}> norm;
};
)");
}

TEST_CASE("structs of one name in two namespaces get two names; members keep their order") {
  save("both.ashlar", Both{});
  CHECK(body_of(describe("both.ashlar")) == R"(
struct Inner {
  Parameter<float, 3> w;
};

struct Inner_2 {
  Parameter<double, 5> w;
};

struct Both {
  ReLU before;
  Inner a;
  Parameter<float, 2> between;
  Inner_2 b;
  std::array<double, 2> betas;  // 0.5, 0.25
  bool on;  // true
};
)");
}

TEST_CASE("names in a file never become code") {
  Both const object{};
  Layout const layout = layout_of<Both>();
  detail::TypeInfo root = *layout.info;
  std::array<detail::MemberInfo, 6> members{};
  std::copy(root.members.begin(), root.members.end(), members.begin());
  detail::TypeInfo inner = *members[1].type;
  members[1].type = &inner;
  root.members = members;
  for (char const* name :
       {"A {}; int main() { system(\"rm\"); } struct B", "ashlar::Linear<1>; int x = system(\"rm\");",
        "ashlar::Named<\"\\\", 1>", "ashlar::A>B<", "#include </etc/passwd>", "int", "ashlar::"}) {
    CAPTURE(name);
    inner.name = name;
    std::string const text = description(layout, &root, &object);
    CHECK(text.find("system(") == std::string::npos);
    CHECK(text.find("/etc") == std::string::npos);
    CHECK(text.find("\\") == std::string::npos);
    CHECK(text.find(" {\n  Parameter<float, 3> w;\n};") != std::string::npos);  // a struct with a harmless name
    CHECK(text.find("struct int ") == std::string::npos);
  }
}

TEST_CASE("a file without a structure is described by its keys") {
  auto const net = make<Net>(Rng{0});
  CHECK(body_of(description(layout_of<Net>(), nullptr, net.get())) == R"(
struct block_0 {
  Parameter<float, 3, 2> weight;
  Parameter<float, 3> bias;
};

struct class_0 {
  Parameter<float, 1, 3> weight;
  Parameter<float, 1> bias;
};

struct x_class {
  Named<"0", class_0> _0;
};

struct Net {
  Named<"block 0", block_0> block_0_;
  Named<"class", x_class> x_class_;
};
)");
}

TEST_CASE("any number of keys and types that look alike get names in no time") {
  // No character of a name is one of C++: members, and structs with different members.
  std::vector<float> const numbers(8000);
  auto const storage = std::as_bytes(std::span(numbers));
  std::vector<TreeEntry> members;
  std::vector<TreeEntry> structs;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::string const name{static_cast<char>(0xe4 + i / 4096), static_cast<char>(0x80 + i / 64 % 64),
                           static_cast<char>(0x80 + i % 64)};
    ValueTensor const t(DType::f32, {}, {}, storage, i);
    members.push_back({name, t});
    structs.push_back({name + "." + std::to_string(i), t});
  }
  save_tree("alike.ashlar", members);
  std::string const text = describe("alike.ashlar");
  CHECK(text.find(" _;\n") != std::string::npos);
  CHECK(text.find(" _8000;\n") != std::string::npos);
  save_tree("alike.ashlar", structs);
  CHECK(describe("alike.ashlar").find("\nstruct _8000 {\n") != std::string::npos);
}
