// Ashlar: LSTMCell, GRUCell and RNNCell, one step of a recurrent layer.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/recurrent_weights.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

template <std::size_t In, std::size_t Hidden, std::size_t Gates, RNNCellOptions O, class T>
struct CellWeights : RecurrentLevel<no_layer, false, O.bias, In, Hidden, Gates * Hidden, T> {
  using level = RecurrentLevel<no_layer, false, O.bias, In, Hidden, Gates * Hidden, T>;

  void reset_parameters(TorchRng& rng) { reset_level<Hidden>(static_cast<level&>(*this), rng); }
  void extra_repr(auto& r) const {
    r.add(In).add(Hidden);
    if constexpr (!O.bias) r.add("bias", O.bias);
    if constexpr (O.nonlinearity.relu) r.add_text("nonlinearity=relu");
  }
};

}  // namespace detail

template <std::size_t In, std::size_t Hidden, RNNCellOptions Options = RNNCellOptions{}, class T = float>
struct LSTMCell : detail::CellWeights<In, Hidden, 4, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNNCell");
};

template <std::size_t In, std::size_t Hidden, RNNCellOptions Options = RNNCellOptions{}, class T = float>
struct GRUCell : detail::CellWeights<In, Hidden, 3, Options, T> {
  static_assert(!Options.nonlinearity.relu, "ashlar: nonlinearity is a setting of RNNCell");
};

template <std::size_t In, std::size_t Hidden, RNNCellOptions Options = RNNCellOptions{}, class T = float>
struct RNNCell : detail::CellWeights<In, Hidden, 1, Options, T> {};

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
