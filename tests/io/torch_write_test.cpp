// tests/io/torch_write_test.cpp, mirrors include/ashlar/io/torch_write.hpp.  SPDX-License-Identifier: BSL-1.0
// What PyTorch makes of the files is tested in tests/interop/torch_load.py.
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_write.hpp>

#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "io/models.hpp"
#include "support/file.hpp"

using namespace ashlar;
using ashlar::test::make_small;
using ashlar::test::message_of;
using ashlar::test::read_file;

namespace {

Value dict(std::vector<ValueItem> items) { return Value::dict(std::move(items)); }

/// The value after it was written and read.
Value again(Value const& v) {
  save_torch("again.pt", v);
  return read_torch("again.pt");
}

std::string raw(ValueTensor const& t) {
  std::string out(t.size_bytes(), '\0');
  t.copy_to(std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace

TEST_CASE("a network's state_dict is written and read back as PyTorch has it") {
  auto const net = make_small();
  save_torch("net.pt", *net);
  Value const state = read_torch("net.pt");
  std::vector<std::string_view> keys;
  for (Row const& row : manifest<test::Small>()) {
    if (row.kind != Kind::parameter && row.kind != Kind::buffer) continue;
    keys.push_back(row.key);
    CAPTURE(row.key);
    ValueTensor const& t = state[row.key].tensor();
    CHECK(t.dtype() == row.dtype);
    CHECK(t.shape() == row.shape);
    CHECK(t.is_contiguous());
    CHECK(reinterpret_cast<std::uintptr_t>(t.bytes().data()) % 64 == 0);
    CHECK(raw(t) == std::string(reinterpret_cast<char const*>(net.get()) + row.offset, row.bytes));
  }
  REQUIRE(state.size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) CHECK(state.items()[i].key.as_string() == keys[i]);
  CHECK(state["again"].tensor().shares_storage_with(state["first.weight"].tensor()));
  CHECK_FALSE(state["first.bias"].tensor().shares_storage_with(state["first.weight"].tensor()));

  std::vector<std::string> modules;
  for (auto const& [module, about] : state.metadata().items()) {
    modules.emplace_back(module.as_string());
    CHECK(about["version"].as_int() == 1);
  }
  CHECK(modules == std::vector<std::string>{"", "first", "layers", "layers.0", "layers.1", "block 0"});

  std::string const before = read_file("net.pt");
  save_torch("net.pt", *make_small(0xff));  // other padding
  CHECK(read_file("net.pt") == before);
}

TEST_CASE("trees are written and read back") {
  std::vector<ValueItem> items;
  std::vector<std::int64_t> const integers = {0,
                                              255,
                                              256,
                                              65535,
                                              65536,
                                              -1,
                                              1LL << 31,
                                              -(1LL << 31),
                                              -(1LL << 31) - 1,
                                              std::numeric_limits<std::int64_t>::max(),
                                              std::numeric_limits<std::int64_t>::min()};
  for (std::int64_t const i : integers) items.push_back({Value(i), Value(std::to_string(i))});
  Value const by_number = again(dict(items));
  REQUIRE(by_number.size() == integers.size());
  for (std::int64_t const i : integers) CHECK(by_number.find(i)->as_string() == std::to_string(i));

  for (char const* const digits : {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
                                   "-170141183460469231731687303715884105728"}) {
    CHECK(again(Value::text(Value::Kind::big_integer, digits)).as_decimal() == digits);
  }
  for (double const d : {0.0, -0.0, 0.1, 5e-324, 1e308, HUGE_VAL, -HUGE_VAL}) {
    CHECK(std::bit_cast<std::uint64_t>(again(Value(d)).as_double()) == std::bit_cast<std::uint64_t>(d));
  }
  CHECK(again(Value()).is_none());
  CHECK(again(Value(true)).as_bool());
  CHECK_FALSE(again(Value(false)).as_bool());
  CHECK(again(Value("\xc3\xbc\n")).as_string() == "\xc3\xbc\n");
  CHECK(again(Value(DType::bf16)).as_dtype() == DType::bf16);
  std::string const bytes("\0\x7f\x80\xff", 4);
  CHECK(again(Value::text(Value::Kind::bytes, bytes)).as_bytes() == bytes);
  CHECK(again(Value::text(Value::Kind::device, "cuda:1")).as_string() == "cuda:1");
  CHECK(again(Value::tuple({})).kind() == Value::Kind::tuple);

  Value const shared = Value::list({Value(1), Value::tuple({Value(2), Value(3)})});
  Value const tree = again(Value::list({shared, dict({{Value("x"), shared}, {Value("y"), Value(0.5)}}), shared}));
  CHECK(tree[0][1][1].as_int() == 3);
  CHECK(tree[1]["x"][0].as_int() == 1);
  CHECK(tree[1]["y"].as_double() == 0.5);
}

TEST_CASE("a list that stands in many places is written once") {
  Value v = Value::list({Value("x"), Value("y")});
  for (int i = 0; i < 60; ++i) v = Value::list({v, v});  // 2^60 paths
  save_torch("shared.pt", v);
  CHECK(read_file("shared.pt").size() < 4096);
}

TEST_CASE("views of one storage stay views of one storage") {
  std::vector<float> const numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  auto const storage = std::as_bytes(std::span(numbers));
  ValueTensor const transposed(DType::f32, Extents{2, {4, 3}}, {1, 4}, storage, 0);
  ValueTensor const repeated(DType::f32, Extents{2, {2, 2}}, {0, 1}, storage, 5);
  ValueTensor const as_bytes(DType::u8, Extents{1, {48}}, storage);
  ValueTensor parameter = transposed;
  parameter.set_flags(true, true);
  Value const v = again(dict({{Value("t"), Value(transposed)},
                              {Value("r"), Value(repeated)},
                              {Value("b"), Value(as_bytes)},
                              {Value("p"), Value(parameter)},
                              {Value("e"), Value(ValueTensor(DType::f64, Extents{1, {0}}, {}))}}));
  CHECK(v["t"].tensor().strides()[1] == 4);
  CHECK(v["t"].tensor().to_vector<float>() == std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(v["r"].tensor().to_vector<float>() == std::vector<float>{5, 6, 5, 6});
  CHECK(v["r"].tensor().shares_storage_with(v["t"].tensor()));
  CHECK_FALSE(v["b"].tensor().shares_storage_with(v["t"].tensor()));  // PyTorch has one dtype a storage
  CHECK(raw(v["b"].tensor()) == std::string(reinterpret_cast<char const*>(storage.data()), 48));
  CHECK(v["p"].tensor().is_parameter());
  CHECK(v["p"].tensor().requires_grad());
  CHECK(v["e"].tensor().numel() == 0);
}

TEST_CASE("every dtype is written and read back") {
  std::vector<std::byte> bytes(96);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 2);
  for (int d = 0; d <= static_cast<int>(DType::f8_e5m2); ++d) {
    auto const dtype = static_cast<DType>(d);
    CAPTURE(name_of(dtype));
    ValueTensor const t(dtype, Extents{2, {2, 3}}, std::span(bytes).first(6 * size_of(dtype)));
    Value const v = again(Value(t));
    CHECK(v.tensor().describe() == t.describe());
    CHECK(raw(v.tensor()) == raw(t));
  }
}

TEST_CASE("state_dicts of PyTorch and their metadata survive being read and written") {
  for (char const* const name : {"batchnorm", "tied", "views", "odd_names", "checkpoint_adam", "parameters"}) {
    std::string const path = std::string(ASHLAR_TEST_DATA) + "/pytorch/" + name + ".pt";
    CAPTURE(path);
    Value const original = read_torch(path);
    Value const copy = again(original);
    auto const before = original.tensors();
    auto const after = copy.tensors();
    REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      CAPTURE(before[i].path);
      CHECK(after[i].path == before[i].path);
      CHECK(after[i].tensor.describe() == before[i].tensor.describe());
      CHECK(raw(after[i].tensor) == raw(before[i].tensor));
    }
    CHECK(copy.metadata().is_none() == original.metadata().is_none());
    if (std::string_view(name) == "batchnorm") CHECK(copy.metadata()["bn"]["version"].as_int() == 2);
  }
}

TEST_CASE("what cannot be written is said, and the old file stays") {
  save_torch("old.pt", Value(1));
  std::string const before = read_file("old.pt");
  auto const done = try_save_torch(
      "old.pt",
      dict({{Value("a"), Value("\xff")}, {Value("b"), Value::text(Value::Kind::big_integer, std::string(700, '9'))}}));
  REQUIRE(!done);
  CHECK(done.error().code() == Errc::value);
  CHECK(message_of(done) ==
        "old.pt: cannot save as a .pt file\n  the text '?' is not UTF-8\n  an integer has more than 255 bytes");
  CHECK(read_file("old.pt") == before);
  CHECK(message_of(try_save_torch("no/such/folder", Value(1))).find("no/such/folder: cannot open the folder") == 0);
}
