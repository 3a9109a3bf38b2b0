// Ashlar: LSTM, GRU and RNN, layers that run over a sequence.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/recurrent_weights.hpp>

#include <cstddef>

namespace ashlar {

template <std::size_t In, std::size_t Hidden, RNNOptions Options = RNNOptions{}, class T = float>
struct LSTM : detail::RecurrentLevels<In, Hidden, 4, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNN");
};

template <std::size_t In, std::size_t Hidden, RNNOptions Options = RNNOptions{}, class T = float>
struct GRU : detail::RecurrentLevels<In, Hidden, 3, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNN");
};

template <std::size_t In, std::size_t Hidden, RNNOptions Options = RNNOptions{}, class T = float>
struct RNN : detail::RecurrentLevels<In, Hidden, 1, Options, T> {};

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
