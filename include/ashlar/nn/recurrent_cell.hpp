// Ashlar: LSTMCell, GRUCell and RNNCell, one step of a recurrent layer.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/recurrent_op.hpp>
#include <ashlar/nn/recurrent_weights.hpp>

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar {
namespace detail {

template <std::size_t In, std::size_t Hidden, std::size_t Gates, RNNCellOptions O, class T>
struct CellWeights : RecurrentLevel<no_layer, false, O.bias, In, Hidden, Gates * Hidden, T> {
  using level = RecurrentLevel<no_layer, false, O.bias, In, Hidden, Gates * Hidden, T>;

  template <std::size_t>
  decltype(auto) visit_level(auto&& f) const {
    return level::visit(static_cast<level const&>(*this), f);
  }
  void reset_parameters(TorchRng& rng) { reset_level<Hidden>(static_cast<level&>(*this), rng); }
  void extra_repr(auto& r) const {
    r.add(In).add(Hidden);
    if (!O.bias) r.add("bias", false);
    if (O.nonlinearity.relu) r.add_text("nonlinearity=relu");
  }
};

/// Extents (features) or (batch, features).
template <std::size_t In, std::size_t Hidden>
struct CellMap {
  [[nodiscard]] constexpr FlowStep flow(Flow const& x) const {
    if (x.known && !x.open && x.extents.rank != 1 && x.extents.rank != 2) {
      return FlowStep::refused(2, x.extents.rank, "dimensions, or 1 without a batch,");
    }
    return flow_last(x, In, Hidden);
  }
};

/// A cell is a layer that runs over one step.
template <class C, std::size_t In, std::size_t Hidden, RNNCellOptions O, class T>
struct CellTraits : RecurrentTraits<C, In, Hidden, RNNOptions{.bias = O.bias}, T> {
  static constexpr std::string_view name = std::is_same_v<C, kernels::Lstm>  ? "LSTMCell"
                                           : std::is_same_v<C, kernels::Gru> ? "GRUCell"
                                                                             : "RNNCell";
  static constexpr CellMap<In, Hidden> map{};

  static constexpr Extents state_of(Extents const& x, std::size_t) {
    if (x.rank == 1) return {1, {Hidden}};
    return {2, {x[0], Hidden}};
  }
  template <class D>
  static kernels::Sequence sequence(D const& x) {
    return {1, D::rank == 1 ? 1 : x.size(0), 1};
  }
};

}  // namespace detail

/// One step of an LSTM: `auto [h, c] = cell(x)`, from zeros, or `cell(x, state)`, from LSTMState{h, c}.
///
/// Shapes  x (batch, In) or (In) -> h, c (batch, Hidden) or (Hidden), which the state has too.
/// Keys    weight_ih (4 * Hidden, In), weight_hh (4 * Hidden, Hidden), bias_ih, bias_hh: what torch.nn.LSTMCell writes
///         into a state_dict. They are members too.
/// Init    all uniform in [-1/sqrt(Hidden), 1/sqrt(Hidden)), the very numbers PyTorch draws from the same seed.
/// Memory  an aggregate of inline arrays.
/// Errors  compile time: x has not In features or is neither of 1 nor 2 dimensions; a state of another shape; a cell as
///         a step of a chain. run time: shape, for what is `dyn`.
/// Source  torch.nn.LSTMCell; oracle tests/golden/layers/lstm_cell*.safetensors.
template <std::size_t In, std::size_t Hidden, RNNCellOptions Options = RNNCellOptions{}, class T = float>
struct LSTMCell : detail::CellWeights<In, Hidden, 4, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNNCell");
  using traits = detail::CellTraits<kernels::Lstm, In, Hidden, Options, T>;

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::run_recurrent<traits>(*this, x).state;
  }
  template <TensorLike X, TensorLike H, TensorLike C>
  [[nodiscard]] auto operator()(X const& x, LSTMState<H, C> const& state) const {
    return detail::run_recurrent<traits>(*this, x, state.h, state.c).state;
  }
  static constexpr FlowStep flow(Flow const&) {
    return FlowStep::no_step("returns h and c, so its struct needs an operator() with auto [h, c] = cell(x, state)");
  }
};

/// One step of a GRU: `h = cell(x)`, from zeros, or `h = cell(x, h)`. All else as LSTMCell.
///
/// Source  torch.nn.GRUCell; oracle tests/golden/layers/gru_cell*.safetensors.
template <std::size_t In, std::size_t Hidden, RNNCellOptions Options = RNNCellOptions{}, class T = float>
struct GRUCell : detail::CellWeights<In, Hidden, 3, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNNCell");
  using traits = detail::CellTraits<kernels::Gru, In, Hidden, Options, T>;

  template <TensorLike X, TensorLike... H>
    requires(sizeof...(H) <= 1)
  [[nodiscard]] auto operator()(X const& x, H const&... h) const {
    return detail::run_recurrent<traits>(*this, x, h...).state;
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
};

/// One step of an RNN: `h = cell(x)`, from zeros, or `h = cell(x, h)`. All else as LSTMCell.
///
/// Usage   `RNNCell<3, 4, RNNCellOptions{.nonlinearity = "relu"}>`.
/// Source  torch.nn.RNNCell; oracle tests/golden/layers/rnn_cell*.safetensors.
template <std::size_t In, std::size_t Hidden, RNNCellOptions Options = RNNCellOptions{}, class T = float>
struct RNNCell : detail::CellWeights<In, Hidden, 1, Options, T> {
  using activation = std::conditional_t<Options.nonlinearity.relu, kernels::ReLU, kernels::Tanh>;
  using traits = detail::CellTraits<kernels::Elman<activation>, In, Hidden, Options, T>;

  template <TensorLike X, TensorLike... H>
    requires(sizeof...(H) <= 1)
  [[nodiscard]] auto operator()(X const& x, H const&... h) const {
    return detail::run_recurrent<traits>(*this, x, h...).state;
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
};

namespace detail {

template <class L, std::size_t In, std::size_t Hidden, std::size_t Gates, RNNCellOptions O, class T>
struct CellRows {
  static constexpr bool specialised = true;
  static constexpr auto const& rows() {
    return recurrent_rows<L, In, Hidden, Gates, RNNOptions{.bias = O.bias}, T, true>;
  }
};
template <std::size_t In, std::size_t Hidden, RNNCellOptions O, class T>
struct CustomRows<LSTMCell<In, Hidden, O, T>> : CellRows<LSTMCell<In, Hidden, O, T>, In, Hidden, 4, O, T> {};
template <std::size_t In, std::size_t Hidden, RNNCellOptions O, class T>
struct CustomRows<GRUCell<In, Hidden, O, T>> : CellRows<GRUCell<In, Hidden, O, T>, In, Hidden, 3, O, T> {};
template <std::size_t In, std::size_t Hidden, RNNCellOptions O, class T>
struct CustomRows<RNNCell<In, Hidden, O, T>> : CellRows<RNNCell<In, Hidden, O, T>, In, Hidden, 1, O, T> {};

template <class T>
constexpr auto spell_cell(std::string_view name, std::size_t in, std::size_t hidden, RNNCellOptions const& o) {
  Spelling s(name);
  spell(s.argument(), in);
  spell(s.argument(), hidden);
  s.settings<T>("RNNCellOptions", o, [](Spelling& to, RNNCellOptions const& v, RNNCellOptions const& preset) {
    to.option("bias", v.bias, preset.bias);
    to.option("nonlinearity", v.nonlinearity, preset.nonlinearity);
  });
  return s.end();
}
template <std::size_t In, std::size_t Hidden, RNNCellOptions O, class T>
struct NameOf<LSTMCell<In, Hidden, O, T>> {
  static constexpr auto value = spell_cell<T>("LSTMCell", In, Hidden, O);
};
template <std::size_t In, std::size_t Hidden, RNNCellOptions O, class T>
struct NameOf<GRUCell<In, Hidden, O, T>> {
  static constexpr auto value = spell_cell<T>("GRUCell", In, Hidden, O);
};
template <std::size_t In, std::size_t Hidden, RNNCellOptions O, class T>
struct NameOf<RNNCell<In, Hidden, O, T>> {
  static constexpr auto value = spell_cell<T>("RNNCell", In, Hidden, O);
};

}  // namespace detail
}  // namespace ashlar
