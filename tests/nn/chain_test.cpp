// tests/nn/chain_test.cpp, mirrors include/ashlar/nn/{chain,sequential,path,make,dropout}.hpp and core/owned.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/chain.hpp>

#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/train/sgd.hpp>

#include "support/count_allocations.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

using namespace ashlar;
using ashlar::test::allocations_of;

namespace {

/// A layer that a user wrote: x * factor. Nothing is registered anywhere.
struct Times {
  Parameter<float> factor;
  auto operator()(auto const& x) const { return x * factor; }
};

template <class X>
Tensor<float, dyn, 2> row(X a, X b) {
  Tensor<float, dyn, 2> x(1);
  x(0, 0) = static_cast<float>(a);
  x(0, 1) = static_cast<float>(b);
  return x;
}

struct Pair {  // runs its members in order
  Times first;
  Times second;
};
struct Everything {
  Pair pair;                                            // a chain in a chain
  std::array<Times, 2> stack;                           // layers of one type
  Sequential<Times, Named<"key", Pair>, Tied<"0">> seq; // named, and the first one again
  Named<"last one", Times> named;
  Tied<"pair.second"> second_again;
  Tied<"stack.1"> element_again;
  Tied<"seq.key"> deep;
  Tied<"seq.key.first"> deeper;
};

struct Twice {  // its own operator(), with C++ in it
  Times layer;
  bool again;
  auto operator()(auto const& x) const {
    auto y = layer(x);
    return again ? layer(y) : y;
  }
};
struct Around {
  Twice twice;
  Times after;
};

struct Two {  // more than one input
  Linear<2, 2> a;
  auto operator()(auto const& x, auto const& y) const { return a(x) + y; }
};

template <class T>
constexpr bool is_chain_of = detail::is_chain<T>();
static_assert(is_chain_of<Pair> && is_chain_of<std::array<Times, 2>> && is_chain_of<Sequential<Times>>);
static_assert(!is_chain_of<Twice> && !is_chain_of<Times> && !is_chain_of<ReLU> && !is_chain_of<Two>);

struct MLP {
  Linear<20, 64> hidden;
  ReLU relu;
  Dropout dropout;
  Linear<64, 10> out;
};
// The result's type is known to the compiler: static stays static, dyn stays dyn.
static_assert(std::is_same_v<decltype(forward(std::declval<MLP const&>(), std::declval<Tensor<float, 20>>())),
                             Tensor<float, 10>>);
static_assert(std::is_same_v<decltype(std::declval<Owned<MLP>&>()(std::declval<Tensor<float, dyn, 20>>())),
                             Tensor<float, dyn, 10>>);

}  // namespace

TEST_CASE("members run in order, whatever they are") {
  auto net = make<Everything>();
  net->pair.first.factor.fill(2);
  net->pair.second.factor.fill(3);
  net->stack[0].factor.fill(5);
  net->stack[1].factor.fill(7);
  using namespace ashlar::literals;
  net->seq[0_c].factor.fill(11);
  net->seq[1_c].first.factor.fill(13);
  net->seq[1_c].second.factor.fill(17);
  net->named.factor.fill(19);
  double const once = 2.0 * 3 * 5 * 7 * (11.0 * 13 * 17 * 11) * 19;
  double const ties = 3.0 * 7 * (13.0 * 17) * 13;
  auto const y = net(row(1, -1));
  CHECK(y(0, 0) == static_cast<float>(once * ties));
  CHECK(y(0, 1) == -static_cast<float>(once * ties));
  CHECK(bitwise_equal(forward(*net, row(1, -1)), y));

  auto const layers = make<Sequential<Times, Times>>();
  layers[0_c].factor.fill(2);
  layers[1_c].factor.fill(4);
  CHECK((*layers)(row(1, 0))(0, 0) == 8);
  CHECK(forward(std::array<Times, 2>{layers[0_c], layers[1_c]}, row(1, 0))(0, 0) == 8);
  CHECK(forward(Sequential<>{}, row(3, 0))(0, 0) == 3);
}

TEST_CASE("a struct with an operator() does as it says, alone and in a chain") {
  Around net{};
  net.twice.layer.factor.fill(3);
  net.after.factor.fill(2);
  CHECK(forward(net, row(1, 0))(0, 0) == 6);
  net.twice.again = true;
  CHECK(forward(net, row(1, 0))(0, 0) == 18);
  Two two{};
  two.a.bias.fill(1);
  CHECK(forward(two, row(1, 0), row(5, 6))(0, 1) == 7);
}

TEST_CASE("handles own one network") {
  auto net = make<MLP>(Rng{1});
  CHECK(net->dropout.p == 0.5);  // a default member initialiser, under zeroed tensors
  MLP* const where = net.get();
  auto moved = std::move(net);
  CHECK(moved.get() == where);
  auto copy = clone(*moved);
  CHECK(copy.get() != where);
  CHECK(std::memcmp(copy.get(), where, sizeof(MLP)) == 0);
  auto const zeros = zeros_like(moved);
  CHECK(zeros->hidden.weight(0, 0) == 0);
  CHECK(zeros->dropout.p == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(where) % 64 == 0);
  CHECK(bitwise_equal(make<MLP>(Rng{1})->out.weight, moved->out.weight));
}

TEST_CASE("each row has the bits it would have in any batch") {
  auto const net = make<MLP>(Rng{3});
  constexpr std::size_t most = 13;
  Tensor<float, dyn, 20> all(most);
  Rng{4}.fill_normal(all.span());
  auto const rows_of = [&](std::size_t first, std::size_t n) {
    Tensor<float, dyn, 20> x(n);
    std::copy_n(all.data() + 20 * first, 20 * n, x.data());
    return net(x);
  };
  auto const reference = rows_of(0, most);
  CHECK(rows_of(0, 0).numel() == 0);
  for (std::size_t n : {2u, 3u, 5u, 6u, 7u, 12u}) {
    for (std::size_t first = 0; first + n <= most; ++first) {
      auto const y = rows_of(first, n);
      CAPTURE(n, first);
      CHECK(std::memcmp(y.data(), reference.data() + 10 * first, 10 * n * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("nothing is allocated once a network is warm") {
  auto net = make<MLP>(Rng{0});
  Tensor<float, dyn, 20> x(9);
  Tensor<std::int64_t, dyn> y(9);
  x.fill(0.25f);
  auto const run_once = [&] { (void)net(x); };
  run_once();
  CHECK(allocations_of(run_once) == 0);
  auto const infer_one = [&] { (void)net(Tensor<float, 20>{}); };
  infer_one();
  CHECK(allocations_of(infer_one) == 0);

  auto grads = zeros_like(net);
  Rng rng{5};
  Tape tape(*net, *grads, rng);
  SGD<MLP> optimizer{.lr = 0.1};
  auto const step = [&] {
    *grads = MLP{};
    tape.backward(cross_entropy(tape(x), y, {.label_smoothing = 0.1}));
    optimizer.step(*net, *grads);
  };
  step();
  CHECK(allocations_of([&] {
          for (int i = 0; i < 5; ++i) step();
        }) == 0);
}

TEST_CASE("nothing is allocated once a network of convolutions is warm") {
  struct Net {
    Conv2d<3, 8, 3, ConvOptions{.padding = 1}> first;
    BatchNorm2d<8> norm;
    ReLU relu;
    Conv2d<8, 2, 1> second;
  };
  auto net = make<Net>(Rng{0});
  Tensor<float, dyn, 3, 9, 11> const x(4);
  auto const run_once = [&] { (void)net(x); };
  run_once();
  CHECK(allocations_of(run_once) == 0);
  auto grads = zeros_like(net);
  Tape tape(*net, *grads);
  auto const step = [&] { tape.backward(sum(tape(x))); };
  step();
  CHECK(allocations_of(step) == 0);
}

TEST_CASE("Dropout drops in training alone, by the tape's Rng, and backwards with the same mask") {
  struct Net {
    Dropout dropout{0.25};
  };
  Net net{}, grads{};
  Tensor<float, dyn> x(40000);
  x.fill(3);
  CHECK(bitwise_equal(net.dropout(x), x));

  Rng rng{7};
  Tape tape(net, grads, rng);
  auto const input = tape.variable(x);
  auto const y = net.dropout(input);
  std::size_t dropped = 0;
  std::size_t scaled = 0;
  for (float const v : y) {
    dropped += v == 0;
    scaled += v == 4;  // 3 / (1 - 0.25)
  }
  CHECK(dropped + scaled == 40000);
  CHECK(std::abs(static_cast<double>(dropped) / 40000 - 0.25) < 0.01);  // 4.6 standard deviations
  Tensor<float, dyn> const kept(y.view());
  tape.backward(sum(y));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < 40000; ++i) wrong += input.grad()(i) != (kept(i) == 0 ? 0.0f : 1 / 0.75f);
  CHECK(wrong == 0);

  // The mask is a function of the Rng's two numbers: from the same counter the same, from the next another.
  auto const mask = [&](Rng at) {
    Tape other(net, grads, at);
    return Tensor<float, dyn>(net.dropout(other.input(x)).view());
  };
  CHECK(bitwise_equal(mask(Rng{7}), kept));
  CHECK(rng.counter != 0);
  CHECK_FALSE(bitwise_equal(mask(rng), kept));

  // Evaluation is the identity, also on a tape; p of 0 and 1 are the ends.
  Tape<Net, Evaluation> evaluation(net, grads);
  CHECK(bitwise_equal(net.dropout(evaluation.input(x)), x));
  net.dropout.p = 0;
  CHECK(bitwise_equal(mask(Rng{1}), x));
  net.dropout.p = 1;
  CHECK(mask(Rng{1})(39999) == 0);

  Tape without(net, grads);
  CHECK_THROWS_WITH(net.dropout(without.input(x)),
                    "Dropout needs random numbers: give the tape an Rng, Tape tape(net, grads, rng)");
  net.dropout.p = 1.5;
  CHECK_THROWS_WITH(mask(Rng{1}), "Dropout takes a probability but p is 1.500000");
}
