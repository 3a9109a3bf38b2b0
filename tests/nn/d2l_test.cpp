// tests/nn/d2l_test.cpp: whole networks against torch: keys, shapes, order, ties, outputs of the same weights, and
// text. SPDX-License-Identifier: BSL-1.0
//
// The networks of the chapter "Builders' Guide" of Dive into Deep Learning; golden data in tests/golden/d2l.
#include <ashlar/nn.hpp>
#include <ashlar/nn/print.hpp>
#include <ashlar/reflect/lookup.hpp>

#include "support/close.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace ashlar;
using ashlar::test::SafeTensors;

namespace {

struct MLP {
  Linear<20, 256> hidden;
  Linear<256, 10> out;
  auto operator()(auto const& x) const { return out(relu(hidden(x))); }
};

using Plain = Sequential<Linear<20, 256>, ReLU, Linear<256, 10>>;

struct MySequential {  // children under keys that are numbers, without a Sequential
  Named<"0", Linear<20, 256>> first;
  Named<"1", ReLU> relu;
  Named<"2", Linear<256, 10>> second;
};

struct NestMLP {
  Sequential<Linear<20, 64>, ReLU, Linear<64, 32>, ReLU> net;
  Linear<32, 16> linear;
};

struct FixedHiddenMLP {
  Constant<float, 20, 20> rand_weight;
  Linear<20, 20> linear;
  auto operator()(auto const& in) const {
    auto x = linear(in);
    x = relu(matmul(x, rand_weight) + 1);
    x = linear(x);
    while (sum(abs(x)).item() > 1) x = x / 2;
    return sum(x);
  }
  void reset_parameters(TorchRng& rng) {
    init::uniform_(rand_weight, 0, 1, rng);
    initialise(linear, rng);
  }
};

using Chimera = Sequential<NestMLP, Linear<16, 20>, FixedHiddenMLP>;

struct CenteredLayer {  // a layer of the user's own, known to nobody else
  auto operator()(auto const& x) const { return x - mean(x); }
};
using Centered = Sequential<Linear<8, 128>, CenteredLayer>;

template <std::size_t In, std::size_t Out>
struct MyLinear {
  Parameter<float, In, Out> weight;
  Parameter<float, Out> bias;
  auto operator()(auto const& x) const { return relu(matmul(x, weight) + bias); }
  void reset_parameters(TorchRng& rng) {
    init::normal_(weight, 0, 1, rng);
    init::normal_(bias, 0, 1, rng);
  }
};

using Block1 = Sequential<Linear<4, 8>, ReLU, Linear<8, 4>, ReLU>;
using Block2 =
    Sequential<Named<"block 0", Block1>, Named<"block 1", Block1>, Named<"block 2", Block1>, Named<"block 3", Block1>>;
using RgNet = Sequential<Block2, Linear<4, 1>>;

using Shared = Sequential<Linear<4, 8>, ReLU, Linear<8, 8>, ReLU, Tied<"2">, ReLU, Linear<8, 1>>;

using LeNet = Sequential<Conv2d<1, 6, 5, ConvOptions{.padding = 2}>, Sigmoid, AvgPool2d<2>, Conv2d<6, 16, 5>, Sigmoid,
                         AvgPool2d<2>, Flatten, Linear<400, 120>, Sigmoid, Linear<120, 84>, Sigmoid, Linear<84, 10>>;

constexpr ConvOptions no_bias{.padding = 1, .bias = false};
constexpr ConvOptions half{.stride = 2, .padding = 1};
using ConvBn = Sequential<Conv2d<1, 4, 3, no_bias>, BatchNorm2d<4>, ReLU, MaxPool2d<2>, Conv2d<4, 8, 3, half>,
                          BatchNorm2d<8>, ReLU, AdaptiveAvgPool2d<1>, Flatten, Dropout, Linear<8, 3>>;

std::string path_of(std::string const& name) { return ASHLAR_TEST_DATA "/d2l/" + name; }

template <class X>
X golden(SafeTensors const& io, std::string const& key) {
  X x(io[key].shape.at(0));
  x.assign(io.values<float>(key));
  return x;
}

/// How a network is drawn, where it is not as `make` does it.
constexpr auto in_order = [](auto& net, TorchRng& rng) { initialise(net, rng); };
/// For a network that has seen batches since it was drawn: its buffers and the input come later.
struct Used {
  void operator()(auto& net, TorchRng& rng) const { initialise(net, rng); }
};

/// Keys, shapes, order and ties are torch's, and so is the output with its weights. After torch.manual_seed the weights
/// and the input are torch's too: the very bits, but for normal draws of 16 or more (see TorchRng), which are close.
/// Outputs are those of evaluation.
template <class Net, std::size_t... In, class Draw = decltype(in_order)>
void check(std::string const& name, Draw draw = in_order) {
  using X = Tensor<float, dyn, In...>;
  constexpr bool is_used = std::is_same_v<Draw, Used>;
  INFO(name);
  auto const json = ashlar::test::parse_json(ashlar::test::read_file(path_of(name + ".json")));
  SafeTensors const weights(path_of(name + ".safetensors"));
  SafeTensors const io(path_of(name + ".io.safetensors"));
  auto net = make<Net>();
  CHECK(structure(net) + "\n" == ashlar::test::read_file(path_of(name + ".print.txt")));

  TorchRng rng(static_cast<std::uint64_t>(json["seed"].number));
  auto seeded = make<Net>();
  draw(*seeded, rng);
  std::size_t exact = 0, tensors = 0;

  std::size_t at = 0;
  auto const& expected = json["state_dict"].items;
  for (Row const& row : manifest<Net>()) {
    if (row.kind == Kind::scalar) continue;  // p of a Dropout
    CAPTURE(row.key);
    std::string const key(row.key);
    std::vector<float> values;
    if (row.kind == Kind::constant) {
      values = io.values<float>("constant." + key);
    } else {
      REQUIRE(at < expected.size());
      CHECK(expected[at]["key"].string == key);
      auto const shape = expected[at]["shape"].numbers();
      CHECK(std::vector<double>(row.shape.extent.begin(), row.shape.extent.begin() + row.shape.rank) == shape);
      CHECK(name_of(row.dtype) == expected[at]["dtype"].string);
      ++at;
      if (row.is_alias()) continue;
      if (row.dtype == DType::i64) {
        find(*net, row.key).template as<std::int64_t>()[0] = weights.values<std::int64_t>(key).at(0);
        continue;
      }
      values = weights.values<float>(key);
    }
    auto const target = find(*net, row.key).template as<float>();
    REQUIRE(values.size() == target.size());
    std::copy(values.begin(), values.end(), target.begin());
    if (is_used && row.kind == Kind::buffer) continue;
    auto const drawn = find(*seeded, row.key).template as<float>();
    ashlar::test::expect_close(drawn, values, 0, 1e-6);
    exact += ashlar::test::same_bits(drawn, values);
    ++tensors;
  }
  CHECK(exact + (name == "my_linear_sequential" ? 1 : 0) == tensors);
  CHECK(at == expected.size());

  std::vector<std::string> parameters, wanted;
  for (auto const& p : named_parameters(*net)) parameters.emplace_back(p.key());
  for (auto const& p : json["named_parameters"].items) wanted.push_back(p.string);
  CHECK(parameters == wanted);
  for (auto const& group : json["tied"].items) {
    for (auto const& key : group.items) CHECK(find(*net, key.string).data == find(*net, group.at(0).string).data);
  }

  auto const x = golden<X>(io, "input");
  auto drawn_input = x;
  rng.fill_uniform(drawn_input.span(), 0, 1);
  CHECK(bitwise_equal(drawn_input, x) != is_used);
  auto const y = net(x);
  ashlar::test::expect_close(std::vector<float>(y.begin(), y.end()), io.values<float>("output"), 1e-6, 1e-6);
  if (io.has("input2")) {
    auto const y2 = net(golden<X>(io, "input2"));
    ashlar::test::expect_close(std::vector<float>(y2.begin(), y2.end()), io.values<float>("output2"), 1e-6, 1e-6);
  }

  // On a tape the same bits come out, and a network outside of a handle gives them too.
  auto grads = zeros_like(net);
  Tape<Net, Evaluation> tape(*net, *grads);
  CHECK(bitwise_equal(tape(x), y));
  CHECK(bitwise_equal(forward(*net, x), y));
}

}  // namespace

TEST_CASE("an MLP with an operator() agrees with torch") { check<MLP, 20>("mlp"); }
TEST_CASE("a Sequential agrees with torch") { check<Plain, 20>("sequential"); }
TEST_CASE("a struct with numbers for keys agrees with torch") { check<MySequential, 20>("my_sequential"); }
TEST_CASE("a network in a network agrees with torch") { check<NestMLP, 20>("nest_mlp"); }
TEST_CASE("a constant, a layer used twice and a loop agree with torch") {
  check<FixedHiddenMLP, 20>("fixed_hidden_mlp");
}
TEST_CASE("a Sequential of networks agrees with torch") { check<Chimera, 20>("chimera"); }
TEST_CASE("a layer of one's own agrees with torch") {
  check<Centered, 8>("centered_sequential");
  check<MyLinear<5, 3>, 5>("my_linear");
  check<Sequential<MyLinear<64, 8>, MyLinear<8, 1>>, 64>("my_linear_sequential");
}
TEST_CASE("nested blocks with a blank in their keys agree with torch") { check<RgNet, 4>("rgnet"); }
TEST_CASE("a layer under two keys agrees with torch") {
  check<Shared, 4>("shared", [](Shared& net, TorchRng& rng) {
    using namespace ashlar::literals;
    initialise(net[2_c], rng);  // in Python the shared layer was made before the others
    initialise(net[0_c], rng);
    initialise(net[6_c], rng);
  });
}

TEST_CASE("LeNet agrees with torch") { check<LeNet, 1, 28, 28>("lenet"); }
TEST_CASE("convolutions with BatchNorm, in evaluation, agree with torch") {
  check<ConvBn, 1, 12, 12>("conv_bn", Used{});
}
