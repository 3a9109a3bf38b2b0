// tests/cuda/fixtures_test.cpp: layers on a CUDA device against what torch computed and recorded.
// SPDX-License-Identifier: BSL-1.0
//
// Data and bounds are those of tests/nn, which compute the same on the host (support/layer_fixture.hpp).
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/nn/conv_transpose.hpp>
#include <ashlar/nn/recurrent.hpp>
#include <ashlar/nn/recurrent_cell.hpp>
#include <ashlar/nn/transformer.hpp>

#include "support/cuda_machine.hpp"
#include "support/layer_fixture.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

using namespace ashlar;
using namespace ashlar::test;

namespace {

template <class T>
SafeTensors fixture(std::string const& name) {
  return SafeTensors(ASHLAR_TEST_DATA "/layers/" + name + (std::is_same_v<T, double> ? ".f64" : ".f32") +
                     ".safetensors");
}

/// The name of a parameter in a recording, which is that of the layer: without the member that the test puts it into.
std::string recorded(Row const& row) {
  std::string key(row.key);
  return key.starts_with("layer.") ? key.substr(6) : key;
}

/// A network of the weights that the file has.
template <class L>
std::unique_ptr<L> with_weights(SafeTensors const& file) {
  auto layer = std::make_unique<L>();
  for (Row const& row : manifest<L>()) {
    if (row.kind == Kind::scalar) continue;
    auto const values = file[(row.kind == Kind::buffer ? "buffer." : "param.") + recorded(row)].bytes;
    REQUIRE(values.size() == row.bytes);
    std::memcpy(find(*layer, row.key).data, values.data(), values.size());
  }
  return layer;
}

template <class T, class L>
void check_gradients(CudaOwned<L> const& grads, SafeTensors const& file) {
  auto const there = to<Cpu>(grads);
  for (Row const& row : manifest<L>()) {
    if (row.kind != Kind::parameter) continue;
    check_golden<T>(find(*there, row.key).template as<T>(), file, "grad_param." + recorded(row));
  }
}

constexpr InstanceNormOptions tracked{.affine = true, .track_running_stats = true};
using Tracked = InstanceNorm2d<3, tracked, double>;

/// What check_layer_fixture checks on the host.
template <class X, class Context = Training, class L>
void check_on_device(L const&, std::string const& name) {
  using T = typename X::value_type;
  INFO(name);
  SafeTensors const file = fixture<T>(name);
  auto gpu = to<Cuda>(*with_weights<L>(file));
  auto grads = zeros_like(gpu);
  Rng rng{0};
  Tape<CudaOwned<L>, Context> tape(gpu, grads, rng);
  auto const input = tape.variable(to<Cuda>(golden_tensor<X>(file, "input")));
  auto const y = tape(input);
  auto const output = y.to_host();
  check_golden<T>(output, file, "output");
  auto const slope = to<Cuda>(golden_tensor<std::remove_const_t<decltype(output)>>(file, "grad_output"));
  tape.backward(sum(y * slope));
  check_golden<T>(input.grad_to_host(), file, "grad_input");
  check_gradients<T>(grads, file);
  auto const after = to<Cpu>(gpu);
  for (Row const& row : manifest<L>()) {
    std::string const key = "buffer_after." + std::string(row.key);
    if (!file.has(key)) continue;
    if (row.dtype == DType::i64) {
      CHECK(find(*after, row.key).template as<std::int64_t>()[0] == file.values<std::int64_t>(key).at(0));
    } else {
      check_golden<T>(find(*after, row.key).template as<T>(), file, key);
    }
  }
}

/// sum(weights * what the recording has for them), by head or for the mean over the heads.
template <class W>
auto weights_loss(W const& weights, SafeTensors const& file, bool per_head) {
  auto const grad = file.values<double>("grad_output_weights");
  Tensor<double, dyn, W::dims_type::extents[1], dyn, dyn> by_head(weights.size(0), weights.size(2), weights.size(3));
  std::size_t const area = weights.size(2) * weights.size(3);
  std::size_t const heads = weights.size(1);
  for (std::size_t i = 0; i < by_head.numel(); ++i) {
    std::size_t const b = i / (heads * area);
    by_head.data()[i] = per_head ? grad[i] : grad[b * area + i % area] / static_cast<double>(heads);
  }
  return sum(weights * to<Cuda>(by_head));
}

template <class X>
X golden_mask(SafeTensors const& file, std::string const& name) {
  auto const bytes = file[name].bytes;
  X mask;
  REQUIRE(bytes.size() == mask.numel());
  for (std::size_t i = 0; i < mask.numel(); ++i) mask.data()[i] = static_cast<int>(bytes[i]) != 0;
  return mask;
}

template <class Layer>
struct Weighted {
  Layer layer;
  auto operator()(auto const& x, auto const&... masks) const { return layer.with_weights(x, x, x, masks...); }
};
template <class Layer>
struct Cross {
  Layer layer;
  auto operator()(auto const& x, auto const& other) const { return layer.with_weights(x, other, other); }
};
template <class Layer>
struct Padded {
  Layer layer;
  auto operator()(auto const& x, auto const& padding) const { return layer(x, no_mask, padding); }
};

constexpr MultiheadAttentionOptions first{.batch_first = true};
constexpr MultiheadAttentionOptions unbiased{.bias = false, .batch_first = true};
constexpr TransformerOptions plain{.dropout = 0, .batch_first = true};
constexpr TransformerOptions before{
    .dropout = 0, .activation = "gelu", .layer_norm_eps = 1e-6, .batch_first = true, .norm_first = true};

}  // namespace

TEST_CASE("ConvTranspose2d on a CUDA device agrees with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  constexpr ConvTransposeOptions stride2{.stride = 2, .padding = 1, .output_padding = 1};
  constexpr ConvTransposeOptions groups{.stride = {2, 1}, .groups = 2, .bias = false};
  using Any = Tensor<double, dyn, dyn, dyn, dyn>;
  check_on_device<Tensor<double, 2, 3, 4, 5>>(ConvTranspose2d<3, 4, 3, ConvTransposeOptions{}, double>{},
                                              "conv_transpose2d");
  check_on_device<Tensor<float, dyn, 3, 4, 5>>(ConvTranspose2d<3, 4, 3, stride2>{}, "conv_transpose2d_stride2");
  check_on_device<Any>(ConvTranspose2d<4, 6, Size2{2, 3}, groups, double>{}, "conv_transpose2d_groups");
  constexpr ConvTransposeOptions beyond{
      .stride = {1, 2}, .padding = {1, 0}, .output_padding = {2, 1}, .groups = 2, .dilation = {3, 2}};
  check_on_device<Any>(ConvTranspose2d<2, 4, Size2{3, 1}, beyond, double>{}, "conv_transpose2d_output_padding");
}

TEST_CASE("InstanceNorm2d with running statistics on a CUDA device agrees with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  using X = Tensor<double, dyn, 3, 4, 5>;
  check_on_device<X>(Tracked{}, "instance_norm2d_track_train");
  check_on_device<X, Evaluation>(Tracked{}, "instance_norm2d_track_eval");
}

namespace {

/// Output and gradients of attention(x, what follows...), with its weights.
template <class X, class Net, class... More>
void check_attention(Net const&, std::string const& name, std::string const& input, bool per_head,
                     More const&... more) {
  INFO(name);
  SafeTensors const file = fixture<double>(name);
  auto const gpu = to<Cuda>(*with_weights<Net>(file));
  auto grads = zeros_like(gpu);
  Tape tape(gpu, grads);
  auto const x = tape.variable(to<Cuda>(golden_tensor<X>(file, input)));
  auto const [y, weights] = tape(x, more(tape, file)...);
  auto const [alone, its_weights] = gpu(to<Cuda>(x.to_host()), to<Cuda>(more(tape, file).to_host())...);
  check_golden<double>(y.to_host(), file, "output");
  CHECK(bitwise_equal(to<Cpu>(alone), y.to_host()));
  CHECK(bitwise_equal(to<Cpu>(its_weights), weights.to_host()));
  auto const slope = to<Cuda>(golden_tensor<X>(file, "grad_output"));
  tape.backward(sum(y * slope) + weights_loss(weights, file, per_head));
  check_golden<double>(x.grad_to_host(), file, "grad_" + input);
  check_gradients<double>(grads, file);
}

}  // namespace

TEST_CASE("MultiheadAttention on a CUDA device agrees with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  using X = Tensor<double, 2, 5, 8>;
  check_attention<X>(Weighted<MultiheadAttention<8, 2, first, double>>{}, "mha_self", "input", false);
  check_attention<Tensor<double, 2, 3, 6>>(Weighted<MultiheadAttention<6, 3, unbiased, double>>{}, "mha_nobias",
                                           "input", false);
  check_attention<X>(
      Weighted<MultiheadAttention<8, 2, first, double>>{}, "mha_causal_padding", "input0", true,
      [](auto& tape, auto& file) { return tape.input(to<Cuda>(golden_mask<Tensor<bool, 5, 5>>(file, "input1"))); },
      [](auto& tape, auto& file) { return tape.input(to<Cuda>(golden_mask<Tensor<bool, 2, 5>>(file, "input2"))); });
  check_attention<Tensor<double, 4, dyn, 8>>(
      Cross<MultiheadAttention<8, 4, MultiheadAttentionOptions{}, double>>{}, "mha_cross", "input0", false,
      [](auto& tape, auto& file) {
        return tape.variable(to<Cuda>(golden_tensor<Tensor<double, dyn, dyn, 8>>(file, "input1")));
      });
}

TEST_CASE("scaled_dot_product_attention on a CUDA device agrees with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const run = []<class V>(std::string const& name, V const&, auto const& f) {
    INFO(name);
    SafeTensors const file = fixture<double>(name);
    ReLU const none;  // a tape is that of a network, whatever it is
    auto const net = to<Cuda>(none);
    auto grads = to<Cuda>(none);
    Tape tape(net, grads);
    auto const host_q = golden_tensor<Tensor<double, dyn, 2, dyn, dyn>>(file, "input0");
    auto const host_k = golden_tensor<Tensor<double, dyn, dyn, dyn, dyn>>(file, "input1");
    auto const host_v = golden_tensor<V>(file, "input2");
    auto const q = tape.variable(to<Cuda>(host_q));
    auto const k = tape.variable(to<Cuda>(host_k));
    auto const v = tape.variable(to<Cuda>(host_v));
    auto const y = f(q, k, v, file);
    check_golden<double>(y.to_host(), file, "output");
    CHECK(bitwise_equal(to<Cpu>(f(to<Cuda>(host_q), to<Cuda>(host_k), to<Cuda>(host_v), file)), y.to_host()));
    using Y = Tensor<double, dyn, 2, dyn, V::dims_type::extents[3]>;
    tape.backward(sum(y * to<Cuda>(golden_tensor<Y>(file, "grad_output"))));
    check_golden<double>(q.grad_to_host(), file, "grad_input0");
    check_golden<double>(k.grad_to_host(), file, "grad_input1");
    check_golden<double>(v.grad_to_host(), file, "grad_input2");
  };
  run("sdpa", Tensor<double, 2, 2, 5, 3>{},
      [](auto const& q, auto const& k, auto const& v, auto&) { return scaled_dot_product_attention(q, k, v); });
  run("sdpa_causal", Tensor<double, 2, 2, 4, 3>{}, [](auto const& q, auto const& k, auto const& v, auto&) {
    return scaled_dot_product_attention(q, k, v, AttentionOptions{.is_causal = true});
  });
  run("sdpa_bool_mask", Tensor<double, 1, 2, 5, 4>{}, [](auto const& q, auto const& k, auto const& v, auto& file) {
    return scaled_dot_product_attention(q, k, v, to<Cuda>(golden_mask<Tensor<bool, 3, 5>>(file, "input3")));
  });
  run("sdpa_float_mask_scale", Tensor<double, 1, 2, 5, 4>{},
      [](auto const& q, auto const& k, auto const& v, auto& file) {
        return scaled_dot_product_attention(q, k, v, to<Cuda>(golden_tensor<Tensor<double, 3, 5>>(file, "input3")),
                                            AttentionOptions{.scale = 0.7});
      });
}

TEST_CASE("TransformerEncoderLayer on a CUDA device agrees with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  using X = Tensor<double, dyn, 5, 8>;
  check_on_device<X>(TransformerEncoderLayer<8, 2, 16, plain, double>{}, "transformer_encoder_layer");
  check_on_device<X>(TransformerEncoderLayer<8, 2, 16, before, double>{}, "transformer_encoder_layer_prenorm_gelu");

  SafeTensors const file = fixture<double>("transformer_encoder_layer_padding");
  using Net = Padded<TransformerEncoderLayer<8, 2, 16, plain, double>>;
  auto const gpu = to<Cuda>(*with_weights<Net>(file));
  auto grads = zeros_like(gpu);
  Rng rng{0};
  Tape tape(gpu, grads, rng);
  auto const x = tape.variable(to<Cuda>(golden_tensor<X>(file, "input0")));
  auto const y = tape(x, to<Cuda>(golden_mask<Tensor<bool, 2, 5>>(file, "input1")));
  check_golden<double>(y.to_host(), file, "output");
  tape.backward(sum(y * to<Cuda>(golden_tensor<X>(file, "grad_output"))));
  check_golden<double>(x.grad_to_host(), file, "grad_input0");
  check_gradients<double>(grads, file);
}

namespace {

/// A recurrent layer with what it returns as a tuple: output, h and, of an LSTM, c.
template <class Layer>
struct Through {
  Layer layer;
  auto operator()(auto const& x) const { return flat(layer(x)); }
  auto operator()(auto const& x, auto const& h) const { return flat(layer(x, h)); }
  auto operator()(auto const& x, auto const& h, auto const& c) const { return flat(layer(x, LSTMState{h, c})); }

 private:
  template <class Y>
  static auto flat(Y const& y) {
    if constexpr (requires { y.state.h; }) return std::tuple(y.output, y.state.h, y.state.c);
    else if constexpr (requires { y.state; }) return std::tuple(y.output, y.state);
    else if constexpr (requires { y.h; }) return std::tuple(y.h, y.c);
    else return std::tuple(y);
  }
};

/// All results, and the gradients of all inputs and parameters. The results alone have the same bits.
template <class X, class... State, class Layer>
void check_through_time(Layer const&, std::string const& name) {
  INFO(name);
  using T = typename X::value_type;
  using Net = Through<Layer>;
  SafeTensors const file = fixture<T>(name);
  auto const gpu = to<Cuda>(*with_weights<Net>(file));
  auto grads = zeros_like(gpu);
  Tape tape(gpu, grads);
  auto const key = [&](std::string const& what, std::size_t n) {  // "input", or "input0" where there are more
    return file.has(what) ? what : what + std::to_string(n);
  };
  using In = std::tuple<X, State...>;
  In const host = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return In{golden_tensor<std::tuple_element_t<I, In>>(file, key("input", I))...};
  }(std::index_sequence_for<X, State...>{});
  std::apply(
      [&](auto const&... x) {
        auto const alone = gpu(to<Cuda>(x)...);
        std::tuple const in{tape.variable(to<Cuda>(x))...};
        auto const results = std::apply([&](auto const&... v) { return tape(v...); }, in);
        auto const part = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
          auto const& y = std::get<I>(results);
          auto const there = y.to_host();
          check_golden<T>(there, file, key("output", I));
          CHECK(bitwise_equal(to<Cpu>(std::get<I>(alone)), there));
          auto const slope = to<Cuda>(golden_tensor<std::remove_const_t<decltype(there)>>(file, key("grad_output", I)));
          return sum(y * slope);
        };
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          tape.backward((... + part(std::integral_constant<std::size_t, I>{})));
        }(std::make_index_sequence<std::tuple_size_v<std::remove_const_t<decltype(results)>>>{});
        [&]<std::size_t... I>(std::index_sequence<I...>) {
          (check_golden<T>(std::get<I>(in).grad_to_host(), file, key("grad_input", I)), ...);
        }(std::index_sequence_for<X, State...>{});
      },
      host);
  check_gradients<T>(grads, file);
}

constexpr RNNOptions plain_rnn{};
constexpr RNNOptions batch_first{.batch_first = true};
constexpr RNNOptions both_ways{.num_layers = 2, .bidirectional = true};
constexpr RNNOptions both_first{.num_layers = 2, .batch_first = true, .bidirectional = true};
constexpr RNNOptions three{.num_layers = 3, .bias = false};
constexpr RNNOptions relu_rnn{.num_layers = 2, .nonlinearity = "relu"};
constexpr RNNCellOptions cell{};

}  // namespace

TEST_CASE("recurrent layers on a CUDA device agree with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  using X = Tensor<double, dyn, dyn, 3>;
  using H = Tensor<double, dyn, dyn, 4>;
  check_through_time<Tensor<double, 5, 2, 3>>(LSTM<3, 4, plain_rnn, double>{}, "lstm");
  check_through_time<X, H, H>(LSTM<3, 4, plain_rnn, double>{}, "lstm_states");
  check_through_time<Tensor<double, dyn, 3>>(LSTM<3, 4, plain_rnn, double>{}, "lstm_unbatched");
  check_through_time<X>(LSTM<3, 4, both_first, double>{}, "lstm_2layers_bidirectional_batch_first");
  check_through_time<Tensor<float, 2, 5, 3>>(LSTM<3, 4, both_first>{}, "lstm_2layers_bidirectional_batch_first");
  check_through_time<X>(LSTM<3, 2, three, double>{}, "lstm_3layers_nobias");
  check_through_time<X>(GRU<3, 4, plain_rnn, double>{}, "gru");
  check_through_time<X>(GRU<3, 4, batch_first, double>{}, "gru_batch_first");
  check_through_time<X, H>(GRU<3, 4, both_ways, double>{}, "gru_2layers_bidirectional");
  check_through_time<X>(RNN<3, 4, plain_rnn, double>{}, "rnn_tanh");
  check_through_time<X>(RNN<3, 4, relu_rnn, double>{}, "rnn_relu_2layers");
}

TEST_CASE("recurrent cells on a CUDA device agree with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  using X = Tensor<double, dyn, 3>;
  using H = Tensor<double, dyn, 4>;
  check_through_time<X, H, H>(LSTMCell<3, 4, cell, double>{}, "lstm_cell");
  check_through_time<X, H>(GRUCell<3, 4, cell, double>{}, "gru_cell");
  check_through_time<X, H>(RNNCell<3, 4, cell, double>{}, "rnn_cell");
}
