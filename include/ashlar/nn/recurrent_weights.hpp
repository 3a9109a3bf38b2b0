// Ashlar: settings and parameters of recurrent layers, with PyTorch's names: weight_ih_l0, bias_hh_l1_reverse.
// SPDX-License-Identifier: BSL-1.0
//
// How many parameters such a layer has, and what they are called, depends on its settings. So each level, one layer in
// one direction, is a base with members of its own names, and the rows of the manifest are computed from the settings,
// which costs less than reflecting on the bases would.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/torch_rng.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/spelling.hpp>
#include <ashlar/reflect/structure.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

namespace ashlar {

/// What an RNN puts its sums through: "tanh" or "relu".
struct RNNNonlinearity {
  bool relu;

  constexpr RNNNonlinearity(bool is_relu) : relu(is_relu) {}  // as compilers write it
  template <std::size_t N>
  constexpr RNNNonlinearity(char const (&word)[N]) : relu(std::string_view(word) == "relu") {
    if (!relu && std::string_view(word) != "tanh") throw "the nonlinearity of an RNN is tanh or relu";
  }
  friend constexpr bool operator==(RNNNonlinearity const&, RNNNonlinearity const&) = default;
};

/// Settings of RNN, LSTM and GRU, PyTorch's names and defaults: `RNNOptions{.num_layers = 2, .batch_first = true}`.
struct RNNOptions {
  std::size_t num_layers = 1;              ///< each takes what the one below gives; at most 8
  RNNNonlinearity nonlinearity = "tanh";   ///< of an RNN
  bool bias = true;                        ///< with bias_ih and bias_hh
  bool batch_first = false;                ///< x (batch, steps, features); else (steps, batch, features)
  double dropout = 0;                      ///< in training, between layers
  bool bidirectional = false;              ///< each layer also runs backwards; the outputs stand side by side
};

/// Settings of RNNCell, LSTMCell and GRUCell.
struct RNNCellOptions {
  bool bias = true;                       ///< with bias_ih and bias_hh
  RNNNonlinearity nonlinearity = "tanh";  ///< of an RNNCell
};

namespace detail {

inline constexpr std::size_t most_layers = 8;

/// Stands for the layer's number in a cell, whose parameters have none in their names.
inline constexpr std::size_t no_layer = static_cast<std::size_t>(-1);

/// The parameters of one layer in one direction: weights (Gates * Hidden, In) and (Gates * Hidden, Hidden).
template <std::size_t Layer, bool Reverse, bool Bias, std::size_t In, std::size_t Hidden, std::size_t Rows, class T>
struct RecurrentLevel;

// visit(self, f) calls f(weight_ih, weight_hh, bias_ih, bias_hh), or with the weights alone.
#define ASHLAR_RECURRENT_LEVEL(layer, reverse, suffix)                                                              \
  template <std::size_t In, std::size_t Hidden, std::size_t Rows, class T>                                          \
  struct RecurrentLevel<layer, reverse, true, In, Hidden, Rows, T> {                                                \
    Parameter<T, Rows, In> weight_ih##suffix;                                                                       \
    Parameter<T, Rows, Hidden> weight_hh##suffix;                                                                   \
    Parameter<T, Rows> bias_ih##suffix;                                                                             \
    Parameter<T, Rows> bias_hh##suffix;                                                                             \
    static decltype(auto) visit(auto& self, auto&& f) {                                                             \
      return f(self.weight_ih##suffix, self.weight_hh##suffix, self.bias_ih##suffix, self.bias_hh##suffix);         \
    }                                                                                                               \
  };                                                                                                                \
  template <std::size_t In, std::size_t Hidden, std::size_t Rows, class T>                                          \
  struct RecurrentLevel<layer, reverse, false, In, Hidden, Rows, T> {                                               \
    Parameter<T, Rows, In> weight_ih##suffix;                                                                       \
    Parameter<T, Rows, Hidden> weight_hh##suffix;                                                                   \
    static decltype(auto) visit(auto& self, auto&& f) { return f(self.weight_ih##suffix, self.weight_hh##suffix); } \
  };
ASHLAR_RECURRENT_LEVEL(no_layer, false, )
ASHLAR_RECURRENT_LEVEL(0, false, _l0)
ASHLAR_RECURRENT_LEVEL(0, true, _l0_reverse)
ASHLAR_RECURRENT_LEVEL(1, false, _l1)
ASHLAR_RECURRENT_LEVEL(1, true, _l1_reverse)
ASHLAR_RECURRENT_LEVEL(2, false, _l2)
ASHLAR_RECURRENT_LEVEL(2, true, _l2_reverse)
ASHLAR_RECURRENT_LEVEL(3, false, _l3)
ASHLAR_RECURRENT_LEVEL(3, true, _l3_reverse)
ASHLAR_RECURRENT_LEVEL(4, false, _l4)
ASHLAR_RECURRENT_LEVEL(4, true, _l4_reverse)
ASHLAR_RECURRENT_LEVEL(5, false, _l5)
ASHLAR_RECURRENT_LEVEL(5, true, _l5_reverse)
ASHLAR_RECURRENT_LEVEL(6, false, _l6)
ASHLAR_RECURRENT_LEVEL(6, true, _l6_reverse)
ASHLAR_RECURRENT_LEVEL(7, false, _l7)
ASHLAR_RECURRENT_LEVEL(7, true, _l7_reverse)
#undef ASHLAR_RECURRENT_LEVEL

/// Layers and directions of the settings O, and what each of them takes.
template <std::size_t In, std::size_t Hidden, RNNOptions O>
struct RecurrentShape {
  static_assert(In > 0 && Hidden > 0, "ashlar: a recurrent layer takes and keeps at least one feature");
  static_assert(O.num_layers >= 1 && O.num_layers <= most_layers, "ashlar: num_layers of a recurrent layer is 1 to 8");
  static_assert(O.dropout >= 0 && O.dropout <= 1, "ashlar: dropout of a recurrent layer is a probability");

  static constexpr std::size_t directions = O.bidirectional ? 2 : 1;
  static constexpr std::size_t levels = O.num_layers * directions;
  static constexpr std::size_t output = directions * Hidden;
  static constexpr std::size_t input_of(std::size_t layer) { return layer == 0 ? In : output; }
};

/// Init: all uniform in [-1/sqrt(Hidden), 1/sqrt(Hidden)), in the order of the keys.
template <std::size_t Hidden, class Level>
void reset_level(Level& level, TorchRng& rng) {
  double const bound = 1 / std::sqrt(static_cast<double>(Hidden));
  Level::visit(level, [&](auto&... parameter) { (init::uniform_(parameter, -bound, bound, rng), ...); });
}

/// All levels, in PyTorch's order: a layer forwards, the same backwards, the next layer.
template <std::size_t In, std::size_t Hidden, std::size_t Gates, RNNOptions O, class T,
          class Indices = std::make_index_sequence<RecurrentShape<In, Hidden, O>::levels>>
struct RecurrentLevels;

template <std::size_t In, std::size_t Hidden, std::size_t Gates, RNNOptions O, class T, std::size_t I>
using recurrent_level =
    RecurrentLevel<I / RecurrentShape<In, Hidden, O>::directions, I % RecurrentShape<In, Hidden, O>::directions == 1,
                   O.bias, RecurrentShape<In, Hidden, O>::input_of(I / RecurrentShape<In, Hidden, O>::directions),
                   Hidden, Gates * Hidden, T>;

template <std::size_t In, std::size_t Hidden, std::size_t Gates, RNNOptions O, class T, std::size_t... I>
struct RecurrentLevels<In, Hidden, Gates, O, T, std::index_sequence<I...>>
    : recurrent_level<In, Hidden, Gates, O, T, I>... {
  template <std::size_t Level>
  using level = recurrent_level<In, Hidden, Gates, O, T, Level>;

  /// f(weight_ih, weight_hh, bias_ih, bias_hh) of one level, or with the weights alone.
  template <std::size_t Level>
  decltype(auto) visit_level(auto&& f) const {
    return level<Level>::visit(static_cast<level<Level> const&>(*this), f);
  }

  void reset_parameters(TorchRng& rng) { (reset_level<Hidden>(static_cast<level<I>&>(*this), rng), ...); }
  /// What torch.nn.RNNBase says of itself: sizes, and settings that are not the defaults.
  void extra_repr(auto& r) const {
    constexpr RNNOptions o = O;  // clang 19 makes references into O itself ones to elsewhere
    r.add(In).add(Hidden);
    if (o.num_layers != 1) r.add("num_layers", o.num_layers);
    if (!o.bias) r.add("bias", o.bias);
    if (o.batch_first) r.add("batch_first", o.batch_first);
    if (o.dropout != 0) r.add("dropout", o.dropout);
    if (o.bidirectional) r.add("bidirectional", o.bidirectional);
  }
};

// ---- the manifest --------------------------------------------------------------------------------------------------

struct RecurrentKey {
  std::array<char, 20> chars{};
  std::size_t length = 0;

  constexpr void add(std::string_view s) {
    for (char const c : s) chars[length++] = c;
  }
};

/// "weight_ih_l0" and so on: four of a cell, then four of each layer forwards, and of the same backwards.
inline constexpr auto recurrent_keys = [] {
  std::array<RecurrentKey, 4 * (1 + 2 * most_layers)> out{};
  constexpr std::string_view stems[4] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].add(stems[i % 4]);
    if (i < 4) continue;
    char const layer = static_cast<char>('0' + (i / 4 - 1) / 2);
    out[i].add("_l");
    out[i].add({&layer, 1});
    if ((i / 4 - 1) % 2 == 1) out[i].add("_reverse");
  }
  return out;
}();

/// The rows of a layer or cell L.
template <class L, std::size_t In, std::size_t Hidden, std::size_t Gates, RNNOptions O, class T, bool Cell = false>
inline constexpr auto recurrent_rows = [] {
  using Shape = RecurrentShape<In, Hidden, O>;
  constexpr std::size_t each = O.bias ? 4 : 2;
  std::array<Row, Shape::levels * each> out{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::size_t const k = i % each;
    std::size_t const layer = i / each / Shape::directions;
    std::size_t const direction = i / each % Shape::directions;
    RecurrentKey const& key = recurrent_keys[4 * (Cell ? 0 : 1 + 2 * layer + direction) + k];
    Row& row = out[i];
    row.key = {key.chars.data(), key.length};
    row.dtype = dtype_of<T>;
    row.shape.rank = k < 2 ? 2 : 1;
    row.shape[0] = Gates * Hidden;
    if (k < 2) row.shape[1] = k == 0 ? Shape::input_of(layer) : Hidden;
    row.bytes = row.shape.numel() * sizeof(T);
    row.offset = at;
    row.owner = type_name<L>();
    at += (row.bytes + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
  }
  if (at != sizeof(L)) throw "the parameters of a recurrent layer lie where its rows say";
  return out;
}();

constexpr void spell(Spelling& s, RNNNonlinearity const& v) { s.put(v.relu ? "\"relu\"" : "\"tanh\""); }

template <class T>
constexpr auto spell_recurrent(std::string_view name, std::size_t in, std::size_t hidden, RNNOptions const& o) {
  Spelling s(name);
  spell(s.argument(), in);
  spell(s.argument(), hidden);
  s.settings<T>("RNNOptions", o, [](Spelling& to, RNNOptions const& v, RNNOptions const& preset) {
    to.option("num_layers", v.num_layers, preset.num_layers);
    to.option("nonlinearity", v.nonlinearity, preset.nonlinearity);
    to.option("bias", v.bias, preset.bias);
    to.option("batch_first", v.batch_first, preset.batch_first);
    to.option("dropout", v.dropout, preset.dropout);
    to.option("bidirectional", v.bidirectional, preset.bidirectional);
  });
  return s.end();
}

}  // namespace detail
}  // namespace ashlar
