// tests/io/read_test.cpp: one call that reads every format. SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/printable.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/save_tree.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_write.hpp>

#include "models.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <span>
#include <string>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

namespace {

std::string data(std::string const& name) { return ASHLAR_TEST_DATA "/" + name; }

/// Every tensor: path, dtype, shape and elements.
void check_equal(Value const& a, Value const& b) {
  auto const x = a.tensors();
  auto const y = b.tensors();
  REQUIRE(x.size() == y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(x[i].path == y[i].path);
    CHECK(x[i].tensor.describe() == y[i].tensor.describe());
    CHECK(detail::same_elements(x[i].tensor, y[i].tensor));
  }
}

}  // namespace

TEST_CASE("read is the reader of each format, whatever the name says") {
  for (char const* name : {"pytorch/mlp_zip.pt", "pytorch/mlp_legacy.pt", "pytorch/checkpoint_adam.pt",
                           "pytorch/views_legacy.pt", "pytorch/tensor.pt"}) {
    INFO(name);
    check_equal(read(data(name)), read_torch(data(name)));
    write_file("other.safetensors", as_bytes(read_file(data(name))));
    check_equal(read("other.safetensors"), read_torch(data(name)));
  }
  for (char const* name : {"safetensors/mlp.safetensors", "safetensors/order.safetensors",
                           "safetensors/no_tensors.safetensors", "pytorch/dtypes_all.safetensors"}) {
    INFO(name);
    check_equal(read(data(name)), read_safetensors(data(name)));
    std::string const content = read_file(data(name));
    check_equal(read(as_bytes(content)), read_safetensors(data(name)));
  }
  CHECK(read(data("safetensors/mlp.safetensors")).metadata().is_dict());
  CHECK(read(data("pytorch/checkpoint_adam.pt"))["epoch"].as_int() ==
        read_torch(data("pytorch/checkpoint_adam.pt"))["epoch"].as_int());
}

TEST_CASE("an .ashlar file is a dict of its tensors and scalars, and ties share") {
  auto const small = make_small();
  save("small.ashlar", *small, {.metadata = {{"licence", "CC0"}, {"score", "0.9"}}});
  Value const tree = read("small.ashlar");
  auto const rows = manifest<Small>();
  REQUIRE(tree.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row const& stored = rows[detail::stored_row(rows, i)];
    INFO(rows[i].key);
    CHECK(tree.items()[i].key.as_string() == rows[i].key);
    ValueTensor const& t = tree.items()[i].value.tensor();
    CHECK(t.dtype() == stored.dtype);
    CHECK(t.shape() == stored.shape);
    REQUIRE(t.bytes().size() == stored.bytes);
    CHECK(std::memcmp(t.bytes().data(), reinterpret_cast<std::byte const*>(small.get()) + stored.offset,
                      stored.bytes) == 0);
  }
  CHECK(tree["again"].tensor().shares_storage_with(tree["first.weight"].tensor()));
  CHECK(!tree["first.bias"].tensor().shares_storage_with(tree["first.weight"].tensor()));
  CHECK(tree["step"].tensor().as<std::uint32_t>()[0] == 1000);
  CHECK(tree.metadata()["licence"].as_string() == "CC0");
  CHECK(tree.metadata()["score"].as_string() == "0.9");
  CHECK(read(data("io/small.ashlar")).is_dict());
}

TEST_CASE("tensors outlive the tree and the path") {
  save("short.ashlar", *make_small());
  ValueTensor const weight = read("short.ashlar")["first.weight"].tensor();
  std::remove("short.ashlar");
  CHECK(weight.as<float>()[0] == make_small()->first.weight(0, 0));
}

TEST_CASE("damage in an .ashlar file is found") {
  auto bytes = to_bytes(*make_small());
  bytes.at(4096) ^= std::byte{1};  // of the step
  auto const result = try_read(std::span<std::byte const>(bytes));
  REQUIRE(!result);
  CHECK(result.error().code() == Errc::format);
  CHECK(message_of(result).find("the data is damaged") != std::string::npos);
  bytes.at(4096) ^= std::byte{1};
  CHECK(try_read(std::span<std::byte const>(bytes)));
  bytes.pop_back();
  CHECK(message_of(try_read(std::span<std::byte const>(bytes))).find("cut off") != std::string::npos);
}

TEST_CASE("what is said of a file has no character that commands a terminal or turns the text around") {
  float const one = 1;
  ValueTensor const t(DType::f32, {}, std::as_bytes(std::span(&one, 1)));
  std::string const key = "a\xc2\x9b\xe2\x80\xae\xd8\x9c\xe2\x81\xa6\xef\xbb\xbf\xc3\xa9";  // the last is a letter
  save_tree("odd.ashlar", std::vector<TreeEntry>{{key, t}});
  std::string flipped = read_file("odd.ashlar");
  flipped[4096] ^= 1;
  CHECK(message_of(try_read(as_bytes(flipped))) ==
        "memory: the data is damaged\n  a?????\xc3\xa9 is damaged: its checksum does not fit");
  CHECK(detail::printable(std::string(300, '\x9b')) == std::string(197, '?') + "...");
}

TEST_CASE("what is none of the formats is refused with a list of them") {
  std::string const what =
      "neither an .ashlar file, nor one of PyTorch (a zip archive or a pickle), nor .safetensors: the first bytes are "
      "of "
      "none of these";
  CHECK(message_of(try_read(as_bytes("hello, world, this is text"))) == "memory: " + what);
  CHECK(message_of(try_read(data("pytorch/bad_not_pt.pt"))) == data("pytorch/bad_not_pt.pt") + ": " + what);
  CHECK(message_of(try_read(std::span<std::byte const>())) == "memory: the file is empty");
  // What could be a damaged .safetensors is looked at as one.
  CHECK(message_of(try_read(as_bytes("\x57"))) ==
        "memory: " + what +
            "\n  as .safetensors: not a safetensors file, or truncated: 1 bytes, but the length of the " +
            "header alone takes 8");
  std::string const list("\x02\0\0\0\0\0\0\0[]", 10);
  CHECK_THAT(message_of(try_read(as_bytes(list))),
             Catch::Contains("as .safetensors: invalid safetensors header, byte"));
  write_file("list.safetensors", as_bytes(list));
  CHECK_THAT(message_of(try_read("list.safetensors")),
             Catch::StartsWith("list.safetensors: invalid safetensors header"));
  auto small = make_small();
  CHECK_THAT(message_of(try_load("list.safetensors", *small)),
             Catch::StartsWith("list.safetensors: invalid safetensors header"));
  CHECK(try_read("no/such/file.pt").error().code() == Errc::io);
}

TEST_CASE("damaged files are named by the format they begin as") {
  auto const name_of_error = [](std::string const& path) {
    auto const result = try_read(path);
    return message_of(result);
  };
  CHECK(name_of_error(data("pytorch/bad_truncated_legacy.pt")).find("truncated") != std::string::npos);
  CHECK(name_of_error(data("pytorch/torchscript.pt")).find("TorchScript") != std::string::npos);
  CHECK(name_of_error(data("safetensors/bad_header_length.safetensors")).find("neither") == std::string::npos);
  CHECK(name_of_error(data("safetensors/bad_json.safetensors")).find("neither") == std::string::npos);
  // A header of 640 bytes begins as a pickle does, with 80 02.
  std::string header = "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  header.resize(640, ' ');
  std::string const file = std::string("\x80\x02\0\0\0\0\0\0", 8) + header + "x";
  CHECK(read(as_bytes(file))["t"].tensor().numel() == 1);
}
