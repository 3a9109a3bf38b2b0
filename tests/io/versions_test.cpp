// tests/io/versions_test.cpp: layers that have changed, and files that hold what they were.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <string>
#include <vector>

using namespace ashlar;

namespace {

namespace v1 {
struct Norm {
  Parameter<float, 4> weight;
  Parameter<float, 4> bias;
  Buffer<float, 4> mean;
  Buffer<float, 4> running_var;
  auto operator()(auto const& x) const { return x; }
};
struct Net {
  Linear<3, 4> in;
  Norm norm;
  Linear<4, 2> out;
};
struct Checkpoint {
  Net model;
  SGD<Net> optimizer;
};
}  // namespace v1

namespace v2 {
struct Norm {  // mean has its full name, and batches are counted
  static constexpr int version = 2;
  Parameter<float, 4> weight;
  Parameter<float, 4> bias;
  Buffer<float, 4> running_mean;
  Buffer<float, 4> running_var;
  Buffer<std::int64_t> num_batches_tracked;
  auto operator()(auto const& x) const { return x; }

  using migration = Migration<v1::Norm, Renamed<"mean", "running_mean">, Filled<"num_batches_tracked", 7>>;
};
struct Net {
  Linear<3, 4> in;
  Norm norm;
  Linear<4, 2> out;
};
struct Checkpoint {
  Net model;
  SGD<Net> optimizer;
};
}  // namespace v2

namespace v3 {
struct Norm {  // keeps the inverse deviation instead of the variance, and no bias
  static constexpr int version = 3;
  Parameter<float, 4> weight;
  Buffer<float, 4> running_mean;
  Buffer<float, 4> inverse;
  Buffer<std::int64_t> num_batches_tracked;
  auto operator()(auto const& x) const { return x; }

  static void invert(v2::Norm const& from, auto to) {
    for (std::size_t i = 0; i < 4; ++i) to(i) = 1 / from.running_var(i);
  }
  using migration = Migration<v2::Norm, Dropped<"bias">,
                              Computed<"inverse", [](auto const& from, auto to) { invert(from, to); }, "running_var">>;
};
struct Net {
  Linear<3, 4> in;
  std::array<Norm, 1> norms;
  Linear<4, 2> out;
};
}  // namespace v3

namespace unmigrated {
struct Norm {
  static constexpr int version = 2;
  Parameter<float, 4> weight;
  auto operator()(auto const& x) const { return x; }
};
struct Net {
  Linear<3, 4> in;
  Norm norm;
  Linear<4, 2> out;
};
}  // namespace unmigrated

struct A {
  Parameter<float, 4> weight;
};
struct B {
  static constexpr int version = 2;
  Parameter<float, 4> weight;
  using migration = Migration<A, Computed<"weight",
                                          [](A const& a, auto to) {
                                            for (std::size_t i = 0; i < 4; ++i) to(i) = a.weight(i) * a.weight(i);
                                          },
                                          "weight">>;
};

Owned<v1::Net> make_old() {
  auto net = make<v1::Net>(Rng{1});
  for (std::size_t i = 0; i < 4; ++i) {
    net->norm.weight(i) = 1 + static_cast<float>(i);
    net->norm.bias(i) = 10 + static_cast<float>(i);
    net->norm.mean(i) = 20 + static_cast<float>(i);
    net->norm.running_var(i) = 30 + static_cast<float>(i);
  }
  return net;
}

template <class T>
bool same(T const& a, T const& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

std::string message_of(Error const& e) { return e.what(); }

}  // namespace

TEST_CASE("a file of an earlier version is brought up to date") {
  auto const old = make_old();
  auto net = make<v2::Net>(Rng{2});
  LoadReport const report = from_bytes(to_bytes(*old), *net);
  CHECK(same(net->in, old->in));
  CHECK(same(net->out, old->out));
  CHECK(same(net->norm.weight, old->norm.weight));
  CHECK(same(net->norm.bias, old->norm.bias));
  CHECK(same(net->norm.running_mean, old->norm.mean));
  CHECK(same(net->norm.running_var, old->norm.running_var));
  CHECK(net->norm.num_batches_tracked() == 7);
  CHECK(report.migrated == std::vector<std::string>{"norm: Norm 1 -> 2"});
  CHECK(report.kept.empty());
  CHECK(report.unused.empty());

  // What is written now is version 2, and is read as such.
  auto again = make<v2::Net>();
  CHECK(from_bytes(to_bytes(*net), *again).migrated.empty());
  CHECK(same(*again, *net));
}

TEST_CASE("migrations follow one another") {
  auto const old = make_old();
  auto net = make<v3::Net>(Rng{2});
  LoadReport const report = from_bytes(to_bytes(*old), *net, {.rename = {{"norm", "norms.0"}}});
  CHECK(report.migrated == std::vector<std::string>{"norms.0: Norm 1 -> 3"});
  CHECK(same(net->norms[0].weight, old->norm.weight));
  CHECK(same(net->norms[0].running_mean, old->norm.mean));
  CHECK(net->norms[0].inverse(2) == 1.0f / 32);
  CHECK(net->norms[0].num_batches_tracked() == 7);
}

TEST_CASE("what an optimizer remembers migrates too, and starts at zero where a layer starts at something") {
  auto old = make<v1::Checkpoint>(Rng{1});
  auto grads = make<v1::Net>(Rng{5});
  grads->norm.weight.fill(3);
  old->optimizer.momentum = 0.9;
  old->optimizer.step(old->model, *grads);
  auto now = make<v2::Checkpoint>();
  LoadReport const report = from_bytes(to_bytes(*old), *now);
  CHECK(report.migrated ==
        std::vector<std::string>{"model.norm: Norm 1 -> 2", "optimizer.momentum_buffer.norm: Norm 1 -> 2"});
  CHECK(same(now->optimizer.momentum_buffer->norm.weight, old->optimizer.momentum_buffer->norm.weight));
  CHECK(now->optimizer.momentum_buffer->norm.weight(0) == 3);
  CHECK(now->optimizer.momentum_buffer->norm.num_batches_tracked() == 0);
  CHECK(now->model.norm.num_batches_tracked() == 7);
}

TEST_CASE("a model may itself have versions") {
  auto net = make<v2::Norm>();
  LoadReport const report = from_bytes(to_bytes(make_old()->norm), *net);
  CHECK(report.migrated == std::vector<std::string>{"Norm 1 -> 2"});
  CHECK(net->running_mean(3) == 23);
}

TEST_CASE("without a migration the error says which versions") {
  auto net = make<unmigrated::Net>(Rng{3});
  auto const before = clone(*net);
  auto const result = try_from_bytes(to_bytes(*make_old()), *net);
  REQUIRE(!result);
  CHECK(result.error().code() == Errc::mismatch);
  CHECK(message_of(result.error())
            .find("norm: the file holds version 1 of Norm, this program has version 2 and no "
                  "migration from version 1") != std::string::npos);
  CHECK(same(*net, *before));
}

TEST_CASE("a file of a later version is refused by name") {
  auto newer = make<v2::Net>(Rng{3});
  auto net = make<v1::Net>(Rng{4});
  auto const before = clone(*net);
  auto const result = try_from_bytes(to_bytes(*newer), *net);
  REQUIRE(!result);
  CHECK(message_of(result.error())
            .find("norm: the file holds version 2 of Norm, which this program knows up to "
                  "version 1") != std::string::npos);
  CHECK(same(*net, *before));
}

TEST_CASE("an earlier version is loaded and not mapped, and the message says so") {
  std::string const path = "earlier.ashlar";
  save(path, *make_old());
  auto const mapped = try_map<v2::Net>(path);
  REQUIRE(!mapped);
  CHECK(message_of(mapped.error()).find("load it and save it again to map it") != std::string::npos);
  CHECK(message_of(mapped.error()).find("norm: Norm 1 -> 2") != std::string::npos);
  CHECK(verify<v2::Net>(path).ok());
  CHECK(!verify<unmigrated::Net>(path).ok());
}

TEST_CASE("a version is part of the layout: the same members with another meaning are not exchanged") {
  CHECK(fingerprint_of<A>() != fingerprint_of<B>());
  A a{};
  a.weight.fill(3);
  B b{};
  (void)from_bytes(to_bytes(a), b);
  CHECK(b.weight(0) == 9);
}

TEST_CASE("files of both versions, written once, are read") {
  std::string const folder = ASHLAR_TEST_DATA "/io/";
  auto const first = load<v1::Net>(folder + "versions_1.ashlar");
  auto const second = load<v2::Net>(folder + "versions_2.ashlar");
  auto const migrated = load<v2::Net>(folder + "versions_1.ashlar");
  CHECK(same(*first, *make_old()));
  CHECK(same(*migrated, *second));
  CHECK(verify(folder + "versions_1.ashlar").ok());
  CHECK(verify(folder + "versions_2.ashlar").ok());
}

TEST_CASE("a partial load takes an earlier version whole, or leaves the layer as it is") {
  struct Part {
    Linear<3, 4> in;
  };
  auto net = make<v2::Net>(Rng{6});
  auto const before = clone(*net);
  auto part = make<Part>(Rng{7});
  LoadReport const report = from_bytes(to_bytes(*part), *net, {.partial = true});
  CHECK(report.migrated.empty());
  CHECK(same(net->in, part->in));
  CHECK(same(net->norm, before->norm));

  struct Half {
    struct Norm {
      Parameter<float, 4> weight;
    } norm;
  };
  auto const result = try_from_bytes(to_bytes(Half{}), *net, {.partial = true});
  REQUIRE(!result);
  CHECK(message_of(result.error()).find("norm: Norm 1 -> 2: cannot be brought up to date without norm.bias") !=
        std::string::npos);
}
