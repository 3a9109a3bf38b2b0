// tests/nn/transfer_test.cpp: parts of one network in another.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/reflect/transfer.hpp>

#include <catch2/catch.hpp>

#include <cstring>

using namespace ashlar;

namespace {

using Source = Sequential<Linear<4, 8>, ReLU, Linear<8, 6>, ReLU, Linear<6, 2>>;
struct Target {  // another structure, the first two layers the same
  Linear<4, 8> first;
  Tanh tanh;
  Linear<8, 6> second;
  Linear<6, 5> head;
};
struct Backbone {
  Linear<4, 8> a;
  Linear<8, 4> b;
};
struct Classifier {
  Backbone backbone;
  Linear<4, 3> head;
};
struct Detector {
  Linear<2, 4> stem;
  Backbone backbone;
};
struct Tie {
  Linear<4, 4> one;
  Tied<"one"> two;
};
struct Two {
  Linear<4, 4> one;
  Linear<4, 4> two;
};

template <class T>
bool same(T const& a, T const& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

}  // namespace

TEST_CASE("layers go from one structure to another, and the rest stays as it was") {
  auto const from = make<Source>(Rng{1});
  auto to = make<Target>(Rng{2});
  auto const before = clone(*to);
  transfer<"0", "first">(*from, *to);
  transfer<"2", "second">(*from, *to);
  CHECK(same(to->first, from[0_c]));
  CHECK(same(to->second, from[2_c]));
  CHECK(same(to->head, before->head));
}

TEST_CASE("a block keeps its key, and a single tensor is a part too") {
  auto const from = make<Classifier>(Rng{1});
  auto to = make<Detector>(Rng{2});
  auto const before = clone(*to);
  transfer<"backbone.a.bias">(*from, *to);
  CHECK(same(to->backbone.a.bias, from->backbone.a.bias));
  CHECK(same(to->backbone.a.weight, before->backbone.a.weight));
  transfer<"backbone">(*from, *to);
  CHECK(same(to->backbone, from->backbone));
  CHECK(same(to->stem, before->stem));
}

TEST_CASE("the empty key is the whole network, on either side") {
  auto const whole = make<Backbone>(Rng{1});
  auto to = make<Classifier>(Rng{2});
  transfer<"", "backbone">(*whole, *to);
  CHECK(same(to->backbone, *whole));
  auto back = make<Backbone>(Rng{3});
  transfer<"backbone", "">(*to, *back);
  CHECK(same(*back, *whole));
}

TEST_CASE("tied layers fill both of what is not tied") {
  auto const from = make<Tie>(Rng{1});
  auto to = make<Two>(Rng{2});
  transfer<"">(*from, *to);
  CHECK(same(to->one, from->one));
  CHECK(same(to->two, from->one));
}
