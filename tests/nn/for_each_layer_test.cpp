// tests/nn/for_each_layer_test.cpp, mirrors include/ashlar/nn/for_each_layer.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/for_each_layer.hpp>

#include <ashlar/nn.hpp>
#include <ashlar/reflect/lookup.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace ashlar;

namespace {

struct Inner {
  Linear<2, 2> first;
  Parameter<float, 2> offset;
};
struct Net {
  Named<"block 0", Sequential<Linear<4, 2>, ReLU>> block;
  std::array<Inner, 2> inner;
  Linear<2, 1, float, false> last;
  Tied<"last"> again;
  Dropout dropout;
  double lr = 0;
};

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("for_each_layer: every layer with its key, children first") {
  auto net = make<Net>();
  Keys keys;
  for_each_layer(*net, [&](auto const&, std::string_view key) { keys.emplace_back(key); });
  CHECK(keys == Keys{"block 0.0", "block 0.1", "block 0", "inner.0.first", "inner.0", "inner.1.first", "inner.1",
                     "inner", "last", "dropout", ""});
}

TEST_CASE("for_each_layer: a function takes the layers it is written for") {
  auto net = make<Net>();
  Keys keys;
  for_each_layer(*net, [&]<std::size_t In, std::size_t Out>(Linear<In, Out>& layer, std::string_view key) {
    layer.bias.fill(static_cast<float>(In));
    keys.emplace_back(key);
  });
  CHECK(keys == Keys{"block 0.0", "inner.0.first", "inner.1.first"});  // `last` has no bias: another type
  CHECK(get<"block 0.0.bias">(*net)(0) == 4);
  CHECK(net->inner[1].first.bias(1) == 2);

  int dropouts = 0;
  for_each_layer(*net, [&](Dropout& layer) {
    layer.p = 0.1;
    ++dropouts;
  });
  CHECK(dropouts == 1);
  CHECK(net->dropout.p == 0.1);
}

TEST_CASE("for_each_layer: layers of a const network are const; a network may be a single layer") {
  auto const net = make<Net>();
  Net const& fixed = *net;
  int count = 0;
  for_each_layer(fixed, [&](Dropout const&) { ++count; });
  Linear<2, 3> layer{};
  for_each_layer(layer, [&](Linear<2, 3>& l, std::string_view key) {
    CHECK(key.empty());
    l.bias.fill(1);
    ++count;
  });
  CHECK(count == 2);
  CHECK(layer.bias(2) == 1);
}
