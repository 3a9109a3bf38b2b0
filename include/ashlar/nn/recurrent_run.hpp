// Ashlar: what runs LSTM, GRU and RNN over a sequence, plain or recorded.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/rnn/cpu.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/recurrent_weights.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ashlar {

/// What a recurrent layer returns: `auto [y, state] = lstm(x)`.
template <class Y, class State>
struct RecurrentOutput {
  Y output;
  State state;
};

/// The state of an LSTM: `auto [h, c] = state`.
template <class H, class C = H>
struct LSTMState {
  H h;
  C c;
};

namespace detail {

inline constexpr char const* no_step_of_a_chain =
    "returns an output and a state, so its struct needs an operator() with auto [y, state] = layer(x)";

/// Extents (steps, features) or, with a batch, (steps, batch, features) in either order.
struct RecurrentMap {
  std::size_t in;

  [[nodiscard]] constexpr FlowStep flow(Flow const& x) const {
    if (x.known && !x.open && x.extents.rank != 2 && x.extents.rank != 3) {
      return FlowStep::refused(3, x.extents.rank, "dimensions, or 2 without a batch,");
    }
    return flow_last(x, in, in);
  }
};

template <class C, std::size_t In, std::size_t Hidden, RNNOptions O, class T>
struct RecurrentTraits {
  static constexpr std::string_view name = std::is_same_v<C, kernels::Lstm>  ? "LSTM"
                                           : std::is_same_v<C, kernels::Gru> ? "GRU"
                                                                             : "RNN";
  static constexpr RecurrentMap map{In};
  using Cell = C;
  using Shape = RecurrentShape<In, Hidden, O>;
  using value_type = T;
  static constexpr std::size_t hidden = Hidden;
  static constexpr RNNOptions options = O;
  static constexpr bool has_c = std::is_same_v<C, kernels::Lstm>;
  static constexpr std::size_t states = has_c ? 2 : 1;

  /// (levels, batch, hidden), or without a batch, for an x of these extents.
  static constexpr Extents state_of(Extents const& x, std::size_t levels) {
    if (x.rank == 2) return {2, {levels, Hidden}};
    return {3, {levels, x[O.batch_first ? 0 : 1], Hidden}};
  }
  template <class D>
  static kernels::Sequence sequence(D const& x) {
    if constexpr (D::rank == 2) return {x.size(0), 1, x.size(0)};
    else
      return {x.size(O.batch_first ? 1 : 0), x.size(O.batch_first ? 0 : 1), x.size(O.batch_first ? 1 : 0),
              O.batch_first};
  }
};

/// Dims of a state, from those of x.
template <class Traits, std::size_t Levels, class D>
auto state_dims(D const& x) {
  constexpr Extents e = Traits::state_of(D::type(), Levels);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    Dims<e[I]...> out{};
    if constexpr (decltype(out)::dyn_count != 0) out.dynamic[0] = Traits::sequence(x).batch;
    return out;
  }(std::make_index_sequence<e.rank>{});
}

template <class Traits, class X, class... S>
struct RecurrentMistake {
  static constexpr bool fits(Extents const& state, Extents const& wanted) {
    bool same = state.rank == wanted.rank;
    for (std::size_t d = 0; same && d < wanted.rank; ++d) {
      same = state[d] == wanted[d] || state[d] == dyn || wanted[d] == dyn;
    }
    return same;
  }
  static constexpr Sentence value = [] {
    Sentence s = InputMistake<Traits, X>::value;
    if (!s.empty()) return s;
    if (!(std::is_same_v<typename X::value_type, typename Traits::value_type> && ... &&
          std::is_same_v<typename S::value_type, typename Traits::value_type>)) {
      s.add("ashlar: ").add(Traits::name).add(" takes elements of its own type, ");
      return s.add(name_of(dtype_of<typename Traits::value_type>)).add(", as input and as state");
    }
    constexpr Extents wanted = Traits::state_of(X::dims_type::type(), Traits::Shape::levels);
    [[maybe_unused]] auto const check = [&](Extents const& state) {
      if (!s.empty() || fits(state, wanted)) return;
      s.add("ashlar: ").add(Traits::name).add(" takes a state ");
      add_shape(s, wanted);
      s.add(" but got ");
      add_shape(s, state);
    };
    (check(S::dims_type::type()), ...);
    return s;
  }();
};

/// What dyn hid from the compiler. Error: shape.
template <class Traits, class X, class... S>
void check_recurrent(X const& x, S const&... state) {
  check_input<Traits>(x.dims());
  [[maybe_unused]] auto const check = [&](Extents const& given) {
    Extents const wanted = Traits::state_of(x.shape(), Traits::Shape::levels);
    if (given == wanted) return;
    throw Error(Errc::shape, std::string(Traits::name) + " takes a state of shape " + to_string(wanted) +
                                 " but it is " + to_string(given));
  };
  (check(state.shape()), ...);
}

// ---- plain ---------------------------------------------------------------------------------------------------------

/// Steps whose gates are computed at once: they stay in a second-level cache, and a long sequence takes no more memory.
template <class Traits>
std::size_t steps_at_once(kernels::Sequence const& q) {
  std::size_t const row = Traits::Cell::gates * Traits::hidden * sizeof(typename Traits::value_type) * q.batch;
  std::size_t const some = row == 0 ? q.steps : (std::size_t{256} << 10) / row;
  return some < 32 ? 32 : some;
}

/// One level over a whole sequence, from the state at h, c, which becomes the last one.
template <class Traits, std::size_t In, class T>
void run_level(kernels::Sequence const& all, T const* x, kernels::RnnWeights<T> const& w, T* h, T* c, T* y) {
  constexpr std::size_t hidden = Traits::hidden;
  constexpr std::size_t ldy = Traits::Shape::output;
  std::size_t const some = steps_at_once<Traits>(all);
  kernels::Sequence q = all;
  q.steps = some < all.steps ? some : all.steps;
  Tensor<T, dyn> gates(uninitialized_t{}, make_dims<dyn>(q.steps * q.batch * Traits::Cell::gates * hidden));
  Tensor<T, dyn> work(uninitialized_t{}, make_dims<dyn>(kernels::rnn_workspace<typename Traits::Cell, hidden, T>(q)));
  for (std::size_t done = 0; done < all.steps; done += q.steps) {
    if (all.steps - done < q.steps) q.steps = all.steps - done;
    std::size_t const first = all.row(all.reverse ? all.steps - done - q.steps : done, 0);
    kernels::rnn<typename Traits::Cell, In, hidden>(q, x + first * In, w, h, c, y + first * ldy, ldy, gates.data(),
                                                    static_cast<T*>(nullptr), work.data());
  }
}

template <class... P>
auto rnn_weights(P const&... p) {
  using T = std::common_type_t<typename P::value_type...>;
  std::array<T const*, 4> const at{p.data()...};
  return kernels::RnnWeights<T>{at[0], at[1], at[2], at[3]};
}

/// Layer and those above it: x (rows, In) -> y (rows, output). h and c hold all levels.
template <class Traits, std::size_t Layer, class L, class T>
void run_layers(L const& layer, kernels::Sequence q, T const* x, T* h, T* c, T* y) {
  using Shape = typename Traits::Shape;
  std::size_t const level_size = q.batch * Traits::hidden;
  constexpr bool last = Layer + 1 == Traits::options.num_layers;
  Tensor<T, dyn> between(uninitialized_t{}, make_dims<dyn>(last ? 0 : q.steps * q.batch * Shape::output));
  T* const to = last ? y : between.data();
  [&]<std::size_t... D>(std::index_sequence<D...>) {
    auto const run = [&]<std::size_t Direction>(std::integral_constant<std::size_t, Direction>) {
      constexpr std::size_t level = Layer * Shape::directions + Direction;
      q.reverse = Direction == 1;
      auto const w = layer.template visit_level<level>([](auto const&... p) { return rnn_weights(p...); });
      run_level<Traits, Shape::input_of(Layer)>(
          q, x, w, h + level * level_size, c != nullptr ? c + level * level_size : c, to + Direction * Traits::hidden);
    };
    (run(std::integral_constant<std::size_t, D>{}), ...);
  }(std::make_index_sequence<Shape::directions>{});
  if constexpr (!last) run_layers<Traits, Layer + 1>(layer, q, static_cast<T const*>(to), h, c, y);
}

/// The state given, or zeros, as a tensor of its own.
template <class T, class D>
auto first_state(D const& dims) {
  auto out = make_like(like<T>(dims));
  out.fill(T(0));
  return out;
}
template <class T, class D, class S>
auto first_state(D const& dims, S const& given) {
  auto out = make_like(like<T>(dims));
  copy_elements(given.data(), out.numel(), out.data());
  return out;
}

template <class Y, class S>
RecurrentOutput<Y, S> recurrent_output(Y y, S state) {
  return {std::move(y), std::move(state)};
}
template <class Y, class H>
RecurrentOutput<Y, LSTMState<H>> recurrent_output(Y y, H h, H c) {
  return {std::move(y), {std::move(h), std::move(c)}};
}

template <class Traits, class L, class X, class... S>
auto run_plain(L const& layer, X const& x, S const&... state) {
  using T = typename Traits::value_type;
  auto const dims = state_dims<Traits, Traits::Shape::levels>(x.dims());
  auto y = make_like(like<T>(with_last<Traits::Shape::output>(x.dims())));
  auto const run = [&](T* h, T* c) {
    run_layers<Traits, 0>(layer, Traits::sequence(x.dims()), x.data(), h, c, y.data());
  };
  if constexpr (!Traits::has_c) {
    auto h = first_state<T>(dims, state...);
    run(h.data(), nullptr);
    return recurrent_output(std::move(y), std::move(h));
  } else if constexpr (sizeof...(S) == 0) {
    auto h = first_state<T>(dims);
    auto c = first_state<T>(dims);
    run(h.data(), c.data());
    return recurrent_output(std::move(y), std::move(h), std::move(c));
  } else {
    auto [h, c] = std::tuple(first_state<T>(dims, state)...);
    run(h.data(), c.data());
    return recurrent_output(std::move(y), std::move(h), std::move(c));
  }
}

}  // namespace detail
}  // namespace ashlar
