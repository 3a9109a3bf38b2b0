// Ashlar: LSTM, GRU and RNN, layers that run over a sequence.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/recurrent_op.hpp>
#include <ashlar/nn/recurrent_weights.hpp>

#include <cstddef>
#include <type_traits>

namespace ashlar {

/// Long short-term memory over a sequence: `auto [y, state] = lstm(x)`, or `lstm(x, state)` to go on from one.
///
/// Usage   `LSTM<1, 32>`, `LSTM<80, 128, RNNOptions{.num_layers = 2, .batch_first = true, .bidirectional = true}>`;
///         one sample at a time: nn/streaming.hpp and examples/streaming_lstm.cpp.
/// Shapes  x (steps, batch, In), with batch_first (batch, steps, In), or (steps, In) -> y (..., D * Hidden), D = 2 if
///         bidirectional, else 1; state.h and state.c (num_layers * D, batch, Hidden), or without batch.
/// Dtype   T for parameters, input, state and result; nothing is converted silently.
/// Keys    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, then weight_ih_l0_reverse, ..., weight_ih_l1, ...: what
///         torch.nn.LSTM writes into a state_dict. They are members too: `lstm.weight_hh_l1_reverse`.
/// Init    all uniform in [-1/sqrt(Hidden), 1/sqrt(Hidden)), the very numbers PyTorch draws from the same seed.
/// Memory  an aggregate of inline arrays. A long sequence is run in pieces, so that it takes no more memory than its
///         output; a tape keeps 5 * Hidden numbers a step.
/// Cost    8 * Hidden * (In + Hidden) flops a step. No allocation once the pool is warm.
/// Errors  compile time: x has not In features or is neither of 2 nor 3 dimensions; a state of another shape; an LSTM
/// as
///         a step of a chain. run time: shape, for what is `dyn`.
/// Lacks   proj_size.
/// Source  Hochreiter and Schmidhuber (1997); torch.nn.LSTM; oracle tests/golden/layers/lstm*.safetensors.
template <std::size_t In, std::size_t Hidden, RNNOptions Options = RNNOptions{}, class T = float>
struct LSTM : detail::RecurrentLevels<In, Hidden, 4, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNN");
  using traits = detail::RecurrentTraits<kernels::Lstm, In, Hidden, Options, T>;

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::run_recurrent<traits>(*this, x);
  }
  template <TensorLike X, TensorLike H, TensorLike C>
  [[nodiscard]] auto operator()(X const& x, LSTMState<H, C> const& state) const {
    return detail::run_recurrent<traits>(*this, x, state.h, state.c);
  }
  static constexpr FlowStep flow(Flow const&) { return FlowStep::no_step(detail::no_step_of_a_chain); }
};

/// Gated recurrent units over a sequence: `auto [y, h] = gru(x)`, or `gru(x, h)`. All else as LSTM, but the state is
/// one tensor, and a tape keeps 4 * Hidden numbers a step.
///
/// Cost    6 * Hidden * (In + Hidden) flops a step.
/// Note    the candidate is tanh(W x + b_ih + r * (U h + b_hh)), as in PyTorch and cuDNN.
/// Source  Cho et al. (2014); torch.nn.GRU; oracle tests/golden/layers/gru*.safetensors.
template <std::size_t In, std::size_t Hidden, RNNOptions Options = RNNOptions{}, class T = float>
struct GRU : detail::RecurrentLevels<In, Hidden, 3, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNN");
  using traits = detail::RecurrentTraits<kernels::Gru, In, Hidden, Options, T>;

  template <TensorLike X, TensorLike... H>
    requires(sizeof...(H) <= 1)
  [[nodiscard]] auto operator()(X const& x, H const&... h) const {
    return detail::run_recurrent<traits>(*this, x, h...);
  }
  static constexpr FlowStep flow(Flow const&) { return FlowStep::no_step(detail::no_step_of_a_chain); }
};

/// Elman's network over a sequence, h' = tanh(W x + b_ih + U h + b_hh), or with max(..., 0): `auto [y, h] = rnn(x)`.
/// All else as GRU.
///
/// Usage   `RNN<3, 4, RNNOptions{.nonlinearity = "relu"}>`.
/// Cost    2 * Hidden * (In + Hidden) flops a step.
/// Source  Elman (1990); torch.nn.RNN; oracle tests/golden/layers/rnn*.safetensors.
template <std::size_t In, std::size_t Hidden, RNNOptions Options = RNNOptions{}, class T = float>
struct RNN : detail::RecurrentLevels<In, Hidden, 1, Options, T> {
  using activation = std::conditional_t<Options.nonlinearity.relu, kernels::ReLU, kernels::Tanh>;
  using traits = detail::RecurrentTraits<kernels::Elman<activation>, In, Hidden, Options, T>;

  template <TensorLike X, TensorLike... H>
    requires(sizeof...(H) <= 1)
  [[nodiscard]] auto operator()(X const& x, H const&... h) const {
    return detail::run_recurrent<traits>(*this, x, h...);
  }
  static constexpr FlowStep flow(Flow const&) { return FlowStep::no_step(detail::no_step_of_a_chain); }
};

namespace detail {

template <std::size_t In, std::size_t Hidden, RNNOptions O, class T>
struct CustomRows<LSTM<In, Hidden, O, T>> {
  static constexpr bool specialised = true;
  static constexpr auto const& rows() { return recurrent_rows<LSTM<In, Hidden, O, T>, In, Hidden, 4, O, T>; }
};
template <std::size_t In, std::size_t Hidden, RNNOptions O, class T>
struct CustomRows<GRU<In, Hidden, O, T>> {
  static constexpr bool specialised = true;
  static constexpr auto const& rows() { return recurrent_rows<GRU<In, Hidden, O, T>, In, Hidden, 3, O, T>; }
};
template <std::size_t In, std::size_t Hidden, RNNOptions O, class T>
struct CustomRows<RNN<In, Hidden, O, T>> {
  static constexpr bool specialised = true;
  static constexpr auto const& rows() { return recurrent_rows<RNN<In, Hidden, O, T>, In, Hidden, 1, O, T>; }
};

template <std::size_t In, std::size_t Hidden, RNNOptions O, class T>
struct NameOf<LSTM<In, Hidden, O, T>> {
  static constexpr auto value = spell_recurrent<T>("LSTM", In, Hidden, O);
};
template <std::size_t In, std::size_t Hidden, RNNOptions O, class T>
struct NameOf<GRU<In, Hidden, O, T>> {
  static constexpr auto value = spell_recurrent<T>("GRU", In, Hidden, O);
};
template <std::size_t In, std::size_t Hidden, RNNOptions O, class T>
struct NameOf<RNN<In, Hidden, O, T>> {
  static constexpr auto value = spell_recurrent<T>("RNN", In, Hidden, O);
};

}  // namespace detail
}  // namespace ashlar
