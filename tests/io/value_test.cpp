// tests/io/value_test.cpp, mirrors include/ashlar/io/value.hpp and value_tensor.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/value.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

using ashlar::DType;
using ashlar::Errc;
using ashlar::Error;
using ashlar::Extents;
using ashlar::NamedTensor;
using ashlar::Value;
using ashlar::ValueTensor;

static_assert(sizeof(Value) == 16);

namespace {

/// What the call throws, or "nothing".
std::string thrown(std::function<void()> const& f) {
  try {
    f();
  } catch (Error const& e) {
    return e.what();
  }
  return "nothing";
}

std::vector<float> const twelve = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
std::span<std::byte const> const bytes_of_twelve = std::as_bytes(std::span(twelve));

ValueTensor view(Extents const& shape, ValueTensor::Strides const& strides, std::size_t offset) {
  return {DType::f32, shape, strides, bytes_of_twelve, offset};
}
Value small(float const& number) {
  return Value(ValueTensor(DType::f32, Extents{}, std::as_bytes(std::span(&number, 1))));
}

}  // namespace

TEST_CASE("a contiguous tensor gives its bytes and elements in place") {
  ValueTensor const t(DType::f32, {2, {3, 4}}, bytes_of_twelve);
  CHECK(t.is_contiguous());
  CHECK(t.numel() == 12);
  CHECK(t.bytes().data() == bytes_of_twelve.data());
  CHECK(t.bytes().size() == 48);
  CHECK(t.as<float>().data() == twelve.data());
  CHECK(t.to_vector<float>() == twelve);
  CHECK(t.describe() == "f32 (3, 4)");
  CHECK(thrown([&] { (void)t.as<double>(); }) == "the tensor f32 (3, 4) was asked for as f64");
  std::array<std::byte, 47> small_room{};
  CHECK(thrown([&] { t.copy_to(small_room); }) == "the tensor f32 (3, 4) takes 48 bytes, but there is room for 47");
}

TEST_CASE("strides are honoured, and what is not contiguous is not given out in place") {
  struct Case {
    Extents shape;
    ValueTensor::Strides strides;
    std::size_t offset;
    bool contiguous;
    std::vector<float> expected;
  };
  std::vector<Case> const cases = {
      {{2, {4, 3}}, {1, 4}, 0, false, {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},  // transposed
      {{2, {3, 2}}, {4, 1}, 1, false, {1, 2, 5, 6, 9, 10}},                      // a block
      {{1, {3}}, {4}, 3, false, {3, 7, 11}},                                     // a column
      {{2, {2, 3}}, {0, 1}, 9, false, {9, 10, 11, 9, 10, 11}},                   // expanded
      {{2, {2, 2}}, {0, 0}, 5, false, {5, 5, 5, 5}},                             // of one element
      {{2, {4, 4}}, {2, 1}, 0, false, {0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9}},  // windows
      {{3, {1, 5, 1}}, {77, 1, 99}, 2, true, {2, 3, 4, 5, 6}},                   // strides that mean nothing
      {{3, {2, 3, 2}}, {6, 2, 1}, 0, true, twelve},
      {{3, {2, 2, 3}}, {3, 6, 1}, 0, false, {0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11}},
      {{0, {}}, {}, 7, true, {7}},
      {{2, {0, 3}}, {3, 1}, 0, true, {}},
      {{2, {3, 0}}, {5, 9}, 0, true, {}},
  };
  for (Case const& c : cases) {
    ValueTensor const t = view(c.shape, c.strides, c.offset);
    CAPTURE(t.describe());
    CHECK(t.is_contiguous() == c.contiguous);
    CHECK(t.to_vector<float>() == c.expected);
    for (std::size_t first = 0; first < t.numel(); ++first) {
      for (std::size_t count = 0; first + count <= t.numel(); ++count) {
        std::vector<float> part(count);
        t.copy_part(first, std::as_writable_bytes(std::span(part)));
        CHECK(std::equal(part.begin(), part.end(), c.expected.begin() + static_cast<std::ptrdiff_t>(first)));
      }
    }
    if (c.contiguous) {
      auto const in_place = t.as<float>();
      CHECK(std::vector<float>(in_place.begin(), in_place.end()) == c.expected);
    } else {
      CHECK(thrown([&] { (void)t.bytes(); }).find("is not contiguous") != std::string::npos);
    }
  }
}

TEST_CASE("elements of every size are gathered") {
  std::array<unsigned char, 64> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<unsigned char>(i);
  for (DType const dtype : {DType::u8, DType::f8_e5m2, DType::f16, DType::f32, DType::i64, DType::c64, DType::c128}) {
    std::size_t const size = size_of(dtype);
    ValueTensor const t(dtype, {2, {2, 2}}, {1, 2}, std::as_bytes(std::span(raw)).first(4 * size), 0);
    std::vector<std::byte> out(4 * size);
    t.copy_to(out);
    std::array<std::size_t, 4> const order{0, 2, 1, 3};
    for (std::size_t i = 0; i < 4; ++i) {
      CAPTURE(name_of(dtype), i);
      CHECK(std::memcmp(out.data() + i * size, raw.data() + order[i] * size, size) == 0);
    }
  }
}

TEST_CASE("bools and unaligned elements are given out only where C++ can take them") {
  std::array<unsigned char, 9> raw{1, 0, 2, 1, 0, 0, 0, 0, 0};
  auto const bytes = std::as_bytes(std::span(raw));
  ValueTensor const good(DType::boolean, {1, {2}}, bytes.first(2));
  CHECK(good.as<bool>()[0]);
  CHECK(good.to_vector<bool>() == std::vector<bool>{true, false});
  ValueTensor const bad(DType::boolean, {1, {3}}, bytes.first(3));
  CHECK(thrown([&] { (void)bad.as<bool>(); }) == "the tensor bool (3,) has a bool that is neither 0 nor 1");
  CHECK(thrown([&] { (void)bad.to_vector<bool>(); }) == "the tensor bool (3,) has a bool that is neither 0 nor 1");
  alignas(4) std::array<std::byte, 9> floats{};
  ValueTensor const odd(DType::f32, {1, {2}}, std::span<std::byte const>(floats).subspan(1));
  CHECK(thrown([&] { (void)odd.as<float>(); }).find("is not aligned") != std::string::npos);
  CHECK(odd.to_vector<float>() == std::vector<float>{0, 0});
}

TEST_CASE("tensors know which storage they share, and keep it alive") {
  auto owner = std::make_shared<std::vector<std::byte>>(8);
  std::weak_ptr<void> const alive = owner;
  std::span<std::byte const> const storage(*owner);
  ValueTensor a(DType::f32, {1, {1}}, {1}, storage, 0, owner);
  ValueTensor const b(DType::f32, {1, {1}}, {1}, storage, 1, owner);
  CHECK(a.shares_storage_with(b));
  CHECK_FALSE(a.shares_storage_with(view({1, {1}}, {1}, 0)));
  CHECK_FALSE(ValueTensor().shares_storage_with(ValueTensor()));
  CHECK(ValueTensor().numel() == 0);
  owner.reset();
  CHECK_FALSE(alive.expired());
  a = b;
  CHECK(a.storage_offset() == 1);
  CHECK_FALSE(a.is_parameter());
}

TEST_CASE("a value says what it is") {
  CHECK(Value().is_none());
  CHECK(Value(true).as_bool());
  CHECK(Value(-3).as_int() == -3);
  CHECK(Value(2.5).as_double() == 2.5);
  CHECK(Value(7).as_double() == 7.0);
  CHECK(Value("adam").as_string() == "adam");
  CHECK(Value(DType::bf16).as_dtype() == DType::bf16);
  CHECK(Value::text(Value::Kind::bytes, "\1\2").as_bytes() == "\1\2");
  CHECK(Value::text(Value::Kind::big_integer, "9223372036854775808").as_decimal() == "9223372036854775808");
  CHECK(Value(-5).as_decimal() == "-5");
  for (auto const& [kind, text] : {std::pair(Value::Kind::big_integer, ""), std::pair(Value::Kind::big_integer, "1e9"),
                                   std::pair(Value::Kind::device, "cuda:x"), std::pair(Value::Kind::tensor, "x")}) {
    CHECK_THROWS_AS(Value::text(kind, text), Error);
  }
  CHECK(Value::text(Value::Kind::device, "cuda:0").as_string() == "cuda:0");

  CHECK(thrown([] { (void)Value("adam").as_int(); }) == "an integer was expected, but there is the string 'adam'");
  CHECK(thrown([] { (void)Value(1).as_bool(); }) == "a bool was expected, but there is the integer 1");
  CHECK(thrown([] { (void)Value((std::int64_t{1} << 53) + 1).as_double(); }) ==
        "a float was expected, but there is the integer 9007199254740993");
  CHECK(thrown([] { (void)Value::text(Value::Kind::big_integer, "99999999999999999999").as_int(); }) ==
        "an integer was expected, but there is the integer of more than 64 bits 99999999999999999999");
  CHECK(thrown([] { (void)Value().tensor(); }) == "a tensor was expected, but there is none");
  CHECK(thrown([] { (void)Value(true).elements(); }) == "a list was expected, but there is the bool True");
  CHECK(thrown([] { (void)Value(1.5)["a"]; }) == "a dict was expected, but there is the float 1.5");
  CHECK(thrown([] { (void)Value("\x1b[31m\n").as_int(); }).find("the string '?[31m?'") != std::string::npos);
}

TEST_CASE("containers are looked up by key and by position") {
  std::array<float, 2> const numbers{1, 2};
  Value const state = Value::dict({{Value(0), small(numbers[0])}, {Value(1), small(numbers[1])}});
  Value const groups = Value::list({Value::tuple({Value(0.5), Value()})});
  Value const v =
      Value::dict({{Value("state"), state}, {Value("param_groups"), groups}}, Value::dict({{Value(""), Value(1)}}));
  CHECK(v.size() == 2);
  CHECK(v.items()[0].key.as_string() == "state");
  CHECK(v["state"][1].tensor().as<float>()[0] == 2);
  CHECK(v["param_groups"][0][0].as_double() == 0.5);
  CHECK(v.find("lr") == nullptr);
  CHECK(v["state"].find(7) == nullptr);
  CHECK(v["state"].find("0") == nullptr);
  CHECK(v.metadata()[""].as_int() == 1);
  CHECK(state.metadata().is_none());
  CHECK(Value::dict({}).find("a") == nullptr);
  CHECK(thrown([&] { (void)v["lr"]; }) == "a dict of 2 items has no key 'lr'");
  CHECK(thrown([&] { (void)v["param_groups"][1]; }) == "a list of 1 elements has no element 1");
  CHECK(thrown([&] { (void)v["state"][2]; }) == "a dict of 2 items has no key 2");

  // Keys of all kinds; equal text in other objects is the same key.
  std::vector<ashlar::ValueItem> items;
  for (int i = 0; i < 100; ++i) items.push_back({Value("key " + std::to_string(i)), Value(i)});
  items.push_back({Value::tuple({Value(3), Value(4)}), Value(100)});
  items.push_back({Value(), Value(101)});
  items.push_back({Value(2.5), Value(102)});
  Value const many = Value::dict(std::move(items));
  for (int i = 0; i < 100; ++i) CHECK(many["key " + std::to_string(i)].as_int() == i);
  CHECK(many.find(Value::tuple({Value(3), Value(4)}))->as_int() == 100);
  CHECK(many.find(Value())->as_int() == 101);
  CHECK(many.find(Value(2.5))->as_int() == 102);
  CHECK(many.find(Value(true)) == nullptr);
  CHECK(many.find(Value::tuple({Value(3)})) == nullptr);

  CHECK(thrown([] { (void)Value::dict({{Value("a"), Value(1)}, {Value("a"), Value(2)}}); }) ==
        "a dict has a duplicate key");
  // As in Python, 1 == 1.0 == True.
  CHECK(thrown([] { (void)Value::dict({{Value(1), Value(1)}, {Value("1"), Value(2)}, {Value(true), Value(3)}}); }) ==
        "a dict has a duplicate key");
  CHECK(thrown([] { (void)Value::dict({{Value(-0.0), Value(1)}, {Value(0), Value(2)}}); }) ==
        "a dict has a duplicate key");
  CHECK(Value::dict({{Value(1), Value(1)}, {Value(1.5), Value(2)}, {Value(std::nan("")), Value(3)}}).size() == 3);
  CHECK(Value::dict({{Value(1), Value(7)}}).find(Value(1.0))->as_int() == 7);
  CHECK(thrown([] { (void)Value::dict({{Value::list({}), Value(1)}}); }).find("not a key") == 0);
}

TEST_CASE("tensors are listed by path") {
  std::array<float, 4> const n{0, 1, 2, 3};
  CHECK(small(n[0]).tensors().size() == 1);
  CHECK(small(n[0]).tensors()[0].path.empty());
  CHECK(Value(3).tensors().empty());
  Value const v = Value::dict(
      {{Value("model"), Value::dict({{Value("hidden.weight"), small(n[0])}, {Value("n"), Value(1)}})},
       {Value("lr"), Value(0.1)},
       {Value("state"),
        Value::dict({{Value(0), Value::dict({{Value("exp_avg"), small(n[1])}})}, {Value(-1), small(n[2])}})},
       {Value("list"), Value::list({Value(), Value::tuple({small(n[3])})})}});
  CHECK(v.tensor_count() == 4);
  auto const all = v.tensors();
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < all.size(); ++i) {
    paths.push_back(all[i].path);
    CHECK(all[i].tensor.as<float>()[0] == n[i]);
  }
  CHECK(paths == std::vector<std::string>{"model.hidden.weight", "state.0.exp_avg", "state.-1", "list.1.0"});
}

TEST_CASE("a tree of shared parts is counted, and not written out without a limit") {
  float const number = 1;
  Value empty = Value::list({});
  Value full = Value::list({small(number)});
  for (int i = 0; i < 60; ++i) {
    empty = Value::list({empty, empty});
    full = Value::tuple({full, full});
  }
  CHECK(empty.tensors().empty());
  CHECK(full.tensor_count() == 0xffffffffu);
  CHECK(thrown([&] { (void)full.tensors(); }) == "shared parts that expand to more than 4194304 tensors");

  // A long key on each of many levels: the paths grow with the square.
  Value deep = Value::list({small(number), small(number), small(number), small(number)});
  std::string const key(200000, 'k');
  for (int i = 0; i < 400; ++i) deep = Value::dict({{Value(key), deep}});
  CHECK(thrown([&] { (void)deep.tensors(); }) == "the paths of the tensors exceed 256 MiB");
}

TEST_CASE("a tree is at most 500 deep") {
  Value v = Value(1);
  for (int i = 0; i < 501; ++i) v = Value::list({v});
  CHECK(thrown([&] { (void)Value::list({v}); }) == "nested too deep: more than 500 containers in one another");
  CHECK(thrown([&] { (void)Value::dict({{Value("a"), v}}); }).find("nested too deep") == 0);
}

TEST_CASE("a long part that stands in many places is not walked for ever") {
  std::vector<Value> parts(100000);
  float const one = 1;
  parts.emplace_back(ValueTensor(DType::f32, {}, std::as_bytes(std::span(&one, 1))));
  Value const longish = Value::list(std::move(parts));
  CHECK(longish.tensors().size() == 1);
  Value const some = Value::list(std::vector<Value>(100, longish));
  CHECK(some.tensors().size() == 100);
  CHECK(some.tensors()[99].path == "99.100000");
  Value const many = Value::list(std::vector<Value>(100000, longish));  // 10^10 parts, of 200000
  CHECK_THROWS_WITH(many.tensors(), "shared parts that stand for more than can be looked at");
}
