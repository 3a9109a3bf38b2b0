// tests/io/safetensors_test.cpp, mirrors include/ashlar/io/safetensors*.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/safetensors.hpp>

#include <catch2/catch.hpp>

#include <bit>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "io/models.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/safetensors.hpp"

using namespace ashlar;
using ashlar::test::as_bytes;
using ashlar::test::Dense;
using ashlar::test::make_small;
using ashlar::test::message_of;
using ashlar::test::read_file;
using ashlar::test::SafeTensors;

namespace {

std::string const golden = std::string(ASHLAR_TEST_DATA) + "/safetensors/";

std::string raw(ValueTensor const& t) {
  std::string out(t.size_bytes(), '\0');
  t.copy_to(std::as_writable_bytes(std::span(out)));
  return out;
}

/// A file with this header and data.
std::string file_of(std::string const& header, std::size_t data_bytes) {
  std::string out(8, '\0');
  std::uint64_t const length = header.size();
  std::memcpy(out.data(), &length, 8);
  return out + header + std::string(data_bytes, '\1');
}
std::string entry(std::string const& name, std::string const& dtype, std::string const& shape, int begin, int end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}
std::string refusal(std::string const& header, std::size_t data_bytes) {
  std::string const file = file_of(header, data_bytes);
  return message_of(try_read_safetensors(as_bytes(file)));
}

/// Two layers that are one, as in tests/golden/d2l/shared.json.
struct Twice {
  Named<"0", Dense<4, 8>> first;
  Named<"2", Dense<8, 8>> shared;
  Named<"4", Tied<"2">> again;
  Named<"6", Dense<8, 1>> last;
};

}  // namespace

TEST_CASE("files of the safetensors package are read as an independent reader reads them") {
  auto const index = test::parse_json(read_file(golden + "index.json"));
  for (auto const& file : index["cases"].items) {
    std::string const path = golden + file["file"].string;
    CAPTURE(path);
    auto const value = try_read_safetensors(path);
    std::string const content = read_file(path);
    auto const from_memory = try_read_safetensors(as_bytes(content));
    CHECK(value.has_value() == from_memory.has_value());
    if (file["expect"].string == "refuse") {
      REQUIRE(!value);
      CHECK(value.error().code() == Errc::format);
      CHECK(message_of(value).find(path) == 0);
      continue;
    }
    CHECK(message_of(value) == "no error");
    SafeTensors const truth(path);
    std::size_t tensors = 0;
    for (auto const& [name, t] : value->tensors()) {
      auto const expected = truth[name];
      ++tensors;
      CAPTURE(name);
      CHECK(std::vector<std::size_t>(t.shape().extent.begin(), t.shape().extent.begin() + t.shape().rank) ==
            expected.shape);
      CHECK(raw(t) == std::string(expected.bytes.begin(), expected.bytes.end()));
      CHECK(raw((*from_memory)[name].tensor()) == raw(t));
    }
    CHECK(tensors == truth.names().size());
  }
}

TEST_CASE("values, order, dtypes and metadata of a safetensors file") {
  auto const order = read_safetensors(golden + "order.safetensors");
  CHECK(order["a"].tensor().to_vector<float>() == std::vector<float>{2, 3});
  CHECK(order["b"].tensor().to_vector<float>() == std::vector<float>{1});
  CHECK(order.metadata().is_none());

  auto const mlp = read_safetensors(golden + "mlp.safetensors");
  CHECK(mlp["hidden.weight"].tensor().describe() == "f32 (256, 20)");
  CHECK(mlp.metadata()["note"].as_string() == "text with \"quotes\" and \xc3\xbc");
  CHECK(mlp.metadata()["epoch"].as_string() == "3");
  CHECK(read_safetensors(golden + "no_tensors.safetensors").size() == 0);

  auto const dtypes = read_safetensors(golden + "dtypes.safetensors");
  CHECK(dtypes.size() == 10);
  for (auto const& [name, value] : dtypes.items()) {
    CHECK(name_of(value.tensor().dtype()) == name.as_string());
  }
  auto const small = read_safetensors(golden + "scalar_empty.safetensors");
  CHECK(small.size() == 3);
  std::size_t scalars = 0;
  std::size_t empty = 0;
  for (auto const& [name, t] : small.tensors()) {
    scalars += t.shape().rank == 0 && t.numel() == 1;
    empty += t.shape() == Extents{2, {0, 3}} && t.bytes().empty();
  }
  CHECK(scalars == 1);
  CHECK(empty == 1);
}

TEST_CASE("tensors keep the file mapped, also when it is replaced") {
  auto const net = make_small();
  save_safetensors("kept.safetensors", *net);
  ValueTensor const bias = read_safetensors("kept.safetensors")["first.bias"].tensor();
  save_safetensors("kept.safetensors", *make_small(0, 100));
  auto const expected = net->first.bias.span();
  CHECK(bias.to_vector<float>() == std::vector<float>(expected.begin(), expected.end()));
  CHECK(reinterpret_cast<std::uintptr_t>(bias.bytes().data()) % 4 == 0);
}

TEST_CASE("what is not a safetensors file is refused in words") {
  std::string const a = entry("a", "F32", "[2]", 0, 8);
  CHECK(refusal("{" + a + "}", 8) == "no error");
  CHECK(refusal("{" + a + "}\t \r\n", 8) == "no error");
  CHECK(refusal("{" + a + "," + entry("\\u0061", "F32", "[]", 8, 12) + "}", 12) ==
        "memory: duplicate name: a stands twice in the header");
  CHECK(refusal("{\"__metadata__\":{\"k\":\"v\",\"\\u006b\":\"w\"}}", 0) ==
        "memory: duplicate name: k stands twice in __metadata__");
  CHECK(refusal("{\"__metadata__\":{},\"__metadata__\":{}}", 0) ==
        "memory: invalid safetensors header, byte 27: duplicate name: __metadata__ stands twice");
  CHECK(refusal("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0) ==
        "memory: invalid safetensors header, byte 28: a: duplicate field: dtype stands twice");
  CHECK(refusal(" {" + a + "}", 8) ==
        "memory: invalid safetensors header, byte 8: expected a JSON object, found  {\"a\":{\"dtype\":\"");
  CHECK(refusal("{" + a + "}", 7) ==
        "memory: truncated: a ends at data offset 8, beyond the end of the file, which has 7 bytes of data");
  CHECK(refusal("{" + a + "}", 9) == "memory: 1 trailing bytes, which no tensor covers");
  CHECK(refusal("{" + a + "," + entry("b", "U8", "[4]", 12, 16) + "}", 16) ==
        "memory: bytes 8 to 12 of the data, before b, are a gap: no tensor covers them");
  CHECK(refusal("{" + a + "," + entry("b", "U8", "[4]", 4, 8) + "}", 8) ==
        "memory: b overlaps another tensor, at data offset 4");
  CHECK(refusal("{" + entry("a", "F32", "[3]", 0, 8) + "}", 8) ==
        "memory: invalid safetensors header, byte 13: a: the shape [3] of F32 takes 12 bytes, but data_offsets hold 8");
  CHECK(refusal("{" + entry("a", "F8_E8M0", "[8]", 0, 8) + "}", 8) ==
        "memory: invalid safetensors header, byte 22: a: unknown or unsupported dtype 'F8_E8M0'");
  CHECK(refusal("{" + entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) + "}", 1) ==
        "memory: a: the shape has 9 dimensions, but 8 are supported");
  CHECK(refusal("{" + entry("a", "U8", "[1,1,1,1,1,1,1,1]", 0, 1) + "}", 1) == "no error");
  CHECK(refusal("{" + entry("a", "BOOL", "[3]", 0, 3) + "}", 3) == "no error");
  std::string bools = file_of("{" + entry("a", "BOOL", "[3]", 0, 3) + "}", 3);
  bools.end()[-2] = '\2';
  Value const view = read_safetensors(as_bytes(bools));  // as of a .pt file: refused by who takes them as bool
  CHECK(view["a"].tensor().bytes()[1] == std::byte{2});
  CHECK_THROWS_WITH(view["a"].tensor().as<bool>(), "the tensor bool (3,) has a bool that is neither 0 nor 1");
  CHECK_THROWS_WITH(view["a"].tensor().to_vector<bool>(), "the tensor bool (3,) has a bool that is neither 0 nor 1");
  for (char const* const number : {"-1", "01", "1.0", "1e0", "18446744073709551616", "99999999999999999999", "", "+1",
                                   "\"1\"", "0x1", "true", "1 2"}) {
    CAPTURE(number);
    std::string const header = "{" + entry("a", "U8", "[" + std::string(number) + "x]", 0, 1) + "}";
    CHECK(refusal(header, 1).find("memory: invalid safetensors header, byte ") == 0);
    std::string const plain = "{" + entry("a", "U8", "[" + std::string(number) + ",1]", 0, 1) + "}";
    CHECK(refusal(plain, 1).find("memory: invalid safetensors header, byte ") == 0);
  }
  std::string huge = file_of("", 100'000'000 + 64);
  std::uint64_t const length = 100'000'001;
  std::memcpy(huge.data(), &length, 8);
  CHECK(message_of(try_read_safetensors(as_bytes(huge))) ==
        "memory: the header length, 100000001, exceeds the limit of the format, 100000000");
  CHECK(try_read_safetensors("absent.safetensors").error().code() == Errc::io);
}

TEST_CASE("all escapes of a JSON string, and what is broken in others") {
  std::string const text = R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\uD834\udd1e")";
  std::string const file = file_of("{\"__metadata__\":{" + text + ":" + text + "}}", 0);
  auto const value = read_safetensors(as_bytes(file));
  std::string const decoded = "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e";
  REQUIRE(value.metadata().size() == 1);
  CHECK(value.metadata().items()[0].key.as_string() == decoded);
  CHECK(value.metadata()[decoded].as_string() == decoded);
  // A special character at every distance from the beginning and the end of an eight-byte word.
  for (std::size_t n = 0; n < 40; ++n) {
    for (char const* const bad : {"\x01", "\x80", "\xff", "\\x", "\\u12", "\\ud800", "\\udc00\\ud800", "\xc0\x80"}) {
      std::string const around(n, 'y');
      CAPTURE(n, bad);
      CHECK(refusal("{\"__metadata__\":{\"k\":\"" + around + bad + around + "\"}}", 0).find("header, byte ") !=
            std::string::npos);
    }
    std::string const name = std::string(n, 'y') + "\xc3\xa9\\\\" + std::string(n, 'z');
    CHECK(refusal("{\"__metadata__\":{\"" + name + "\":\"" + name + "\"}}", 0) == "no error");
  }
}

TEST_CASE("a network's state_dict is written as safetensors") {
  auto const net = make_small();
  save_safetensors("net.safetensors", *net, {.metadata = {{"note", "say \"hi\"\n\x01"}}});
  std::string const content = read_file("net.safetensors");
  std::uint64_t length;
  std::memcpy(&length, content.data(), 8);
  CHECK((8 + length) % 64 == 0);
  CHECK(content.substr(8, 16) == "{\"__metadata__\":");

  auto const value = read_safetensors("net.safetensors");
  CHECK(value.metadata()["note"].as_string() == "say \"hi\"\n\x01");
  CHECK(value.metadata()["first.weight"].as_string() == "again");  // the smaller name is kept
  std::size_t tensors = 0;
  for (Row const& row : manifest<test::Small>()) {
    bool const listed = row.kind == Kind::parameter || row.kind == Kind::buffer;
    CAPTURE(row.key);
    if (!listed || row.key == "first.weight") {
      CHECK(value.find(row.key) == nullptr);
      continue;
    }
    ++tensors;
    ValueTensor const& t = value[row.key].tensor();
    CHECK(t.dtype() == row.dtype);
    CHECK(t.shape() == row.shape);
    CHECK(raw(t) == std::string(reinterpret_cast<char const*>(net.get()) + row.offset, row.bytes));
  }
  CHECK(value.size() == tensors);

  save_safetensors("net.safetensors", *net, {.ties_once = false});
  auto const both = read_safetensors("net.safetensors");
  CHECK(both.metadata().is_none());
  CHECK(raw(both["again"].tensor()) == raw(both["first.weight"].tensor()));
}

TEST_CASE("a network with tied layers gives the bytes that safetensors' save_model writes") {
  std::string const path = std::string(ASHLAR_TEST_DATA) + "/d2l/shared.save_model.safetensors";
  auto const value = read_safetensors(path);
  auto const net = std::make_unique<Twice>();
  for (Row const& row : manifest<Twice>()) {
    if (row.is_alias()) continue;
    value[row.key].tensor().copy_to({reinterpret_cast<std::byte*>(net.get()) + row.offset, row.bytes});
  }
  save_safetensors("twice.safetensors", *net);
  CHECK(read_file("twice.safetensors") == read_file(path));
  save_safetensors("twice.safetensors", value);  // the ties are kept
  CHECK(read_file("twice.safetensors") == read_file(path));
}

TEST_CASE("tensors of a list are written, views too") {
  std::vector<float> const numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  auto const storage = std::as_bytes(std::span(numbers));
  ValueTensor const whole(DType::f32, Extents{2, {3, 4}}, storage);
  ValueTensor const transposed(DType::f32, Extents{2, {4, 3}}, {1, 4}, storage, 0);
  ValueTensor const tail(DType::f32, Extents{1, {2}}, {1}, storage, 10);
  ValueTensor const repeated(DType::f32, Extents{2, {2, 2}}, {0, 1}, storage, 1);
  ValueTensor const empty(DType::u16, Extents{2, {0, 7}}, {});
  std::vector<NamedTensor> const list = {{"z", whole},           {"b", transposed}, {"tail", tail}, {"y", whole},
                                         {"repeated", repeated}, {"e", empty},      {"", tail}};
  save_safetensors("list.safetensors", list);
  auto const value = read_safetensors("list.safetensors");
  CHECK(value.size() == 5);
  CHECK(value.metadata().size() == 2);
  CHECK(value.metadata()["z"].as_string() == "y");
  CHECK(value.metadata()["tail"].as_string().empty());
  CHECK(value["y"].tensor().to_vector<float>() == numbers);
  CHECK(value["b"].tensor().to_vector<float>() == std::vector<float>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(value["repeated"].tensor().to_vector<float>() == std::vector<float>{1, 2, 1, 2});
  CHECK(value["e"].tensor().shape() == empty.shape());

  save_safetensors("list.safetensors", list, {.ties_once = false});
  CHECK(read_safetensors("list.safetensors").size() == 7);
}

TEST_CASE("every problem of a list is named, and the old file stays") {
  std::vector<double> const numbers(4);
  auto const storage = std::as_bytes(std::span(numbers));
  ValueTensor const t(DType::f64, Extents{1, {4}}, storage);
  save_safetensors("old.safetensors", std::vector<NamedTensor>{{"a", t}});
  std::string const before = read_file("old.safetensors");
  std::vector<NamedTensor> const bad = {
      {"a", ValueTensor(DType::c128, Extents{1, {2}}, storage)},
      {"__metadata__", t},
      {"\xff", t},
      {"c", t},
      {"c", t},
      {"d", ValueTensor(DType::boolean, Extents{1, {8}}, std::as_bytes(std::span("1234567")))}};
  auto const done =
      try_save_safetensors("old.safetensors", bad, {.metadata = {{"k", "1"}, {"k", "2"}}, .ties_once = false});
  REQUIRE(!done);
  CHECK(done.error().code() == Errc::value);
  CHECK(done.error().headline() == "old.safetensors: cannot save as safetensors");
  CHECK(done.error().problems() ==
        std::vector<std::string>{"the name 'c' stands twice", "a is c128, a dtype that the format does not have",
                                 "d holds a value that is no bool",
                                 "the metadata 'k' stands twice, or is the name of a tied tensor",
                                 "__metadata__ cannot be the name of a tensor", "the name '?' is not UTF-8"});
  CHECK(read_file("old.safetensors") == before);

  Value const nested =
      Value::dict({{Value("model"), Value::dict({{Value("w"), Value(t)}})}, {Value("epoch"), Value(3)}});
  CHECK(message_of(try_save_safetensors("old.safetensors", nested)) ==
        "old.safetensors: cannot save as safetensors: no flat dict of tensors\n"
        "  model: expected a tensor, this is a dict of 1 items\n"
        "  epoch: expected a tensor, this is the integer 3");
  CHECK(message_of(try_save_safetensors("old.safetensors", Value(3))) ==
        "old.safetensors: cannot save as safetensors: expected a dict of tensors, this is the integer 3");
  CHECK(read_file("old.safetensors") == before);

  auto const net = make_small();
  CHECK(message_of(try_save_safetensors("no/such/folder", *net)).find("no/such/folder: cannot open the folder") == 0);
}
