// tests/io/torch_test.cpp, mirrors include/ashlar/io/torch.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/decimal.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_write.hpp>

#include "support/json.hpp"
#include "support/safetensors.hpp"
#include "support/zip.hpp"

#include <catch2/catch.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace ashlar;
using ashlar::test::Json;
using ashlar::test::SafeTensors;

namespace {

std::string const folder = std::string(ASHLAR_TEST_DATA) + "/pytorch/";

std::span<std::byte const> bytes_of(std::string const& s) { return std::as_bytes(std::span(s)); }

/// Compares a tree with its description, and tensors with their truth, bit for bit.
class Comparison {
 public:
  explicit Comparison(SafeTensors const* truth) : truth_(truth) {}

  void same(std::string const& at, Value const& v, Json const& expected) {
    using enum Value::Kind;
    INFO("at '" << at << "': " << v.describe());
    std::string const& t = expected["t"].string;
    if (t == "none") {
      CHECK(v.is_none());
    } else if (t == "bool") {
      CHECK(v.as_bool() == (expected["v"].number != 0));
    } else if (t == "int") {
      CHECK(v.as_decimal() == expected["v"].string);
    } else if (t == "float") {
      CHECK(has_bits(v, expected));
    } else if (t == "complex") {
      REQUIRE(v.kind() == complex);
      CHECK(has_bits(v.elements()[0], expected["re"]));
      CHECK(has_bits(v.elements()[1], expected["im"]));
    } else if (t == "str") {
      REQUIRE(v.kind() == string);
      CHECK(v.as_string() == expected["v"].string);
    } else if (t == "bytes") {
      CHECK(base64(v.as_bytes()) == expected["base64"].string);
    } else if (t == "dtype") {
      CHECK(name_of(v.as_dtype()) == expected["v"].string);
    } else if (t == "device") {
      REQUIRE(v.kind() == device);
      CHECK(v.as_string() == expected["v"].string);
    } else if (t == "size") {
      REQUIRE(v.kind() == tuple);
      REQUIRE(v.size() == expected["v"].items.size());
      for (std::size_t i = 0; i < v.size(); ++i)
        CHECK(static_cast<double>(v[i].as_int()) == expected["v"].at(i).number);
    } else if (t == "list" || t == "tuple" || t == "set") {
      REQUIRE(v.kind() == (t == "list" ? list : t == "tuple" ? tuple : set));
      REQUIRE(v.size() == expected["items"].items.size());
      for (std::size_t i = 0; i < v.size(); ++i)
        same(at + "/" + std::to_string(i), v.elements()[i], expected["items"].at(i));
    } else if (t == "dict" || t == "ordered_dict") {
      REQUIRE(v.is_dict());
      REQUIRE(v.size() == expected["items"].items.size());
      for (std::size_t i = 0; i < v.size(); ++i) {
        Json const& pair = expected["items"].at(i);
        same(at + "/key " + std::to_string(i), v.items()[i].key, pair.at(0));
        same(at + "/" + std::to_string(i), v.items()[i].value, pair.at(1));
        CHECK(v.find(v.items()[i].key) == &v.items()[i].value);
      }
      CHECK(v.metadata().is_none() == !expected.has("metadata"));
      if (expected.has("metadata")) same(at + "/_metadata", v.metadata(), expected["metadata"]);
    } else {
      REQUIRE(t == "tensor");
      same_tensor(v.tensor(), expected);
    }
  }

  [[nodiscard]] std::size_t tensors() const { return tensors_; }

 private:
  static bool has_bits(Value const& v, Json const& expected) {
    return std::bit_cast<std::uint64_t>(v.as_double()) == std::strtoull(expected["bits"].string.c_str(), nullptr, 16);
  }
  static std::string base64(std::string_view bytes) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      unsigned group = 0;
      for (std::size_t k = 0; k < 3; ++k)
        group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
      for (std::size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
    return out;
  }

  void same_tensor(ValueTensor const& t, Json const& expected) {
    ++tensors_;
    CHECK(name_of(t.dtype()) == expected["dtype"].string);
    REQUIRE(t.shape().rank == expected["shape"].items.size());
    for (std::size_t d = 0; d < t.shape().rank; ++d) {
      CHECK(static_cast<double>(t.shape()[d]) == expected["shape"].at(d).number);
      CHECK(static_cast<double>(t.strides()[d]) == expected["stride"].at(d).number);
    }
    CHECK(static_cast<double>(t.storage_offset()) == expected["storage_offset"].number);
    CHECK(static_cast<double>(t.storage().size()) == expected["storage_bytes"].number);
    CHECK(t.is_contiguous() == (expected["contiguous"].number != 0));
    CHECK(t.is_parameter() == expected.has("parameter"));
    CHECK(t.requires_grad() == (expected.has("requires_grad") && expected["requires_grad"].number != 0));
    for (auto const& [number, other] : seen_) {
      bool const shared = number == expected["storage"].number && !t.storage().empty();
      CHECK(t.shares_storage_with(other) == shared);
    }
    seen_.emplace_back(expected["storage"].number, t);

    auto const want = (*truth_)[expected["key"].string];
    std::vector<std::byte> got(t.size_bytes());
    t.copy_to(got);
    REQUIRE(got.size() == want.bytes.size());
    CHECK((got.empty() || std::memcmp(got.data(), want.bytes.data(), got.size()) == 0));
    if (t.is_contiguous()) CHECK(t.bytes().size() == got.size());
  }

  SafeTensors const* truth_;
  std::vector<std::pair<double, ValueTensor>> seen_;
  std::size_t tensors_ = 0;
};

std::string error_of(Result<Value> const& r) {
  if (!r) return r.error().what();
  return "no error";
}

}  // namespace

TEST_CASE("every file of PyTorch's is read bit for bit, or refused by name") {
  Json const cases = ashlar::test::parse_json(ashlar::test::read_file(folder + "cases.json"));
  std::size_t loaded = 0;
  std::size_t refused = 0;
  for (Json const& c : cases.items) {
    std::string const name = c["name"].string;
    CAPTURE(name);
    std::string const path = folder + name + ".pt";
    std::string const content = ashlar::test::read_file(path);
    auto const mapped = try_read_torch(path);
    auto const in_memory = try_read_torch(bytes_of(content));
    auto const unchecked = try_read_torch(path, {.check_crc = false});
    CHECK(unchecked.has_value() == (mapped.has_value() || name == "bad_flipped_payload"));
    if (c["expect"].string == "load") {
      ++loaded;
      INFO(error_of(mapped));
      REQUIRE(mapped.has_value());
      SafeTensors const truth(folder + c["truth"].string);
      Comparison from_file(&truth);
      from_file.same("", *mapped, c["value"]);
      CHECK(mapped->tensor_count() == from_file.tensors());
      CHECK(mapped->tensors().size() == from_file.tensors());
      REQUIRE(in_memory.has_value());
      Comparison(&truth).same("", *in_memory, c["value"]);
      REQUIRE(unchecked.has_value());
      Comparison(&truth).same("", *unchecked, c["value"]);
    } else {
      ++refused;
      REQUIRE_FALSE(mapped.has_value());
      CHECK(mapped.error().code() == Errc::format);
      CHECK(error_of(mapped).find(path + ": ") == 0);
      REQUIRE_FALSE(in_memory.has_value());
      CHECK(error_of(in_memory).find("memory: ") == 0);
      if (c.has("must_name")) {
        for (Json const& word : c["must_name"].items) CHECK(error_of(mapped).find(word.string) != std::string::npos);
      }
    }
  }
  CHECK(loaded == 54);
  CHECK(refused == 17);
}

TEST_CASE("stored records are views of the mapped file, and keep it mapped") {
  std::string const content = ashlar::test::read_file(folder + "mlp_zip.pt");
  Value const in_memory = read_torch(bytes_of(content));
  auto const* const begin = reinterpret_cast<std::byte const*>(content.data());
  for (NamedTensor const& t : in_memory.tensors()) {
    auto const bytes = t.tensor.bytes();
    CHECK((bytes.data() >= begin && bytes.data() + bytes.size() <= begin + content.size()));
    CHECK((bytes.data() - begin) % 64 == 0);
  }
  ValueTensor kept;
  {
    Value const v = read_torch(folder + "mlp_zip.pt");
    kept = v["out.bias"].tensor();
  }
  SafeTensors const truth(folder + "mlp_zip.safetensors");
  CHECK(kept.to_vector<float>() == truth.values<float>("out.bias"));
  CHECK(kept.as<float>().size() == 10);
}

TEST_CASE("a state_dict's tensors are listed by their keys") {
  Value const v = read_torch(folder + "checkpoint_adam.pt");
  CHECK(v["epoch"].as_int() >= 0);
  CHECK(v["optimizer"]["param_groups"][0]["lr"].as_double() > 0);
  CHECK(v["optimizer"]["state"][0]["exp_avg"].tensor().dtype() == DType::f32);
  std::vector<std::string> keys;
  for (NamedTensor const& t : v["model"].tensors()) keys.push_back(t.path);
  std::vector<std::string> expected;
  for (ValueItem const& i : v["model"].items()) expected.emplace_back(i.key.as_string());
  CHECK(keys == expected);
  CHECK(v["optimizer"].tensors()[0].path == "state.0.step");
  CHECK(read_torch(folder + "mlp_zip.pt").metadata()["hidden"]["version"].as_int() == 1);
}

TEST_CASE("a flipped bit in a weight is found where CRCs are checked") {
  std::string const path = folder + "bad_flipped_payload.pt";
  CHECK(error_of(try_read_torch(path)).find("record 'mlp_zip/data/0': corrupt: its CRC-32 is") != std::string::npos);
  CHECK(try_read_torch(path, {.check_crc = false}).has_value());
}

TEST_CASE("weights of a network as its package ships them") {
  Value const v = read_torch(folder + "real_pnet.pt");
  SafeTensors const truth(folder + "real_pnet.safetensors");
  auto const tensors = v.tensors();
  CHECK(tensors.size() == 13);
  std::size_t strided = 0;
  for (NamedTensor const& t : tensors) {
    CAPTURE(t.path);
    CHECK(t.tensor.to_vector<float>() == truth.values<float>(t.path));
    strided += t.tensor.is_contiguous() ? 0u : 1u;
  }
  CHECK(strided > 0);
}

TEST_CASE("local headers that lie apart are read through the system as they are in the mapping") {
  using ashlar::test::ZipEntry;
  std::vector<ZipEntry> entries{{.name = "net/data.pkl", .content = "\x80\x02}."}};
  for (std::size_t i = 0; i < 100; ++i) {
    entries.push_back({.name = "net/data/" + std::to_string(i),
                       .content = std::string(i * 37, 'x'),
                       .deflated = i % 3 == 0,
                       .zip64 = i % 5 == 0,
                       .descriptor = i % 7 == 0 ? 24 : 0,
                       .padding = std::string(i * 11, 'Z')});
  }
  for (bool const broken : {false, true}) {
    if (broken) entries[70].local_name = "net/data/7O";
    std::string const content = ashlar::test::zip_bytes({.entries = entries});
    std::FILE* const f = std::fopen("apart.pt", "wb");
    REQUIRE(f != nullptr);
    CHECK(std::fwrite(content.data(), 1, content.size(), f) == content.size());
    std::fclose(f);
    auto const mapped = try_read_torch(std::string("apart.pt"));
    auto const by_system = try_read_torch(std::string("apart.pt"), {.check_crc = false});
    std::remove("apart.pt");
    CHECK(error_of(mapped) == error_of(by_system));
    CHECK_THAT(error_of(mapped), Catch::Contains(broken ? "has another name, 'net/data/7O'" : "no error"));
  }
}

TEST_CASE("the small records of an archive are obeyed") {
  using ashlar::test::Zip;
  using ashlar::test::ZipEntry;
  struct Case {
    std::vector<ZipEntry> entries;
    char const* problem;  // empty: it is read
  };
  ZipEntry const pickle{.name = "net/data.pkl", .content = "\x80\x02}."};
  ZipEntry const version{.name = "net/version", .content = "3\n"};
  std::vector<Case> const cases = {
      {{pickle, version}, ""},
      {{version, pickle, {.name = "net/byteorder", .content = "little"}}, ""},
      {{pickle, version, {.name = "net/.format_version", .content = "1"}}, ""},
      {{pickle, version, {.name = "net/", .content = ""}, {.name = "net/data/", .content = ""}}, ""},
      {{pickle, version, {.name = "net/byteorder", .content = "big"}}, "byteorder is 'big'"},
      {{pickle, version, {.name = "net/byteorder", .content = "\x1b[2J"}}, "byteorder is '?[2J'"},
      {{pickle, version, {.name = "net/.format_version", .content = "2"}}, "unsupported .format_version '2'"},
      {{pickle, {.name = "net/version", .content = "11\n"}}, "unsupported version '11'"},
      {{pickle, {.name = "net/version", .content = "0"}}, "unsupported version '0'"},
      {{pickle, {.name = "net/version", .content = ""}}, "unsupported version ''"},
      {{pickle, {.name = "net/version", .content = std::string(17, '3')}}, "the record version is too large"},
      {{version}, "the record data.pkl is missing in the root folder 'net'"},
      {{pickle, version, {.name = "other/data.pkl", .content = ""}}, "expected in one root folder"},
      {{pickle, version, {.name = "network/data/0", .content = ""}}, "expected in one root folder"},
      {{{.name = "data.pkl", .content = pickle.content}}, "expected in one root folder"},
      {{pickle, version, {.name = "net/constants.pkl", .content = ""}}, "a TorchScript archive"},
      {{pickle, version, {.name = "net/code/__torch__.py", .content = ""}}, "a TorchScript archive"},
      {{{.name = "net/data.pkl", .content = pickle.content + "N."}, version}, "2 trailing bytes behind STOP"},
  };
  for (Case const& c : cases) {
    CAPTURE(c.problem);
    auto const result = try_read_torch(bytes_of(ashlar::test::zip_bytes({.entries = c.entries})));
    CHECK(result.has_value() == (*c.problem == '\0'));
    CHECK_THAT(error_of(result), Catch::Contains(*c.problem == '\0' ? "no error" : c.problem));
  }
}

TEST_CASE("what save_torch writes is what read_torch reads, also when it is large") {
  std::vector<float> numbers(std::size_t{1} << 20);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    auto const scrambled = static_cast<std::uint32_t>(i * 2654435761u);
    numbers[i] = static_cast<float>(scrambled >> 8) * 0x1p-24f - 0.5f;
  }
  auto const storage = std::as_bytes(std::span(numbers));
  Value const big(ValueTensor(DType::f32, {2, {1024, 1024}}, storage));
  Value const transposed(ValueTensor(DType::f32, {2, {1024, 1024}}, {1, 1024}, storage, 0));
  save_torch("big.pt", Value::dict({{Value("w"), big},
                                    {Value("t"), transposed},
                                    {Value("list"), Value::list({Value(1), Value(-0.5), Value(), Value("text")})}}));
  Value const v = read_torch("big.pt");
  std::remove("big.pt");
  auto const read = v["w"].tensor().as<float>();
  CHECK((read.size() == numbers.size() && std::memcmp(read.data(), numbers.data(), storage.size()) == 0));
  CHECK(v["t"].tensor().shares_storage_with(v["w"].tensor()));
  CHECK(v["t"].tensor().to_vector<float>()[1] == numbers[1024]);
  CHECK(v["list"][3].as_string() == "text");
  CHECK(v["list"][1].as_double() == -0.5);
}

TEST_CASE("errors of the system are those of every reader") {
  CHECK(try_read_torch("absent.pt").error().code() == Errc::io);
  CHECK_THROWS_AS(read_torch("."), Error);
  CHECK_THROWS_AS(read_torch(std::span<std::byte const>{}), Error);
}

TEST_CASE("integers of any size are read exactly") {
  auto const decimal = [](std::vector<unsigned> const& raw) {
    std::vector<std::byte> bytes;
    for (unsigned const b : raw) bytes.push_back(static_cast<std::byte>(b));
    return ashlar::detail::decimal_of(bytes);
  };
  CHECK(decimal({}) == "0");
  CHECK(decimal({0}) == "0");
  CHECK(decimal({0xff}) == "-1");
  CHECK(decimal({0x00, 0xca, 0x9a, 0x3b}) == "1000000000");
  CHECK(decimal({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}) == "18446744073709551615");
  CHECK(decimal({0, 0, 0, 0, 0, 0, 0, 0, 0x80}) == "-2361183241434822606848");
  CHECK(decimal(std::vector<unsigned>(255, 0xff)) == "-1");
  std::vector<unsigned> large(255, 0);
  large[250] = 1;  // 2^2000
  std::string const digits = decimal(large);
  CHECK(digits.size() == 603);
  CHECK(digits.substr(0, 20) == "11481306952742545242");
  CHECK(digits.substr(583) == "53762184851149029376");
}
