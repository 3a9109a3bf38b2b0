// tests/nn/print_test.cpp, mirrors include/ashlar/nn/print.hpp. Whole networks: d2l_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/print.hpp>

#include <ashlar/nn.hpp>
#include <ashlar/nn/prelu.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <string>

using namespace ashlar;

namespace {

std::string of(auto const& value) { return Repr().add(value).text(); }

struct Scaled {  // settings and children
  double scale = 2;
  Linear<2, 2> inner;
  void extra_repr(auto& r) const { r.add("scale", scale).add("mode", "same"); }
  auto operator()(auto const& x) const { return inner(x) * static_cast<float>(scale); }
};

struct Decoder {
  Tied<"embed"> project;  // looked up outwards
  Tied<"embed.weight"> weight;
  auto operator()(auto const& x) const { return x; }
};
struct Model {
  Linear<4, 3, float, false> embed;
  Decoder decoder;
  Parameter<float, 3> offset;
  Buffer<float, 3> mean;
  std::array<float, 2> settings;
  State<Linear<4, 3>> moments;
  double lr = 0;
};

}  // namespace

TEST_CASE("print: values are written as Python writes them") {
  CHECK(of(true) == "True");
  CHECK(of(false) == "False");
  CHECK(of(7) == "7");
  CHECK(of(std::size_t{20}) == "20");
  CHECK(of("zeros") == "'zeros'");
  CHECK(of(std::array{3, 3}) == "(3, 3)");
  CHECK(of(std::array{3}) == "(3,)");
  CHECK(of(0.5) == "0.5");
  CHECK(of(1.0) == "1.0");
  CHECK(of(-0.0) == "-0.0");
  CHECK(of(0.0001) == "0.0001");
  CHECK(of(1e-05) == "1e-05");
  CHECK(of(1.25e-7) == "1.25e-07");
  CHECK(of(123456.0) == "123456.0");
  CHECK(of(1e15) == "1000000000000000.0");
  CHECK(of(1e16) == "1e+16");
  CHECK(of(1e300) == "1e+300");
  CHECK(of(1e-300) == "1e-300");
  CHECK(of(0.1f) == "0.1");
  CHECK(of(HUGE_VAL) == "inf");
}

TEST_CASE("print: layers say what torch's say") {
  CHECK(structure(Linear<3, 2, float, false>{}) == "Linear(in_features=3, out_features=2, bias=False)");
  CHECK(structure(Dropout{0.25}) == "Dropout(p=0.25, inplace=False)");
  CHECK(structure(Flatten{}) == "Flatten(start_dim=1, end_dim=-1)");
  CHECK(structure(LeakyReLU{}) == "LeakyReLU(negative_slope=0.01)");
  CHECK(structure(ELU{}) == "ELU(alpha=1.0)");
  CHECK(structure(Softplus{}) == "Softplus(beta=1.0, threshold=20.0)");
  CHECK(structure(Hardtanh{}) == "Hardtanh(min_val=-1.0, max_val=1.0)");
  CHECK(structure(Softmax{}) == "Softmax(dim=-1)");
  CHECK(structure(Tanh{}) == "Tanh()");
  CHECK(structure(GELU{}) == "GELU(approximate='none')");
  CHECK(structure(Sequential<>{}) == "Sequential()");
  CHECK(structure(PReLU<3>{}) == "PReLU(num_parameters=3)");
  CHECK(structure(Embedding<50, 8>{}) == "Embedding(50, 8)");
  CHECK(structure(Embedding<50, 8, float, EmbeddingOptions{.padding_idx = 0}>{}) == "Embedding(50, 8, padding_idx=0)");
  CHECK(structure(Conv2d<1, 6, 5>{}) == "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))");
  CHECK(structure(Conv2d<4, 8, Size2{3, 5}, ConvOptions{.stride = {2, 1}, .padding = {1, 2}, .bias = false}>{}) ==
        "Conv2d(4, 8, kernel_size=(3, 5), stride=(2, 1), padding=(1, 2), bias=False)");
  CHECK(structure(Conv2d<4, 8, 3, ConvOptions{.padding = "same", .dilation = 2, .groups = 4}>{}) ==
        "Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1), padding=same, dilation=(2, 2), groups=4)");
  CHECK(structure(Conv1d<4, 8, 3, ConvOptions{.padding = 1}>{}) ==
        "Conv1d(4, 8, kernel_size=(3,), stride=(1,), padding=(1,))");
}

TEST_CASE("print: a list joins equal neighbours, as torch.nn.ModuleList does") {
  std::array<Dropout, 4> layers{Dropout{0.5}, Dropout{0.5}, Dropout{0.1}, Dropout{0.5}};
  CHECK(structure(layers) ==
        "ModuleList(\n"
        "  (0-1): 2 x Dropout(p=0.5, inplace=False)\n"
        "  (2): Dropout(p=0.1, inplace=False)\n"
        "  (3): Dropout(p=0.5, inplace=False)\n"
        ")");
  CHECK(structure(std::array<Sequential<ReLU, Tanh>, 2>{}) ==
        "ModuleList(\n"
        "  (0-1): 2 x Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Tanh()\n"
        "  )\n"
        ")");
}

TEST_CASE("print: settings of a layer that has children stand on a line of their own") {
  CHECK(structure(make<Scaled>()) ==
        "Scaled(\n"
        "  scale=2.0, mode='same'\n"
        "  (inner): Linear(in_features=2, out_features=2, bias=True)\n"
        ")");
}

TEST_CASE("print: a tied layer is printed again; tensors, numbers and optimizer state are not") {
  CHECK(structure(make<Model>()) ==
        "Model(\n"
        "  (embed): Linear(in_features=4, out_features=3, bias=False)\n"
        "  (decoder): Decoder(\n"
        "    (project): Linear(in_features=4, out_features=3, bias=False)\n"
        "  )\n"
        ")");
}
