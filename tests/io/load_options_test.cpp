// tests/io/load_options_test.cpp: partial loads, prefixes, renames.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>
#include <ashlar/io/renamed_rows.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <string>
#include <vector>

using namespace ashlar;

namespace {

struct Backbone {
  Linear<4, 8> a;
  Linear<8, 8> b;
};
struct Classifier {
  Backbone backbone;
  Linear<8, 3> head;
};
struct Detector {
  Backbone backbone;
  Linear<8, 5> boxes;
};
struct Module {
  struct Inner {
    Classifier _orig_mod;
  } module;
};

template <class T>
bool same(T const& a, T const& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}
using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("a partial load fills what both have, and says what stayed as it was") {
  auto const from = make<Classifier>(Rng{1});
  auto to = make<Detector>(Rng{2});
  auto const before = clone(*to);
  LoadReport const report = from_bytes(to_bytes(*from), *to, {.partial = true});
  CHECK(report.loaded == Keys{"backbone.a.weight", "backbone.a.bias", "backbone.b.weight", "backbone.b.bias"});
  CHECK(report.kept == Keys{"boxes.weight", "boxes.bias"});
  CHECK(report.unused == Keys{"head.weight", "head.bias"});
  CHECK(same(to->backbone, from->backbone));
  CHECK(same(to->boxes, before->boxes));
}

TEST_CASE("a partial load does not excuse other shapes, and changes nothing then") {
  struct Other {
    struct {
      Linear<4, 9> a;
    } backbone;
  };
  auto to = make<Detector>(Rng{2});
  auto const before = clone(*to);
  auto const result = try_from_bytes(to_bytes(*make<Other>(Rng{1})), *to, {.partial = true});
  REQUIRE(!result);
  CHECK(result.error().problems().size() == 2);
  CHECK(std::string(result.error().what()).find("size mismatch for backbone.a.weight") != std::string::npos);
  CHECK(same(*to, *before));
}

TEST_CASE("prefixes are taken off for as long as one fits") {
  auto from = make<Module>(Rng{1});
  auto const bytes = to_bytes(*from);
  auto to = make<Classifier>();
  auto const without = try_from_bytes(bytes, *to);
  REQUIRE(!without);
  CHECK(
      std::string(without.error().what())
          .find("the file has \"module._orig_mod.\" in front of every key that is missing: LoadOptions{.strip_prefix = "
                "{\"module._orig_mod.\"}} takes it off") != std::string::npos);
  (void)from_bytes(bytes, *to, {.strip_prefix = {"_orig_mod.", "module."}});
  std::string often;  // a front that a key has a million times
  for (int i = 0; i < 1'000'000; ++i) often += "module.";
  CHECK(detail::renamed_key(often + "weight", LoadOptions{.strip_prefix = {"module."}, .rename = {{"weight", "w"}}}) ==
        "w");
  CHECK(same(*to, from->module._orig_mod));
}

TEST_CASE("renames move a layer, take a part, or put a file under a key") {
  auto const from = make<Classifier>(Rng{1});
  auto to = make<Detector>(Rng{2});
  struct Net {
    Backbone trunk;
    Linear<8, 3> top;
  };
  auto net = make<Net>();
  (void)from_bytes(to_bytes(*from), *net, {.rename = {{"backbone", "trunk"}, {"head", "top"}}});
  CHECK(same(net->trunk, from->backbone));
  CHECK(same(net->top, from->head));

  auto part = make<Backbone>();
  LoadReport const report = from_bytes(to_bytes(*from), *part, {.partial = true, .rename = {{"backbone", ""}}});
  CHECK(same(*part, from->backbone));
  CHECK(report.unused == Keys{"head.weight", "head.bias"});
  CHECK(report.kept.empty());

  auto const whole = make<Backbone>(Rng{5});
  (void)from_bytes(to_bytes(*whole), *to, {.partial = true, .rename = {{"", "backbone"}}});
  CHECK(same(to->backbone, *whole));
}

TEST_CASE("only whole parts of a key are renamed") {
  struct A {
    Parameter<float, 2> fc;
    Parameter<float, 2> fc2;
  };
  struct B {
    Parameter<float, 2> head;
    Parameter<float, 2> fc2;
  };
  A a{};
  a.fc2.fill(2);
  B b{};
  (void)from_bytes(to_bytes(a), b, {.rename = {{"fc", "head"}}});
  CHECK(b.fc2(0) == 2);
}

TEST_CASE("two tensors that would get one key are an error") {
  auto to = make<Detector>(Rng{2});
  auto const result = try_from_bytes(to_bytes(*make<Backbone>(Rng{1})), *to, {.partial = true, .rename = {{"a", "b"}}});
  REQUIRE(!result);
  CHECK(std::string(result.error().what()).find("a.bias and b.bias both become b.bias") != std::string::npos);
}

TEST_CASE("a layer of a network can be the target of a load") {
  auto const saved = make<Backbone>(Rng{1});
  auto net = make<Classifier>(Rng{2});
  auto const before = clone(*net);
  (void)from_bytes(to_bytes(*saved), net->backbone);
  CHECK(same(net->backbone, *saved));
  CHECK(same(net->head, before->head));
}

TEST_CASE("another unit's <ashlar/io/read.hpp> lets this one load PyTorch's files") {
  struct Net {
    Linear<4, 8> hidden;
    Linear<8, 3> out;
  };
  auto const net = load<Net>(ASHLAR_TEST_DATA "/pytorch/checkpoint_adam.pt", {.at = "model"});
  CHECK(net->hidden.weight(0, 0) != 0);
  CHECK(net->out.bias(2) != 0);
}
