// Writes .pt and .safetensors files of every kind into the current folder: for torch_write.py, torch_load.py and
// safetensors_package.py. Element j of stored tensor i is 1000 * i + j.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch_state.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/train/adam.hpp>
#include <ashlar/train/rmsprop.hpp>
#include <ashlar/train/sgd.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using namespace ashlar;

namespace {

template <std::size_t In, std::size_t Out>
struct Dense {
  Parameter<float, Out, In> weight;
  Parameter<float, Out> bias;
};
template <std::size_t N>
struct Norm {
  Parameter<float, N> weight;
  Parameter<float, N> bias;
  Buffer<float, N> running_mean;
  Buffer<float, N> running_var;
  Buffer<std::int64_t> num_batches_tracked;
};
struct Table {
  Parameter<float, 7, 20> weight;
};
struct Head {
  Tied<"embed.weight"> weight;
};
struct Net {
  double rate;            // in no state_dict, nor is
  Constant<bool, 3> mask;  // this
  Dense<20, 256> hidden;
  Norm<256> bn;
  std::array<Dense<256, 10>, 2> outputs;
  Table embed;
  Head head;
};

template <class T>
ValueTensor counted(std::vector<T>& numbers, Extents const& shape, int first = 0) {
  numbers.resize(shape.numel());
  for (std::size_t j = 0; j < numbers.size(); ++j) numbers[j] = static_cast<T>(first + static_cast<int>(j));
  return {dtype_of<T>, shape, std::as_bytes(std::span(numbers))};
}

Value dict(std::vector<ValueItem> items) { return Value::dict(std::move(items)); }

struct Regression {
  Parameter<float, 2, 3> weight;
  Parameter<float, 2> bias;
};

/// Two steps of training, a checkpoint, and what a third step makes of it.
template <class Optimizer>
void checkpoint(std::string const& name, Optimizer const& fresh) {
  auto const net = std::make_unique<Regression>();
  auto const grads = std::make_unique<Regression>();
  auto const optimizer = std::make_unique<Optimizer>(fresh);
  for (std::size_t i = 0; i < 6; ++i) net->weight.elements[i] = 0.25f * static_cast<float>(i);
  for (int step = 0; step < 3; ++step) {
    if (step == 2) {
      save_torch(name + ".pt", dict({{Value("model"), torch_state_dict(*net)},
                                     {Value("optimizer"), torch_optimizer_state(*optimizer, *net)},
                                     {Value("epoch"), Value(step)},
                                     {Value("loss"), Value(0.25)}}));
    }
    for (std::size_t i = 0; i < 6; ++i)
      grads->weight.elements[i] = static_cast<float>(step + 1) - static_cast<float>(i);
    grads->bias(0) = 0.5f;
    grads->bias(1) = -2;
    optimizer->step(*net, *grads);
  }
  save_torch(name + "_third.pt", *net);
}

/// Every kind of value but sets, bytes, complex numbers and floats, which PyTorch 1.13 does not take.
void values() {
  std::vector<std::int64_t> const integers = {0,           1,         255,          256,        65535,      65536,
                                              -1,          -128,      -129,         2147483647, 2147483648, -2147483648,
                                              -2147483649, 1LL << 55, -(1LL << 55), INT64_MAX,  INT64_MIN};
  std::vector<Value> list;
  for (std::int64_t const i : integers) list.emplace_back(i);
  for (char const* const digits : {"9223372036854775808", "-9223372036854775809", "1267650600228229401496703205376",
                                   "-1267650600228229401496703205376", "-340282366920938463463374607431768211456"}) {
    list.push_back(Value::text(Value::Kind::big_integer, digits));
  }
  Value const shared =
      Value::list({Value(1), Value("a text of sixty-four bytes and more, which is written only once.....")});
  save_torch("values.pt",
             dict({{Value("integers"), Value::list(std::move(list))},
                   {Value("text"), Value("\xc3\xbc \"quoted\"\n")},
                   {Value("none"), Value()},
                   {Value("true"), Value(true)},
                   {Value("false"), Value(false)},
                   {Value("dtype"), Value(DType::f16)},
                   {Value("empty"), Value::list({Value::tuple({}), Value::list({}), dict({})})},
                   {Value("tuples"), Value::list({Value::tuple({Value(1)}), Value::tuple({Value(1), Value(2)}),
                                                  Value::tuple({Value(1), Value(2), Value(3), Value(4)})})},
                   {Value("keys"), dict({{Value(7), Value("seven")},
                                         {Value(-1), Value("minus")},
                                         {Value::tuple({Value(1), Value("x")}), Value("tuple")},
                                         {Value(), Value("none")}})},
                   {Value("shared_a"), shared},
                   {Value("shared_b"), shared}}));
  save_torch("more_values.pt",
             dict({{Value("floats"), Value::list({Value(0.1), Value(-0.0), Value(5e-324), Value(1e308)})},
                   {Value("bytes"), Value::text(Value::Kind::bytes, std::string("\0\1\xff\x80 abc", 8))},
                   {Value("device"), Value::text(Value::Kind::device, "cuda:1")},
                   {Value("cpu"), Value::text(Value::Kind::device, "cpu")}}));
}

/// Views of one storage, and parameters.
void views() {
  std::vector<float> numbers;
  ValueTensor const whole = counted(numbers, Extents{2, {3, 4}});
  ValueTensor const transposed(DType::f32, Extents{2, {4, 3}}, {1, 4}, whole.storage(), 0);
  ValueTensor const column(DType::f32, Extents{1, {3}}, {4}, whole.storage(), 2);
  ValueTensor const repeated(DType::f32, Extents{2, {5, 2}}, {0, 1}, whole.storage(), 10);
  ValueTensor parameter = whole;
  parameter.set_flags(true, true);
  ValueTensor frozen = whole;
  frozen.set_flags(true, false);
  ValueTensor leaf = column;
  leaf.set_flags(false, true);
  std::vector<ValueItem> items;
  for (auto const& [name, t] : {std::pair{"whole", whole},
                                {"transposed", transposed},
                                {"column", column},
                                {"repeated", repeated},
                                {"parameter", parameter},
                                {"frozen", frozen},
                                {"leaf", leaf},
                                {"empty", ValueTensor(DType::f32, Extents{2, {0, 3}}, {})}}) {
    items.push_back({Value(name), Value(t)});
  }
  save_torch("views.pt", dict(items));
  items.erase(items.begin() + 4, items.begin() + 7);
  save_safetensors("views.safetensors", dict(items), {.metadata = {{"format", "pt"}}, .ties_once = false});
}

/// One tensor of each dtype, whose bytes count: those that PyTorch 1.13 has, and the others.
void dtypes() {
  std::vector<std::byte> bytes(96);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 2);
  std::vector<ValueItem> old;
  std::vector<ValueItem> all;
  for (int d = 0; d <= static_cast<int>(DType::f8_e5m2); ++d) {
    auto const dtype = static_cast<DType>(d);
    ValueItem const item{Value(name_of(dtype)),
                         Value(ValueTensor(dtype, Extents{2, {2, 3}}, std::span(bytes).first(6 * size_of(dtype))))};
    bool const later = dtype == DType::u64 || dtype == DType::u32 || dtype == DType::u16 || dtype == DType::f8_e4m3fn ||
                       dtype == DType::f8_e5m2;
    if (!later) old.push_back(item);
    all.push_back(item);
  }
  save_torch("dtypes.pt", dict(old));
  save_torch("all_dtypes.pt", dict(all));
  std::erase_if(all, [](ValueItem const& i) { return i.key.as_string() == "c128"; });
  save_safetensors("dtypes.safetensors", dict(all), {.ties_once = false});
}

/// More records than a zip archive without ZIP64 fields can have, and one that is written in several pieces.
void many() {
  static std::vector<std::uint8_t> numbers(66000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint8_t>(i);
  std::vector<ValueItem> items;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    auto const byte = std::as_bytes(std::span(numbers)).subspan(i, 1);
    items.push_back({Value(std::to_string(i)), Value(ValueTensor(DType::u8, {}, byte))});
  }
  std::vector<float> large;
  items.push_back({Value("large"), Value(counted(large, Extents{1, {1 << 20}}))});
  save_torch("many.pt", dict(std::move(items)));
}

}  // namespace

int main() {
  auto const net = std::make_unique<Net>();
  int i = 0;
  for (Row const& row : manifest<Net>()) {
    if (row.is_alias() || (row.kind != Kind::parameter && row.kind != Kind::buffer)) continue;
    auto* const at = reinterpret_cast<std::byte*>(net.get()) + row.offset;
    std::vector<float> floats;
    std::vector<std::int64_t> integers;
    row.dtype == DType::f32 ? counted(floats, row.shape, 1000 * i).copy_to({at, row.bytes})
                            : counted(integers, row.shape, 1000 * i).copy_to({at, row.bytes});
    ++i;
  }
  save_torch("net.pt", *net);
  save_safetensors("net.safetensors", *net, {.metadata = {{"format", "pt"}}});
  checkpoint("adam", Adam<Regression>{.lr = 0.01, .weight_decay = 0.1});
  checkpoint("amsgrad", Adam<Regression, true>{.lr = 0.01});
  checkpoint("adamw", AdamW<Regression>{.lr = 0.01});
  checkpoint("sgd", SGD<Regression>{.lr = 0.1, .momentum = 0.9, .nesterov = true});
  checkpoint("plain_sgd", SGD<Regression>{.lr = 0.1});
  checkpoint("rmsprop", RMSprop<Regression>{.lr = 0.01, .momentum = 0.5});
  checkpoint("centered", RMSprop<Regression, true>{.lr = 0.01});
  values();
  views();
  dtypes();
  many();
}
