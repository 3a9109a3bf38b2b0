// tests/io/load_torch_test.cpp: objects from PyTorch's files and from .safetensors. SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch_state.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/nn/recurrent_cell.hpp>

#include "support/safetensors.hpp"

#include "models.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

namespace {

std::string data(std::string const& name) { return ASHLAR_TEST_DATA "/" + name; }
using Keys = std::vector<std::string>;

template <std::size_t In, std::size_t Hidden, std::size_t Out>
struct Net {
  Linear<In, Hidden> hidden;
  Linear<Hidden, Out> out;
};
using MLP = Net<20, 256, 10>;
struct Voice {
  LSTMCell<3, 2> cell;
  Linear<2, 1> out;
  auto operator()(auto const& x) const { return x; }
};
using Small3 = Net<4, 8, 3>;

using Block1 = Sequential<Linear<4, 8>, ReLU, Linear<8, 4>, ReLU>;
using Block2 =
    Sequential<Named<"block 0", Block1>, Named<"block 1", Block1>, Named<"block 2", Block1>, Named<"block 3", Block1>>;
using RgNet = Sequential<Block2, Linear<4, 1>>;
using Shared = Sequential<Linear<4, 8>, ReLU, Linear<8, 8>, ReLU, Tied<"2">, ReLU, Linear<8, 1>>;
constexpr ConvOptions no_bias{.padding = 1, .bias = false};
constexpr ConvOptions half{.stride = 2, .padding = 1};
using ConvBn = Sequential<Conv2d<1, 4, 3, no_bias>, BatchNorm2d<4>, ReLU, MaxPool2d<2>, Conv2d<4, 8, 3, half>,
                          BatchNorm2d<8>, ReLU, AdaptiveAvgPool2d<1>, Flatten, Dropout, Linear<8, 3>>;
struct Fixed {
  Constant<float, 20, 20> rand_weight;
  Linear<20, 20> linear;
};
struct Norms {
  Conv2d<3, 4, 3, ConvOptions{.bias = false}> conv;
  BatchNorm2d<4> bn;
};
struct Matrix {  // hidden.weight as x W + b has it
  struct Layer {
    Parameter<float, 4, 8> weight;
    Parameter<float, 8> bias;
  } hidden;
  Linear<8, 3> out;
};

struct Narrower {
  Parameter<float16, 3> d;
  Parameter<float, 3> c;
};

struct Bytes {
  Parameter<float, 1> w;
  Buffer<std::int8_t, 2> c;
};

struct Encoder {
  Parameter<float, 6, 4> weight;
};

struct Decoder {
  Tied<"encoder.weight"> weight;
  Parameter<float, 6> bias;
};

struct Both {
  Encoder encoder;
  struct {
    Parameter<float, 6> bias;
    Parameter<float, 6, 4> weight;
  } decoder;
};

struct One {
  Encoder encoder;
  Decoder decoder;
};

namespace versions {
struct Old {
  Parameter<float, 2> scale;
};
struct New {
  static constexpr int version = 2;
  Parameter<float, 2> weight;
  using migration = Migration<Old, Renamed<"scale", "weight">>;
};
struct Model {
  New layer;
  BatchNorm1d<2> bn;
};
struct OldModel {
  Old layer;
  BatchNorm1d<2> bn;
};
}  // namespace versions

/// Every parameter and buffer has the bytes of the truth under its key, or with `front` before it.
template <class T>
void check_equal(T const& net, std::string const& truth, std::string const& front = "") {
  SafeTensors const golden(data(truth));
  INFO(truth);
  for (Row const& row : manifest<T>()) {
    if (row.kind != Kind::parameter && row.kind != Kind::buffer) continue;
    INFO(row.key);
    auto const expected = golden[front + std::string(row.key)].bytes;
    std::size_t const offset = manifest<T>()[row.is_alias() ? static_cast<std::size_t>(row.alias_of)
                                                            : static_cast<std::size_t>(&row - &manifest<T>()[0])]
                                   .offset;
    REQUIRE(expected.size() == row.bytes);
    CHECK(std::memcmp(reinterpret_cast<std::byte const*>(&net) + offset, expected.data(), row.bytes) == 0);
  }
}

/// A state_dict in memory, as a .safetensors or .pt file.
std::string saved(std::vector<ValueItem> items) {
  save_torch("saved.pt", Value::dict(std::move(items)));
  return "saved.pt";
}
template <class T>
ValueItem item(std::string const& key, Extents const& shape, std::vector<T> const& elements) {
  return {Value(key), Value(ValueTensor(dtype_of<T>, shape, std::as_bytes(std::span(elements))))};
}

}  // namespace

TEST_CASE("an MLP loads from each of PyTorch's containers and from .safetensors") {
  for (char const* name : {"pytorch/mlp_zip.pt", "pytorch/mlp_legacy.pt", "pytorch/mlp_deflated.pt",
                           "pytorch/mlp_restored.pt", "pytorch/mlp_no_byteorder.pt", "pytorch/mlp_zip.safetensors"}) {
    INFO(name);
    auto const net = load<MLP>(data(name));
    check_equal(*net, "pytorch/mlp_zip.safetensors");
  }
  check_equal(*load<MLP>(data("safetensors/mlp.safetensors")), "safetensors/mlp.safetensors");
}

TEST_CASE("networks with odd keys, ties, buffers and constants load from both formats") {
  for (std::string const ending : {".pt", ".safetensors"}) {
    check_equal(*load<RgNet>(data("d2l/rgnet" + ending)), "d2l/rgnet.safetensors");
    check_equal(*load<Shared>(data("d2l/shared" + ending)), "d2l/shared.safetensors");
    check_equal(*load<ConvBn>(data("d2l/conv_bn" + ending)), "d2l/conv_bn.safetensors");
  }
  // A tied tensor that stands under one of its keys.
  check_equal(*load<Shared>(data("d2l/shared.save_model.safetensors")), "d2l/shared.safetensors");
}

TEST_CASE("a state_dict has no constants: they stay as they are, and the report says so") {
  auto net = make<Fixed>(Rng{1});
  net->rand_weight.fill(5);
  LoadReport const report = load(data("d2l/fixed_hidden_mlp.safetensors"), *net, {.partial = true});
  CHECK(net->rand_weight(3, 4) == 5);
  CHECK(report.kept == Keys{"rand_weight"});
  CHECK(report.loaded == Keys{"linear.weight", "linear.bias"});
}

TEST_CASE("map says who reads a .pt") {
  auto const mapped = try_map<Small3>(data("pytorch/prefix_both.pt"));
  REQUIRE(!mapped);
  CHECK(std::string(mapped.error().what())
            .find("load reads what it looks like, and `ashlar convert` makes an .ashlar file of it") !=
        std::string::npos);
}

TEST_CASE("what wrappers put before the keys is taken off") {
  std::vector<std::string> const both{"module.", "_orig_mod."};
  for (std::string const name : {"prefix_module", "prefix_orig_mod", "prefix_both"}) {
    std::string const front = name == "prefix_module" ? "module."
                              : name == "prefix_both" ? "module._orig_mod."
                                                      : "_orig_mod.";
    auto const without = try_load<Small3>(data("pytorch/" + name + ".pt"));
    REQUIRE(!without);
    CHECK(std::string(without.error().what()).find("LoadOptions{.strip_prefix = {\"" + front + "\"}} takes it off") !=
          std::string::npos);
    auto const net = load<Small3>(data("pytorch/" + name + ".pt"), {.strip_prefix = both});
    check_equal(*net, "pytorch/" + name + ".safetensors", front);
    // As a place in the file.
    auto const at = load<Small3>(data("pytorch/" + name + ".pt"), {.at = front.substr(0, front.size() - 1)});
    CHECK(same_elements(*net, *at));
  }
}

TEST_CASE("a BatchNorm from before num_batches_tracked loads, a newer one without it does not") {
  check_equal(*load<Norms>(data("pytorch/batchnorm.pt")), "pytorch/batchnorm.safetensors");
  auto net = make<Norms>(Rng{1});
  net->bn.num_batches_tracked() = 7;
  LoadReport const report = load(data("pytorch/batchnorm_old.pt"), *net);
  CHECK(report.kept == Keys{"bn.num_batches_tracked"});
  CHECK(net->bn.num_batches_tracked() == 7);
  CHECK(load<Norms>(data("pytorch/batchnorm_old.safetensors"))->bn.num_batches_tracked() == 0);

  Value const old = read(data("pytorch/batchnorm_old.pt"));
  std::vector<ValueItem> const items(old.items().begin(), old.items().end());
  auto const versions = Value::dict({{Value("bn"), Value::dict({{Value("version"), Value(2)}})}});
  save_torch("new.pt", Value::dict(items, versions));
  CHECK(message_of(try_load<Norms>("new.pt")) ==
        "new.pt: Error(s) in loading state_dict for Norms:\n"
        "  Missing key(s) in state_dict: \"bn.num_batches_tracked\".");
}

TEST_CASE("strides are honoured, also of what is converted") {
  struct Conv {
    Parameter<float, 4, 3, 5, 5> weight;
    Parameter<float, 4> bias;
  };
  auto const net = load<Conv>(data("pytorch/channels_last.pt"));
  check_equal(*net, "pytorch/channels_last.safetensors");
  struct Wide {
    Parameter<double, 4, 3, 5, 5> weight;
    Parameter<double, 4> bias;
  };
  auto const wide = load<Wide>(data("pytorch/channels_last.pt"));
  for (std::size_t i = 0; i < net->weight.numel(); ++i) {
    REQUIRE(wide->weight.data()[i] == double(net->weight.data()[i]));
  }
}

TEST_CASE("ties: one storage, or two tensors that differ") {
  check_equal(*load<One>(data("pytorch/tied.pt")), "pytorch/tied.safetensors");
  auto two = make<Both>(Rng{1});
  two->decoder.weight.fill(1);
  save_torch("two.pt", *two);
  CHECK(message_of(try_load<One>("two.pt")).find("tie mismatch for decoder.weight: tied to encoder.weight in One") !=
        std::string::npos);
  std::memcpy(two->decoder.weight.data(), two->encoder.weight.data(), sizeof(float) * 24);
  save_torch("two.pt", *two);  // equal elements in two storages
  CHECK(try_load<One>("two.pt"));
}

TEST_CASE("dtypes without loss are converted, others when it is asked for") {
  auto const bf16 = [](float x) { return bfloat16(x); };
  std::vector<float16> const halves{float16(1.5f), float16(-65504.0f), float16(6e-8f)};
  std::vector<bfloat16> const brains{bf16(1.5f), bf16(-3e38f), bf16(1e-40f)};
  std::vector<std::uint8_t> const bytes{0, 7, 255};
  std::vector<float> const floats{1, -0.0f, 3e38f};
  struct Wider {
    Parameter<float, 3> a;
    Parameter<float, 3> b;
    Buffer<std::int16_t, 3> c;
    Parameter<double, 3> d;
  };
  std::string const path = saved({item("a", {1, {3}}, halves), item("b", {1, {3}}, brains), item("c", {1, {3}}, bytes),
                                  item("d", {1, {3}}, floats)});
  auto const wider = load<Wider>(path);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(wider->a(i) == float(halves[i]));
    CHECK(wider->b(i) == float(brains[i]));
    CHECK(wider->c(i) == bytes[i]);
    CHECK(wider->d(i) == double(floats[i]));
  }
  CHECK(std::signbit(wider->d(1)));

  auto const narrow = try_load<Narrower>(path, {.partial = true});
  CHECK(message_of(narrow) ==
        "saved.pt: Error(s) in loading state_dict for Narrower:\n"
        "  dtype mismatch for d: f32 in the file, f16 in Narrower\n"
        "  dtype mismatch for c: u8 in the file, f32 in Narrower");
  auto const asked = load<Narrower>(path, {.partial = true, .convert = true});
  CHECK(asked->d(0) == float16(1));
  CHECK(float(asked->d(2)) == std::numeric_limits<float>::infinity());
  CHECK(asked->c(2) == 255.0f);
}

TEST_CASE("integers become narrower only if all values fit, and floats no integers") {
  std::vector<std::int64_t> good{-128, 127};
  std::vector<float> const one{1};
  auto const net = load<Bytes>(saved({item("w", {1, {1}}, one), item("c", {1, {2}}, good)}), {.convert = true});
  CHECK(net->c(0) == -128);
  CHECK(net->c(1) == 127);

  Bytes before{};
  before.w(0) = 3;
  good[1] = 128;
  auto const late = try_load(saved({item("w", {1, {1}}, one), item("c", {1, {2}}, good)}), before, {.convert = true});
  CHECK(message_of(late) ==
        "saved.pt: holds values that Bytes cannot\n"
        "  c holds a value that does not fit i8, as i64 in the file");
  CHECK(before.w(0) == 3);
  std::vector<std::uint64_t> const huge{1, ~std::uint64_t{0}};
  CHECK(!try_load(saved({item("w", {1, {1}}, one), item("c", {1, {2}}, huge)}), before, {.convert = true}));
  std::vector<float> const floats{1, 2};
  CHECK(message_of(try_load(saved({item("w", {1, {1}}, one), item("c", {1, {2}}, floats)}), before, {.convert = true}))
            .find("dtype mismatch for c: f32 in the file, i8 in Bytes") != std::string::npos);
}

TEST_CASE("float8 tensors are read as floats") {
  struct Eights {
    Parameter<float, 8> t;
  };
  auto const net = load<Eights>(data("pytorch/dtype_f8_e4m3fn.pt"));
  for (std::size_t i = 0; i < 7; ++i) {
    float const expected[] = {0, -0.0f, 1, -1.5f, 448, -448, 0.001953125f};
    CHECK(std::bit_cast<std::uint32_t>(net->t(i)) == std::bit_cast<std::uint32_t>(expected[i]));
  }
  CHECK(std::isnan(net->t(7)));
}

TEST_CASE("special values survive: by bits where the dtype is the same, by value where it is not") {
  SafeTensors const golden(data("pytorch/special_values.safetensors"));
  struct Wide {
    Parameter<double, 7> f64;
    Parameter<double, 7> f32;
    Parameter<double, 7> f16;
    Parameter<double, 7> bf16;
  };
  auto const net = load<Wide>(data("pytorch/special_values.pt"), {.partial = true});
  auto const same = [](double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  };
  auto const f64 = golden.values<double>("f64");
  auto const f32 = golden.values<float>("f32");
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(std::bit_cast<std::uint64_t>(net->f64(i)) == std::bit_cast<std::uint64_t>(f64[i]));
    CHECK(same(net->f32(i), double(f32[i])));
    float16 h;
    bfloat16 b;
    std::memcpy(&h, golden["f16"].bytes.data() + 2 * i, 2);
    std::memcpy(&b, golden["bf16"].bytes.data() + 2 * i, 2);
    CHECK(same(net->f16(i), double(float(h))));
    CHECK(same(net->bf16(i), double(float(b))));
  }
}

TEST_CASE("matrices are transposed by key, in every format") {
  auto const from = make<Small3>(Rng{3});
  save_torch("from.pt", *from);
  save("from.ashlar", *from);
  save_safetensors("from.safetensors", *from);
  for (char const* path : {"from.pt", "from.ashlar", "from.safetensors"}) {
    INFO(path);
    auto const to = load<Matrix>(path, {.transpose = {"hidden.weight"}});
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 8; ++j) REQUIRE(to->hidden.weight(i, j) == from->hidden.weight(j, i));
    }
    CHECK(std::memcmp(&to->out, &from->out, sizeof to->out) == 0);
    CHECK(message_of(try_load<Matrix>(path)).find("size mismatch for hidden.weight") != std::string::npos);
    std::string const wrong = message_of(try_load<Matrix>(path, {.transpose = {"hidden.weight", "hidden.bias", "no"}}));
    CHECK(wrong.find("LoadOptions::transpose: hidden.bias is (8,) in the file, and only matrices") !=
          std::string::npos);
    CHECK(wrong.find("LoadOptions::transpose: the file has no no") != std::string::npos);
  }
}

TEST_CASE("a network in a checkpoint is found by its path, and an error says which there are") {
  std::string const path = data("pytorch/checkpoint_adam.pt");
  check_equal(*load<Small3>(path, {.at = "model"}), "pytorch/checkpoint_adam.safetensors", "model/");
  check_equal(*load<Small3>(data("pytorch/checkpoint_adam_legacy.pt"), {.at = "model"}),
              "pytorch/checkpoint_adam.safetensors", "model/");
  std::string const what = message_of(try_load<Small3>(path));
  CHECK(what.starts_with(path + ": holds a dict of 5 items, no state_dict; LoadOptions::at can be one of\n"
                                "  \"model\": 4 tensors, the first is hidden.weight, f32 (8, 4)\n"
                                "  \"optimizer.state.0\": 3 tensors, the first is step, f32 ()\n"));
  CHECK(message_of(try_load<Small3>(path, {.at = "net"}))
            .starts_with(path + ": has nothing at \"net\"; LoadOptions::at"));
  CHECK(message_of(try_load<Small3>(path, {.at = "epoch"})).starts_with(path + ": has the integer "));
  CHECK(message_of(try_load<Small3>(data("pytorch/tensor.pt"))).find("no state_dict; there are no dicts of tensors") !=
        std::string::npos);
  struct Moments {
    Parameter<float> step;
    Parameter<float, 8> exp_avg;
    Parameter<float, 8> exp_avg_sq;
  };
  check_equal(*load<Moments>(path, {.at = "optimizer.state.1"}), "pytorch/checkpoint_adam.safetensors",
              "optimizer/state/1/");
}

TEST_CASE("a network with a recurrent layer is a network, and no checkpoint") {
  auto voice = make<Voice>(Rng{0});
  save_torch("voice.pt", torch_state_dict(*voice));
  auto const again = load<Voice>("voice.pt");
  CHECK(again->cell.weight_hh(7, 1) == voice->cell.weight_hh(7, 1));
  CHECK(again->out.weight(0, 1) == voice->out.weight(0, 1));
}

TEST_CASE("a layer of an .ashlar file is found by its path") {
  struct Checkpoint {
    Small3 model;
    std::int64_t epoch;
  };
  auto const from = make<Checkpoint>(Rng{1});
  save("checkpoint.ashlar", *from);
  CHECK(same_elements(*load<Small3>("checkpoint.ashlar", {.at = "model"}), from->model));
  auto const out = load<Linear<8, 3>>("checkpoint.ashlar", {.at = "model.out"});
  CHECK(same_elements(*out, from->model.out));
  CHECK(message_of(try_load<Small3>("checkpoint.ashlar", {.at = "net"})).find("nothing lies under \"net\"") !=
        std::string::npos);
}

TEST_CASE("all problems are in one report, and the target is as it was") {
  auto to = make<MLP>(Rng{2});
  auto const before = clone(*to);
  auto const from = make<Small3>(Rng{1});
  Value const dict = torch_state_dict(*from);
  std::vector<ValueItem> items(dict.items().begin(), dict.items().end());
  items[2].key = Value("out.wieght");
  items.push_back({Value("epoch"), Value(3)});
  items.push_back({Value("_extra_state"), Value()});
  auto const result = try_load(saved(items), *to);
  CHECK(message_of(result) ==
        "saved.pt: Error(s) in loading state_dict for Net<20, 256, 10>:\n"
        "  Missing key(s) in state_dict: \"out.weight\".\n"
        "  Unexpected key(s) in state_dict: \"out.wieght\".\n"
        "  out.weight, f32 (10, 256) of Linear<256, 10>: did you mean out.wieght, f32 (3, 8)?\n"
        "  size mismatch for hidden.weight: copying a param with shape (8, 4) from checkpoint, the shape in current "
        "model is (256, 20) (Linear<20, 256>)\n"
        "  size mismatch for hidden.bias: copying a param with shape (8,) from checkpoint, the shape in current model "
        "is (256,) (Linear<20, 256>)\n"
        "  size mismatch for out.bias: copying a param with shape (3,) from checkpoint, the shape in current model is "
        "(10,) (Linear<256, 10>)\n"
        "  epoch is the integer 3, not a tensor");
  CHECK(same_elements(*to, *before));

  // With the name mended and the number let be, it loads.
  auto net = make<Small3>(Rng{5});
  LoadReport const report = load("saved.pt", *net, {.partial = true, .rename = {{"out.wieght", "out.weight"}}});
  CHECK(same_elements(*net, *from));
  CHECK(report.unused.empty());
}

TEST_CASE("damage is found before the target is touched, and named as by the format's reader") {
  auto to = make<MLP>(Rng{2});
  auto const before = clone(*to);
  CHECK(message_of(try_load(data("pytorch/bad_flipped_payload.pt"), *to)).find("CRC") != std::string::npos);
  CHECK(message_of(try_load(data("pytorch/module_whole.pt"), *to)).find("my_project.nets.Regressor") !=
        std::string::npos);
  CHECK(message_of(try_load(data("pytorch/bad_truncated_zip.pt"), *to)) != "no error");
  CHECK(message_of(try_load(data("safetensors/bad_short.safetensors"), *to)) != "no error");
  CHECK(same_elements(*to, *before));
}

TEST_CASE("a bool member takes bools only, and only 0 and 1") {
  struct Masked {
    Buffer<bool, 2> mask;
  };
  static constexpr std::array<unsigned char, 2> two{0, 2};
  auto const path =
      saved({{Value("mask"), Value(ValueTensor(DType::boolean, {1, {2}}, std::as_bytes(std::span(two))))}});
  auto const result = try_load<Masked>(path);
  REQUIRE(!result);
  CHECK(result.error().code() == Errc::value);
  CHECK(!try_load<Masked>(saved({item("mask", {1, {2}}, std::vector<std::uint8_t>{0, 1})}), {.convert = true}));
}

TEST_CASE("layers with a version: a state_dict of an earlier one is brought up to date") {
  using versions::Model;
  using versions::OldModel;
  auto const from = make<OldModel>(Rng{1});
  from->layer.scale.fill(3);
  save_torch("old.pt", *from);
  auto net = make<Model>(Rng{2});
  CHECK(load("old.pt", *net).migrated == Keys{"layer: New 1 -> 2"});
  CHECK(net->layer.weight(1) == 3);

  save_torch("now.pt", *net);  // which says version 2
  save_safetensors("now.safetensors", *net);  // which says none
  save_torch("checkpoint.pt", Value::dict({{Value("model"), torch_state_dict(*net)}}));
  CHECK(same_elements(*load<Model>("now.pt"), *net));
  CHECK(same_elements(*load<Model>("now.safetensors"), *net));
  CHECK(same_elements(*load<Model>("checkpoint.pt", {.at = "model"}), *net));
}

TEST_CASE("a checkpoint of shared long parts, which is no state_dict, is described in no time") {
  std::vector<Value> parts(100000);
  std::vector<float> const one{1};  // the tensor is a view of it
  parts.push_back(item("w", {}, one).value);
  Value const longish = Value::list(std::move(parts));
  std::vector<ValueItem> items;
  for (int i = 0; i < 50000; ++i) items.push_back({Value(i), longish});  // 5 * 10^9 parts
  save_torch("shared.pt", Value::dict(std::move(items)));
  CHECK(message_of(try_load<Encoder>("shared.pt")).find("holds a dict of 50000 items, no state_dict") !=
        std::string::npos);
}
