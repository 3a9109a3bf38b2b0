// tests/io/tensors_test.cpp: tensors on disk: one, a list, a struct.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/flat.hpp>
#include <ashlar/io/tensors.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <string>
#include <vector>

using namespace ashlar;

namespace {

struct Pair {
  Tensor<float, dyn, 3> x;
  Tensor<std::int64_t, dyn> labels;
};
struct Nested {
  Pair first;
  std::vector<Pair> more;
  Tensor<bool> flag;
};

static_assert(TensorTree<Pair> && TensorTree<Nested> && TensorTree<std::array<Tensor<float, 2>, 2>>);
static_assert(!TensorTree<int> && !TensorTree<std::vector<int>> && !TensorTree<Parameter<float, 3>>);
struct Net {
  Parameter<float, 3> w;
};
static_assert(!TensorTree<Net>);

Pair make_pair(std::size_t n) {
  Pair p{Tensor<float, dyn, 3>(n), Tensor<std::int64_t, dyn>(n)};
  for (std::size_t i = 0; i < 3 * n; ++i) p.x.data()[i] = static_cast<float>(i) / 4;
  for (std::size_t i = 0; i < n; ++i) p.labels(i) = static_cast<std::int64_t>(i * i);
  return p;
}
bool same(Pair const& a, Pair const& b) { return bitwise_equal(a.x, b.x) && bitwise_equal(a.labels, b.labels); }

}  // namespace

TEST_CASE("a tensor comes back with the extents it had") {
  auto const x = make_pair(5).x;
  save("x.ashlar", x);
  auto const back = load<Tensor<float, dyn, 3>>("x.ashlar");
  CHECK(bitwise_equal(back, x));
  auto const fixed = load<Tensor<float, 5, 3>>("x.ashlar");
  CHECK(fixed(4, 2) == 3.5f);
  CHECK(verify("x.ashlar").ok());

  Tensor<double> scalar;
  scalar.fill(0.5);
  save("scalar.ashlar", scalar);
  CHECK(load<Tensor<double>>("scalar.ashlar").item() == 0.5);

  Tensor<float, dyn> const none(0);
  save("nothing.ashlar", none);
  CHECK(load<Tensor<float, dyn>>("nothing.ashlar").numel() == 0);
}

TEST_CASE("a list of tensors is a list, a struct of them a dictionary, one in the other what you like") {
  std::vector<Tensor<float, dyn, 3>> list;
  for (std::size_t n : {2u, 0u, 7u}) list.push_back(make_pair(n).x);
  for (int i = 0; i < 9; ++i) list.push_back(make_pair(1).x);  // 10 and 11 sort before 2 as text
  save("list.ashlar", list);
  auto const back = load<std::vector<Tensor<float, dyn, 3>>>("list.ashlar");
  REQUIRE(back.size() == 12);
  for (std::size_t i = 0; i < 12; ++i) CHECK(bitwise_equal(back[i], list[i]));

  auto const pair = make_pair(4);
  save("pair.ashlar", pair);
  CHECK(same(load<Pair>("pair.ashlar"), pair));

  Nested nested{make_pair(2), {make_pair(3), make_pair(1)}, {}};
  nested.flag.fill(true);
  save("nested.ashlar", nested);
  auto const n = load<Nested>("nested.ashlar");
  CHECK(same(n.first, nested.first));
  REQUIRE(n.more.size() == 2);
  CHECK(same(n.more[1], nested.more[1]));
  CHECK(n.flag.item());
  auto const file = FlatFile::open("nested.ashlar");
  CHECK(file.find("more.1.labels") != nullptr);
}

TEST_CASE("what does not fit is listed, all of it") {
  save("pair.ashlar", make_pair(4));
  struct Other {
    Tensor<double, dyn, 3> x;
    Tensor<std::int64_t, dyn> targets;
  };
  auto const result = try_load<Other>("pair.ashlar");
  REQUIRE(!result);
  CHECK(result.error().code() == Errc::mismatch);
  CHECK(result.error().problems() == std::vector<std::string>{"x: f32 (4, 3) in the file, but f64 (?, 3) was asked for",
                                                              "targets: not in the file",
                                                              "labels: in the file, and not asked for"});
  CHECK(try_load<Tensor<float, dyn>>("pair.ashlar").error().problems().size() == 3);
  CHECK(try_load<Tensor<float, dyn>>("absent.ashlar").error().code() == Errc::io);
}

TEST_CASE("damage is found before anything is given out") {
  save("x.ashlar", make_pair(5).x);
  std::FILE* const file = std::fopen("x.ashlar", "r+b");
  REQUIRE(file != nullptr);
  std::fseek(file, -70, SEEK_END);
  std::fputc(0x55, file);
  std::fclose(file);
  auto const result = try_load<Tensor<float, dyn, 3>>("x.ashlar");
  REQUIRE(!result);
  CHECK(result.error().code() == Errc::format);
}

TEST_CASE("equal tensors give equal files, wherever they lie") {
  auto const a = make_pair(6);
  auto const unrelated = make_pair(100);
  auto const b = make_pair(6);
  save("a.ashlar", a);
  save("b.ashlar", b);
  auto const x = FlatFile::open("a.ashlar");
  auto const y = FlatFile::open("b.ashlar");
  CHECK(x.fingerprint() == y.fingerprint());
  CHECK(std::memcmp(x.data().data(), y.data().data(), x.data().size()) == 0);
  CHECK(unrelated.x.numel() == 300);
}
