// tests/nn/streaming_test.cpp, mirrors include/ashlar/nn/streaming.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/streaming.hpp>  // first: shows if the header misses an include

#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/reduce.hpp>

#define ASHLAR_TEST_COUNTED_ELSEWHERE  // in chain_test.cpp, which is of the same program
#include "support/count_allocations.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

using namespace ashlar;

namespace {

constexpr RNNOptions two{.num_layers = 2};

struct Effect {
  LSTM<1, 20> lstm;
  Linear<20, 1> head;
  auto operator()(auto const& x) const { return head(lstm(x).output); }
};

/// Largest difference of h, over all steps, between a layer and Streaming, one by one and in blocks.
template <class L, std::size_t In>
void check_streaming() {
  auto const layer = make<L>(Rng{3});
  Tensor<float, 40, In> x;
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(i % 11) / 4 - 1.2f;
  auto const [y, last] = (*layer)(x);
  Streaming stream(*layer);
  float largest = 0;
  for (std::size_t s = 0; s < 40; ++s) {
    auto const h = stream(View<float const, In>(x.data() + s * In));
    for (std::size_t j = 0; j < h.numel(); ++j) largest = std::max(largest, std::abs(h(j) - y(s, j)));
  }
  CHECK(largest < 4e-6f);  // 40 steps of less than 1e-6, in states that forget
  auto const one_by_one = stream.state();

  stream.reset();
  auto const first = stream(View<float const, 13, In>(x.data()));
  auto const rest = stream(View<float const, dyn, In>(x.data() + 13 * In, detail::make_dims<dyn, In>(27)));
  for (std::size_t j = 0; j < first.numel(); ++j) CHECK(std::abs(first.data()[j] - y.data()[j]) < 4e-6f);
  for (std::size_t j = 0; j < rest.numel(); ++j) {
    CHECK(std::abs(rest.data()[j] - y.data()[first.numel() + j]) < 4e-6f);
  }
  auto const in_blocks = stream.state();
  if constexpr (L::traits::has_c) {
    CHECK(bitwise_equal(in_blocks.h, one_by_one.h));  // a block has the bits of its steps
    CHECK(bitwise_equal(in_blocks.c, one_by_one.c));
  } else {
    CHECK(bitwise_equal(in_blocks, one_by_one));
  }
  stream.reset(last);  // as the layer goes on
  auto const next = stream(View<float const, In>(x.data()));
  auto const expected = (*layer)(View<float const, 1, In>(x.data()), last).output;
  for (std::size_t j = 0; j < next.numel(); ++j) CHECK(std::abs(next(j) - expected(0, j)) < 1e-6f);
}

}  // namespace

TEST_CASE("Streaming gives what the layer gives for the whole sequence") {
  check_streaming<LSTM<1, 20>, 1>();
  check_streaming<LSTM<3, 33, two>, 3>();
  check_streaming<GRU<1, 20, two>, 1>();
  check_streaming<RNN<2, 5, RNNOptions{.nonlinearity = "relu", .bias = false}>, 2>();
}

TEST_CASE("states saturate, and stay finite, for sums that are huge") {
  auto const layer = make<LSTM<1, 4>>(Rng{0});
  Streaming stream(*layer);
  for (float const x : {1e30f, -1e30f, 1e5f, -80.0f, 0.0f}) {
    for (float const h : stream(x)) CHECK((h >= -1 && h <= 1));
  }
}

TEST_CASE("nothing is allocated once a recurrent network is warm") {
  using test::allocations_of;
  auto const net = make<Effect>(Rng{0});
  Streaming stream(net->lstm);
  auto const sample = [&] { (void)net->head(stream(0.5f)); };
  sample();
  CHECK(allocations_of(sample) == 0);
  Tensor<float, dyn, 1> const x(70);
  auto const block = [&] { (void)net->head(stream(x)); };
  block();
  CHECK(allocations_of(block) == 0);
  auto state = net->lstm(Tensor<float, 1, 1>{}).state;  // without Streaming, a step at a time
  auto const step = [&] { state = net->lstm(Tensor<float, 1, 1>{0.5f}, state).state; };
  step();
  CHECK(allocations_of(step) == 0);
  auto const grads = zeros_like(net);
  Tape<Effect> tape(*net, *grads);
  auto const train = [&] { tape.backward(sum(tape(x))); };
  train();
  CHECK(allocations_of(train) == 0);
}
