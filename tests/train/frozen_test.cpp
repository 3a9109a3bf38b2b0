// tests/train/frozen_test.cpp: parts of a network that training leaves as they are.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/file.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/nn/summary.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/train.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <string>
#include <vector>

using namespace ashlar;

namespace {

struct Backbone {
  Linear<5, 7> a;
  Tanh tanh;
  Linear<7, 3> b;
};
struct Net {
  Backbone backbone;
  Tanh tanh;
  Linear<3, 2> head;
};
struct FrozenMember {  // by type
  Frozen<Backbone> backbone;
  Tanh tanh;
  Linear<3, 2> head;
};
using FrozenKeys = Frozen<Net, "backbone.a", "head.bias">;  // by key

template <class N>
auto input() {
  Tensor<float, dyn, 5> x(6);
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = 0.1f * static_cast<float>(i % 11) - 0.4f;
  return x;
}

template <class N, class Optimizer>
Owned<N> trained(Optimizer& optimizer, int steps) {
  auto net = make<N>(Rng{3});
  auto grads = zeros_like(net);
  auto const x = input<N>();
  for (int s = 0; s < steps; ++s) {
    Tape tape(*net, *grads);
    tape.backward(mean(square(tape(x))));
    optimizer.step(*net, *grads);
    zero_grad(*grads);
  }
  return net;
}

template <class N>
std::vector<std::string> changed(N const& a, N const& b) {
  std::vector<std::string> keys;
  for (Row const& row : manifest<N>()) {
    auto const at = [&](N const& n) { return reinterpret_cast<std::byte const*>(&n) + row.offset; };
    if (std::memcmp(at(a), at(b), row.bytes) != 0) keys.emplace_back(row.key);
  }
  return keys;
}

template <class Optimizer>
std::vector<std::string> tensors_of_state() {
  std::vector<std::string> keys;
  for (Row const& row : manifest<Optimizer>()) {
    if (row.kind == Kind::buffer) keys.emplace_back(row.key);
  }
  return keys;
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("a frozen member stays, and the rest trains as if it were not there") {
  Adam<FrozenMember> optimizer{.lr = 0.01};
  auto const net = trained<FrozenMember>(optimizer, 1);
  auto const start = make<FrozenMember>(Rng{3});
  CHECK(changed(*net, *start) == Keys{"head.weight", "head.bias"});

  // One step, in which the gradients are those of the network without anything frozen.
  Adam<Net> all{.lr = 0.01};
  auto const free = trained<Net>(all, 1);
  CHECK(std::memcmp(&net->head, &free->head, sizeof net->head) == 0);
}

TEST_CASE("keys freeze parts of a network that knows nothing of it") {
  SGD<FrozenKeys> optimizer{.lr = 0.1, .momentum = 0.9};
  auto const net = trained<FrozenKeys>(optimizer, 3);
  CHECK(changed(*net, *make<FrozenKeys>(Rng{3})) == Keys{"backbone.b.weight", "backbone.b.bias", "head.weight"});
  Net const& plain = *net;  // it is one
  CHECK(std::memcmp(&plain, net.get(), sizeof plain) == 0);
}

TEST_CASE("what is frozen has no gradient and no state in an optimizer") {
  auto net = make<FrozenMember>(Rng{3});
  auto grads = zeros_like(net);
  Tape tape(*net, *grads);
  tape.backward(mean(square(tape(input<FrozenMember>()))));
  auto const zero = make_zeros<FrozenMember>();
  CHECK(changed(*grads, *zero) == Keys{"head.weight", "head.bias"});

  CHECK(tensors_of_state<SGD<FrozenMember>>() == Keys{"momentum_buffer.head.weight", "momentum_buffer.head.bias"});
  CHECK(tensors_of_state<Adam<FrozenKeys>>() == Keys{"exp_avg.backbone.b.weight", "exp_avg.backbone.b.bias",
                                                     "exp_avg.head.weight", "exp_avg_sq.backbone.b.weight",
                                                     "exp_avg_sq.backbone.b.bias", "exp_avg_sq.head.weight"});
  CHECK(sizeof(Adam<FrozenMember>) < 64 + 2 * sizeof(FrozenMember::head) + 64);
}

TEST_CASE("moments without the frozen parts lead to the same numbers") {
  // The same gradients for both: what Adam does to the head does not depend on where its moments lie.
  auto grads = make<Net>(Rng{8});
  auto net = make<Net>(Rng{9});
  auto frozen = make_zeros<FrozenKeys>();
  std::memcpy(static_cast<void*>(frozen.get()), net.get(), sizeof(Net));
  auto frozen_grads = make_zeros<FrozenKeys>();
  std::memcpy(static_cast<void*>(frozen_grads.get()), grads.get(), sizeof(Net));
  auto const compare = [&](auto&& all, auto&& part) {
    for (int step = 0; step < 3; ++step) {
      all.step(*net, *grads);
      part.step(*frozen, *frozen_grads);
    }
    for (char const* key : {"backbone.b.weight", "backbone.b.bias", "head.weight"}) {
      CAPTURE(key);
      auto const a = find(*net, key).as<float>();
      auto const b = find(*frozen, key).as<float>();
      CHECK(std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
    }
  };
  compare(AdamW<Net, true>{.lr = 0.01}, AdamW<FrozenKeys, true>{.lr = 0.01});
  compare(SGD<Net>{.lr = 0.1, .momentum = 0.5, .nesterov = true},
          SGD<FrozenKeys>{.lr = 0.1, .momentum = 0.5, .nesterov = true});
  compare(RMSprop<Net>{.lr = 0.01}, RMSprop<FrozenKeys>{.lr = 0.01});
}

TEST_CASE("a checkpoint with frozen parts resumes, and its network is a file of the plain network") {
  struct Checkpoint {
    FrozenKeys model;
    Adam<FrozenKeys> optimizer;
  };
  auto checkpoint = make<Checkpoint>(Rng{4});
  auto grads = make<FrozenKeys>(Rng{5});
  checkpoint->optimizer.step(checkpoint->model, *grads);
  auto const bytes = to_bytes(*checkpoint);
  auto resumed = make<Checkpoint>();
  from_bytes(bytes, *resumed);
  CHECK(std::memcmp(resumed.get(), checkpoint.get(), sizeof(Checkpoint)) == 0);
  resumed->optimizer.step(resumed->model, *grads);
  checkpoint->optimizer.step(checkpoint->model, *grads);
  CHECK(std::memcmp(resumed.get(), checkpoint.get(), sizeof(Checkpoint)) == 0);

  CHECK(fingerprint_of<FrozenKeys>() == fingerprint_of<Net>());
  auto net = make<Net>();
  from_bytes(to_bytes(resumed->model), *net);
  CHECK(std::memcmp(net.get(), &resumed->model, sizeof(Net)) == 0);
}

TEST_CASE("of tied keys each freezes all") {
  struct Ties {
    Linear<4, 4> one;
    Tied<"one"> two;
    Linear<4, 4> three;
  };
  Keys frozen;
  for (Row const& row : manifest<Frozen<Ties, "two.weight">>()) {
    if (row.frozen) frozen.emplace_back(row.key);
  }
  CHECK(frozen == Keys{"one.weight", "two.weight"});
  CHECK(tensors_of_state<SGD<Frozen<Ties, "two">>>() ==
        Keys{"momentum_buffer.three.weight", "momentum_buffer.three.bias"});
}

TEST_CASE("a summary says what is frozen, and how much is trained") {
  std::string const text = summary<FrozenKeys>();
  CHECK(text.find("parameter, frozen") != std::string::npos);
  std::string const last = text.substr(text.rfind("trained"));
  CHECK(last.find(" 30 ") != std::string::npos);  // 7 * 3 + 3 and 3 * 2
  CHECK(summary<Net>().find("trained") == std::string::npos);
}
