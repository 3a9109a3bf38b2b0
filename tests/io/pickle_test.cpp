// tests/io/pickle_test.cpp, mirrors include/ashlar/io/pickle.hpp and torch_unpickler.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_unpickler.hpp>
#include <ashlar/io/torch_write.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace ashlar;
using namespace std::string_literals;

namespace {

/// A pickle of protocol 2 without its STOP.
std::string const proto = "\x80\x02"s;

std::string word(std::string const& s) {
  std::string out = "X";
  auto const length = static_cast<std::uint32_t>(s.size());
  out.append(reinterpret_cast<char const*>(&length), 4);
  return out + s;
}
std::string global(std::string const& module, std::string const& name) { return "c" + module + "\n" + name + "\n"; }
std::string small(int i) { return "K"s + static_cast<char>(i); }
std::string const rebuild = global("torch._utils", "_rebuild_tensor_v2");
std::string const hooks = global("collections", "OrderedDict") + ")R";
std::string storage(std::string const& type, std::string const& key, int elements) {
  return "(" + word("storage") + type + word(key) + word("cpu") + small(elements) + "tQ";
}
std::string const floats = storage(global("torch", "FloatStorage"), "0", 6);
/// _rebuild_tensor_v2 of 6 floats, shape (2, 3).
std::string const tensor = rebuild + "(" + floats + small(0) + small(2) + small(3) + "\x86" + small(3) + small(1) +
                           "\x86" + "\x89" + hooks + "tR";

Result<Value> run(std::string const& pickle) {
  detail::TorchUnpickler unpickler(std::as_bytes(std::span(pickle)), "x", 0, false);
  return unpickler.run();
}
std::string error_of(std::string const& pickle) {
  auto const result = run(pickle);
  return result ? "accepted: " + result->describe() : result.error().what();
}
Value value_of(std::string const& pickle) { return run(proto + pickle + ".").value(); }

}  // namespace

TEST_CASE("numbers are read with their sign and size") {
  CHECK(value_of("K\xff").as_int() == 255);
  CHECK(value_of("M\x01\x80").as_int() == 32769);
  CHECK(value_of("J\xfe\xff\xff\xff").as_int() == -2);
  CHECK(value_of("\x8a\x00"s).as_int() == 0);
  CHECK(value_of("\x8a\x01\x80").as_int() == -128);
  CHECK(value_of("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f").as_int() == INT64_MAX);
  CHECK(value_of("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00"s).as_int() == INT64_MAX);
  CHECK(value_of("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\xff"s).as_int() == INT64_MIN);
  CHECK(value_of("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00"s).as_decimal() == "9223372036854775808");
  CHECK(value_of("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\xff"s).as_decimal() == "-9223372036854775809");
  CHECK(value_of("G\x40\x09\x21\xfb\x54\x44\x2d\x18").as_double() == 3.141592653589793);
}

TEST_CASE("what a pickle says of a tensor is the tensor") {
  Value const v = value_of(tensor);
  CHECK(v.tensor().describe() == "f32 (2, 3)");
  CHECK(v.tensor_count() == 1);
  CHECK(value_of("]" + tensor + "a").tensor_count() == 1);
}

TEST_CASE("an OrderedDict is read as Python 2 wrote it: made of a list of pairs, with attributes") {
  std::string const made =
      global("collections", "OrderedDict") + "](" + "](U\x01" + "aK\x01" + "e" + "](U\x01" + "bK\x02" + "ee\x85R";
  Value const v = value_of(made + "}" + word("_metadata") + "Nsb");
  REQUIRE(v.size() == 2);
  CHECK(v.items()[0].key.as_string() == "a");
  CHECK(v["b"].as_int() == 2);
  CHECK(value_of(global("collections", "OrderedDict") + "](NK\x01\x86" + "e\x85R").find(Value())->as_int() == 1);
}

TEST_CASE("a tensor may stand in many places of a list") {
  std::string list = tensor + "q\x01]q\x02(";
  for (int i = 0; i < 1000; ++i) list += "h\x01";
  CHECK(value_of(list + "e\x86")[1].tensors().size() == 1000);
}

TEST_CASE("names and opcodes outside the list are refused where they stand") {
  CHECK(error_of(proto + "}" + global("os", "system") + ".")
            .find("x: at byte 3 (opcode GLOBAL, 0x63): the global os.system is not allowed") == 0);
  CHECK(error_of(proto + global("torch.nn.modules.linear", "Linear")).find("save its state_dict() instead") !=
        std::string::npos);
  CHECK(error_of(proto + "0.") == "x: at byte 2 (opcode POP, 0x30): this opcode is not allowed in plain weights");
  CHECK(error_of(proto + "\xfe") == "x: at byte 2 (opcode 0xfe): this opcode is not allowed in plain weights");
  CHECK(error_of("\x80\x06N.") ==
        "x: at byte 0 (opcode PROTO, 0x80): pickle protocol 6 is unsupported: 2, which PyTorch writes, to 5 are known");
  CHECK(error_of("N.").find("does not begin with the opcode PROTO") != std::string::npos);
}

TEST_CASE("what later protocols write in the place of opcodes of protocol 2 is read") {
  // pickle.dumps([{1, "s"}, b"b", bytearray(b"c"), torch.Size([2]), "s"], 5), but for PyTorch's name of Size
  std::string const five =
      "\x80\x05\x95\x39\0\0\0\0\0\0\0]\x94(\x8f\x94("
      "K\x01\x8c\x01s\x94\x90\x43\x01\x62\x94\x96\x01\0\0\0\0\0\0\0\x63\x94"
      "\x8c\x05torch\x94\x8c\x04Size\x94\x93\x94K\x02\x85\x94\x85\x94R\x94h\x02\x65."s;
  Value const v = run(five).value();
  REQUIRE(v.size() == 5);
  CHECK(v[0].kind() == Value::Kind::set);
  CHECK(v[0].elements()[1].as_string() == "s");
  CHECK(v[1].as_bytes() == "b");
  CHECK(v[2].as_bytes() == "c");
  CHECK(v[3].elements()[0].as_int() == 2);
  CHECK(v[4].as_string() == "s");

  auto const refused = [](std::string const& pickle) { return error_of(pickle).substr(3); };
  CHECK(refused(proto + "]\x94.") ==
        "at byte 3 (opcode MEMOIZE, 0x94): this opcode is of protocol 4, but the pickle says 2");
  CHECK(refused("\x80\x04\x95\x02\0\0\0\0\0\0\0K\x01K\x02."s).find("beyond") == std::string::npos);
  CHECK(refused("\x80\x04\x95\x03\0\0\0\0\0\0\0K\x01K\x02."s) ==
        "at byte 13 (opcode BININT1, 0x4b): reaches beyond the frame it is in");
  CHECK(refused("\x80\x04\x95\x03\0\0\0\0\0\0\0N."s) ==
        "at byte 2 (opcode FRAME, 0x95): truncated: the pickle ends inside an opcode, or without STOP");
  CHECK(refused("\x80\x04\x95\x04\0\0\0\0\0\0\0]NaNaNaNa."s) ==
        "at byte 19 (opcode APPEND, 0x61): stands outside of the frames");
  CHECK(run("\x80\x04\x95\x03\0\0\0\0\0\0\0(N\x88X\0\0\1\0"s + std::string(65536, 'x') + "\x94t.").value().size() == 3);
  CHECK(refused("\x80\x04NN\x93.") ==
        "at byte 4 (opcode STACK_GLOBAL, 0x93): a name on the stack is expected, but there is none");
  CHECK(refused("\x80\x04\x8f(]\x90.") ==
        "at byte 5 (opcode ADDITEMS, 0x90): a set that holds a list of 0 elements, as none can");
}

TEST_CASE("a set made of a list that stands elsewhere stays a set when it is written") {
  Value const v = value_of("(]q\x01(K\x01K\x02" + "e"s + global("__builtin__", "set") + "h\x01\x85Rt");
  save_torch("set.pt", v);
  Value const again = read_torch("set.pt");
  CHECK(again[0].kind() == Value::Kind::list);
  CHECK(again.elements()[1].kind() == Value::Kind::set);
}

TEST_CASE("a tensor may have attributes, which are left out, but no class of its own") {
  std::string const attributes = "}" + word("is_norm") + "\x88s";
  std::string const arguments = "(" + floats + small(0) + small(6) + "\x85" + small(1) + "\x85\x89" + hooks + "t";
  std::string const front = global("torch._tensor", "_rebuild_from_type_v2") + "(" + rebuild;
  CHECK(value_of(front + global("torch", "Tensor") + arguments + attributes + "tR").tensor().describe() == "f32 (6,)");
  Value const p = value_of(global("torch._utils", "_rebuild_parameter_with_state") + "(" + tensor + "\x88" + hooks +
                           attributes + "tR");
  CHECK(p.tensor().is_parameter());
  CHECK(p.tensor().requires_grad());
  CHECK(error_of(proto + front + global("m", "Masked")).find("the global m.Masked is not allowed") !=
        std::string::npos);
  CHECK(error_of(proto + front + front.substr(0, front.size() - rebuild.size()) + "NNNtR").find("call of") !=
        std::string::npos);
}

TEST_CASE("calls are refused unless every argument is as it should be") {
  struct Case {
    std::string pickle;
    char const* problem;
  };
  std::string const dict = global("collections", "OrderedDict");
  std::vector<Case> const cases = {
      {"}}b", "BUILD of a dict of 0 items is not allowed"},
      {dict + ")R" + "Nb", "BUILD with none: a dict of attributes is expected"},
      {tensor + "}b", "BUILD of the tensor f32 (2, 3) is not allowed"},
      {dict + "]]\x86R", "call of OrderedDict with 2 arguments, where 0 or 1 are expected"},
      {dict + "N\x85R", "call of OrderedDict: argument items: a list of pairs is expected, but there is none"},
      {dict + "]Na\x85R", "call of OrderedDict: argument items: a list of pairs is expected, but there is none"},
      {dict + "])a\x85R", "a list of pairs is expected, but there is a tuple of 0 elements"},
      {dict + "](]]\x86NN\x86" + "e\x85R", "not a key"},
      {dict + "](NN\x86NN\x86" + "e\x85R", "a dict has a duplicate key"},
      {global("__builtin__", "getattr"), "as PyTorch before 2.0 puts into the state of a OneCycleLR"},
      {global("torch", "float8_e4m3fnuz"), "elements of this dtype are unsupported"},
      {rebuild + "(" + floats + small(0) + small(6) + "\x85" + small(1) + "\x85\x89" + hooks + "}" + word("conj") +
           "\x88stR",
       "argument metadata: none or an empty dict, as after resolve_conj() and resolve_neg(), is expected"},
      {global("numpy.core.multiarray", "scalar"), "make NumPy's values numbers with .item()"},
      {dict + "]R", "a call with a list of 0 elements for arguments"},
      {"K\x01)R", "a call of the integer 1, where a global is expected"},
      {global("torch", "FloatStorage") + "K\x05\x85R", "a call of torch.FloatStorage is not allowed"},
      {rebuild, "the result is a function, class or storage"},
      {floats, "the result is a function, class or storage"},
      {"]" + rebuild + "a", "a function, class or storage is not allowed as a value"},
      {"]" + rebuild + "\x85" + "a", "a function, class or storage is not allowed as a value"},
      {"}" + floats + "Ns", "a function, class or storage is not allowed as a value"},
      {rebuild + "(" + floats + small(1) + small(6) + "\x85" + small(1) + "\x85\x89" + hooks + "tR",
       "a tensor of size (6,), stride (1,) and offset 1 reaches beyond storage '0' of 6 elements"},
      {rebuild + "(" + floats + small(0) + small(6) + "\x85" + small(1) + "\x85N" + hooks + "tR",
       "argument requires_grad: a bool is expected, but there is none"},
      {rebuild + "(" + floats + small(0) + "]" + small(1) + "\x85\x89" + hooks + "tR",
       "argument size: a tuple of integers is expected, but there is a list"},
      {rebuild + "(" + floats + small(0) + "(" + "K\1K\1K\1K\1K\1K\1K\1K\1K\1t" + small(1) + "\x85\x89" + hooks + "tR",
       "argument size has 9 dimensions, but 8 are allowed"},
      {rebuild + "(" + floats + small(0) + small(6) + "\x85)\x89" + hooks + "tR",
       "0 strides for a size of 1 dimensions"},
      {"(" + word("storage") + rebuild + word("0") + word("cpu") + "K\x06tQ", "has a function or class for its class"},
      {"(" + word("module") + rebuild + word("0") + word("cpu") + "K\x06tQ", "of another kind than 'storage'"},
      {"(" + word("storage") + global("torch", "FloatStorage") + word("../0") + word("cpu") + "K\x06tQ",
       "no plain name"},
      {"(" + word("storage") + global("torch", "FloatStorage") + word("0") + word("meta") + "K\x06tQ",
       "the location of"},
      {"(" + word("storage") + global("torch", "FloatStorage") + word("0") + word("cpu") + "J\xff\xff\xff\xfftQ",
       "the number of elements"},
      {"](" + floats + storage(global("torch", "DoubleStorage"), "0", 6), "had another size or dtype before"},
      {global("_codecs", "encode") + word("abc") + word("rot13") + "\x86R", "argument encoding: 'latin1' is expected"},
      {global("_codecs", "encode") + word("\xe2\x82\xac") + word("latin1") + "\x86R", "a character that is no byte"},
      {global("torch", "device") + word("nonsense") + "\x85R", "the name of a device is expected"},
      {global("torch", "Size") + word("a") + "\x85\x85R", "argument size"},
      {word("\xff"), "not UTF-8"},
      {"}Ns", "stack underflow"},
      {"}(Nu", "an odd number of values"},
      {"](a", "stack underflow"},
      {"N(.", "an open mark is left"},
      {"NN.", "one value at the end, but there are 2"},
      {"h\x07", "the memo has nothing at index 7"},
      {"Nr\xff\xff\xff\x7f", "too large for a pickle of this size"},
      {"]q\x01(h\x01"
       "e",
       "a container refers to itself"},
      {"]q\x01(h\x01\x85"
       "e",
       "a container is changed after it was put into another one"},
      {"}q\x01" + word("a") + "h\x01\x85s", "a container is changed after it was put into another one"},
      {"}]Ns", "not a key"},
      {"}" + word("a") + "Ns" + word("a") + "Ns", "a dict has a duplicate key"},
  };
  for (Case const& c : cases) {
    CAPTURE(c.problem);
    CHECK_THAT(error_of(proto + c.pickle + "."), Catch::Contains(c.problem));
  }
}

TEST_CASE("the metadata of an OrderedDict is kept, and its other attributes are not") {
  std::string const dict = global("collections", "OrderedDict") + ")R";
  Value const v = value_of(dict + word("w") + tensor + "s}(" + word("_metadata") + dict + word("") + "}" +
                           word("version") + small(2) + "ss" + word("other") + "Nub");
  CHECK(v.size() == 1);
  CHECK(v.metadata()[""]["version"].as_int() == 2);
}

TEST_CASE("few bytes cannot stand for much") {
  // A list that holds one list twice, and so on; a tensor at the bottom.
  std::string lists = "]" + tensor + "a";
  for (int i = 0; i < 40; ++i) lists = "](" + lists + "q" + static_cast<char>(i) + "h" + static_cast<char>(i) + "e";
  CHECK_THAT(error_of(proto + lists + "."), Catch::Contains("shared parts expand to too many tensors"));

  // One long text, encoded again and again.
  std::string encode = "](" + word(std::string(1000, 'a')) + "q" + "\x01" + global("_codecs", "encode") + "q\x02";
  for (int i = 0; i < 10; ++i) encode += "h\x02h\x01" + word("latin1") + "\x86R";
  CHECK_THAT(error_of(proto + encode + "e."), Catch::Contains("expand to more than the pickle has"));

  // A budget, as for an inflated pickle.
  std::string const many = proto + "(" + std::string(1000, 'N') + "t.";
  detail::TorchUnpickler poor(std::as_bytes(std::span(many)), "x", 0, false, 20000);
  CHECK_THAT(poor.run().error().what(), Catch::Contains("expands to more than the limit"));
  detail::TorchUnpickler rich(std::as_bytes(std::span(many)), "x", 0, false, 40000);
  CHECK(rich.run().has_value());
}

TEST_CASE("the memo grows with the pickle, not with the weights behind it") {
  // As in the format before 1.6, where one mapping holds the pickle and gigabytes of elements.
  std::string const elements(100000, '\0');
  CHECK(error_of(proto + "Nr\x50\xc3\0\0."s + elements) ==
        "x: at byte 3 (opcode LONG_BINPUT, 0x72): the memo index 50000 is too large for a pickle of this size");
  CHECK(run(proto + "Nr\x05\0\0\0."s + elements));
}

TEST_CASE("a Counter is the dict it counts in") {
  std::string const counter = global("collections", "Counter") + "}(" + small(2) + small(1) + "u\x85R";
  CHECK(value_of(counter).find(2)->as_int() == 1);
  CHECK(error_of(proto + global("collections", "Counter") + small(1) + "\x85R.") ==
        "x: at byte 26 (opcode REDUCE, 0x52): call of Counter: argument elements: a dict is expected, but there is "
        "the integer 1");
}

TEST_CASE("storages are told apart by their keys, whether these count or not") {
  std::string const type = global("torch", "FloatStorage");
  auto const keys_of = [&](std::vector<std::string> const& keys) {
    std::string pickle = proto + "]";
    for (std::string const& key : keys) {
      pickle += rebuild + "(" + storage(type, key, 6) + small(0) + ")" + ")" + "\x89" + hooks + "tRa";
    }
    pickle += ".";
    detail::TorchUnpickler unpickler(std::as_bytes(std::span(pickle)), "x", 0, false);
    REQUIRE(unpickler.run().has_value());
    std::string out;
    for (std::size_t i = 0; i < unpickler.storages().size(); ++i) {
      std::string_view const key = unpickler.storages()[i].key;
      CHECK(unpickler.storages().find(key) == static_cast<std::ptrdiff_t>(i));
      out += std::string(key) + " ";
    }
    CHECK(unpickler.storages().find("absent") == -1);
    CHECK(unpickler.storages().find("99999999999999999999") == -1);
    return out;
  };
  CHECK(keys_of({"0", "1", "0", "2", "1"}) == "0 1 2 ");
  CHECK(keys_of({"0", "00", "1", "01", "0", "2", "00"}) == "0 00 1 01 2 ");
  CHECK(keys_of({"1", "0", "1", "2"}) == "1 0 2 ");
  CHECK(keys_of({"0", "1", "7", "3", "2", "7", "4", "x-1"}) == "0 1 7 3 2 4 x-1 ");
}
