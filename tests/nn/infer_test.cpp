// tests/nn/infer_test.cpp, mirrors include/ashlar/nn/infer.hpp: a network with `infer` is the network with its numbers
// written, to the compiler, in a file and to the last bit.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/infer.hpp>

#include <ashlar/grad/tape.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/matmul.hpp>
#include <ashlar/nn/pool.hpp>
#include <ashlar/nn/print.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/nn/summary.hpp>
#include <ashlar/reflect/layout.hpp>

#include "support/file.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

using namespace ashlar;

namespace {

using Open = Sequential<Linear<20, 256>, ReLU, Linear<infer, 10>>;
using Written = Sequential<Linear<20, 256>, ReLU, Linear<256, 10>>;

template <class S, std::size_t I>
using layer_t = std::remove_cvref_t<decltype(std::declval<S&>()[Index<I>{}])>;

static_assert(std::is_same_v<Inferred<Open>, Written>);
static_assert(std::is_same_v<layer_t<Open, 2>, Linear<256, 10>>);
static_assert(sizeof(Open) == sizeof(Written) && alignof(Open) == alignof(Written));
static_assert(type_name<Open>() == "Sequential<Linear<20, 256>, ReLU, Linear<256, 10>>");
static_assert(type_name<Linear<infer, 10>>() == "Linear<infer, 10>");
static_assert(sizeof(Linear<infer, 10>) <= 1024);  // to name a layer with a hole costs nothing
static_assert(std::is_same_v<Inferred<Written>, Written> && std::is_same_v<Inferred<Sequential<>>, Sequential<>>);

// The first layer too, from the input.
static_assert(
    std::is_same_v<Inferred<Sequential<Linear<infer, 256>, ReLU, Linear<infer, 10>>, Tensor<float, dyn, 20>>, Written>);
static_assert(std::is_same_v<Inferred<Linear<infer, 4>, Tensor<float, 7>>, Linear<7, 4>>);

// What a layer's other parameters are stays as it is.
static_assert(std::is_same_v<Inferred<Sequential<Linear<3, 4, double>, LinearNoBias<infer, 5, double>>>,
                             Sequential<Linear<3, 4, double>, LinearNoBias<4, 5, double>>>);

// Sequentials in a Sequential, names, arrays, ties, frozen layers.
static_assert(std::is_same_v<Inferred<Sequential<Linear<20, 8>, Sequential<Linear<infer, 4>, ReLU, Linear<infer, 5>>,
                                                 Named<"last", Sequential<ReLU, Linear<infer, 2>>>>>,
                             Sequential<Linear<20, 8>, Sequential<Linear<8, 4>, ReLU, Linear<4, 5>>,
                                        Named<"last", Sequential<ReLU, Linear<5, 2>>>>>);
static_assert(std::is_same_v<Inferred<Sequential<Linear<20, 8>, std::array<Linear<infer, 8>, 3>, Linear<infer, 1>>>,
                             Sequential<Linear<20, 8>, std::array<Linear<8, 8>, 3>, Linear<8, 1>>>);
static_assert(
    std::is_same_v<Inferred<Sequential<Linear<4, 8>, Linear<infer, 8>, Linear<infer, 4>, Tied<"0">, Linear<infer, 1>>>,
                   Sequential<Linear<4, 8>, Linear<8, 8>, Linear<8, 4>, Tied<"0">, Linear<8, 1>>>);
static_assert(std::is_same_v<Inferred<Sequential<Frozen<Linear<4, 8>>, Frozen<Linear<infer, 3>, "bias">>>,
                             Sequential<Frozen<Linear<4, 8>>, Frozen<Linear<8, 3>, "bias">>>);

// A struct whose members run in order tells what it gives, and one with a parameter for it takes it.
struct Chain {
  Linear<20, 6> first;
  ReLU relu;
};
template <std::size_t In>
struct Block {
  Linear<In, 12> wide;
  ReLU relu;
  Linear<12, In> narrow;
};
static_assert(std::is_same_v<Inferred<Sequential<Chain, Block<infer>, Linear<infer, 2>>>,
                             Sequential<Chain, Block<6>, Linear<6, 2>>>);

// After a wrong edge the layers behind it are filled in all the same, so that the edge is the mistake that is reported.
static_assert(std::is_same_v<Inferred<Sequential<Linear<20, 8>, Linear<9, 7>, Linear<infer, 2>>>,
                             Sequential<Linear<20, 8>, Linear<9, 7>, Linear<7, 2>>>);

/// A layer of one's own: nothing to do.
template <std::size_t In, std::size_t Out>
struct MyLinear {
  Parameter<float, In, Out> weight;
  Parameter<float, Out> bias;
  auto operator()(auto const& x) const { return relu(matmul(x, weight) + bias); }
};
static_assert(std::is_same_v<Inferred<Sequential<Linear<20, 64>, MyLinear<infer, 8>>>,
                             Sequential<Linear<20, 64>, MyLinear<64, 8>>>);

/// Normalises channels: other parameters than extents, and another extent than the last.
template <class T, std::size_t Channels>
struct ChannelScale {
  static constexpr int input_dimension = 1;
  template <std::size_t N>
  using with_input = ChannelScale<T, N>;
  static constexpr FlowStep flow(Flow const& in) { return {in}; }

  Parameter<T, Channels> factor;
  auto operator()(auto const& x) const { return x; }
};
using Image = Tensor<float, dyn, 1, 28, 28>;
static_assert(std::is_same_v<Inferred<Sequential<ChannelScale<float, infer>, ReLU>, Tensor<float, dyn, 3, 8>>,
                             Sequential<ChannelScale<float, 3>, ReLU>>);

// LeNet's shapes: channels behind channels, and features behind a Flatten.
constexpr ConvOptions padded{.padding = 2};
using LeNet = Inferred<Sequential<Conv2d<infer, 6, 5, padded>, Sigmoid, AvgPool2d<2>, Conv2d<infer, 16, 5>, Sigmoid,
                                  AvgPool2d<2>, Flatten, Linear<infer, 120>, Sigmoid, Linear<infer, 10>>,
                       Image>;
static_assert(
    std::is_same_v<LeNet, Sequential<Conv2d<1, 6, 5, padded>, Sigmoid, AvgPool2d<2>, Conv2d<6, 16, 5>, Sigmoid,
                                     AvgPool2d<2>, Flatten, Linear<16 * 5 * 5, 120>, Sigmoid, Linear<120, 10>>>);
static_assert(std::is_same_v<Inferred<Sequential<Conv2d<4, 6, 3>, Conv2d<infer, 8, 3, {.groups = 2}>>>,
                             Sequential<Conv2d<4, 6, 3>, Conv2d<6, 8, 3, {.groups = 2}>>>);
static_assert(std::is_same_v<Inferred<Sequential<Conv2d<4, 6, 3>, BatchNorm2d<infer>, ReLU>>,
                             Sequential<Conv2d<4, 6, 3>, BatchNorm2d<6>, ReLU>>);
static_assert(std::is_same_v<Inferred<BatchNorm1d<infer>, Tensor<float, dyn, 7>>, BatchNorm1d<7>>);
static_assert(type_name<BatchNorm2d<6>>() == "BatchNorm2d<6>");
static_assert(std::is_same_v<Inferred<Conv1d<infer, 2, 3>, Tensor<float, 5, 9>>, Conv1d<5, 2, 3>>);

/// In a struct the layer before says it.
struct MLP {
  Linear<20, 256> hidden;
  ReLU relu;
  Linear<decltype(hidden)::out_features, 10> output;
};
static_assert(std::is_same_v<decltype(MLP::output), Linear<256, 10>>);

struct Holder {  // an open Sequential that its own layers close, in a struct
  Linear<20, 16> stem;
  Sequential<Linear<16, 8>, Sequential<Linear<infer, 4>, ReLU>, Linear<infer, 3>> body;
};
struct HolderWritten {
  Linear<20, 16> stem;
  Sequential<Linear<16, 8>, Sequential<Linear<8, 4>, ReLU>, Linear<4, 3>> body;
};

template <class A, class B>
void check_same_rows() {
  auto const& a = manifest<A>();
  auto const& b = manifest<B>();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CAPTURE(a[i].key);
    CHECK(a[i].key == b[i].key);
    CHECK(a[i].shape == b[i].shape);
    CHECK(a[i].offset == b[i].offset);
    CHECK(a[i].owner == b[i].owner);
  }
  CHECK(fingerprint_of<A>() == fingerprint_of<B>());
}

}  // namespace

TEST_CASE("a network with infer is the network with its numbers written") {
  check_same_rows<Open, Written>();
  check_same_rows<Holder, HolderWritten>();
  CHECK(summary<Open>() == summary<Written>());

  auto const open = make<Open>(Rng{0});
  auto const written = make<Written>(Rng{0});
  CHECK(structure(open) == structure(written));
  CHECK(std::memcmp(open.get(), written.get(), sizeof(Written)) == 0);
  Tensor<float, dyn, 20> x(3);
  Rng{1}.fill_normal(x.span());
  CHECK(bitwise_equal(open(x), written(x)));

  auto const holder = make<Holder>(Rng{5});
  CHECK(std::memcmp(holder.get(), make<HolderWritten>(Rng{5}).get(), sizeof(Holder)) == 0);
  CHECK(holder->body[1_c][0_c].weight.shape() == Extents{2, {4, 8}});
  CHECK(holder(x).shape() == Extents{2, {3, 3}});
}

TEST_CASE("files of the two are the same bytes and load into each other") {
  auto const open = make<Open>(Rng{3});
  save("open.ashlar", *open);
  save("written.ashlar", *make<Written>(Rng{3}));
  CHECK(ashlar::test::read_file("open.ashlar") == ashlar::test::read_file("written.ashlar"));
  auto const loaded = load<Written>("open.ashlar");
  CHECK(std::memcmp(loaded.get(), open.get(), sizeof(Open)) == 0);
  auto const mapped = map<Open>("written.ashlar");
  CHECK(bitwise_equal(mapped->operator[](2_c).weight, open[2_c].weight));
}

TEST_CASE("a network with infer is trained") {
  auto net = make<Open>(Rng{0});
  auto grads = zeros_like(net);
  Tape tape(*net, *grads);
  Tensor<float, dyn, 20> x(2);
  x.fill(1);
  tape.backward(sum(tape(x)));
  CHECK(grads[2_c].bias(0) == 2);  // the sum over two rows
}

TEST_CASE("a layer of one's own, and a convolution, take what comes") {
  auto const mine = make<Sequential<Linear<20, 64>, MyLinear<infer, 8>>>(Rng{0});
  Tensor<float, dyn, 20> x(2);
  CHECK(mine(x).shape() == Extents{2, {2, 8}});
  CHECK(manifest<Sequential<Linear<20, 64>, MyLinear<infer, 8>>>()[2].shape == Extents{2, {64, 8}});

  auto const lenet = make<LeNet>(Rng{0});
  CHECK(lenet(Image(2)).shape() == Extents{2, {2, 10}});
}
