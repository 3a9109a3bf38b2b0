// Ashlar: a layer of a recurrent network on the tape: its pullback through time.  SPDX-License-Identifier: BSL-1.0
//
// Werbos, Backpropagation through time (1990). An op has one result, so the outputs of all steps and the last states
// stand one behind the other in it, and what a layer returns are parts of it: their gradients meet in the op's.
#pragma once

#include <ashlar/grad/part.hpp>
#include <ashlar/nn/recurrent_run.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

/// Operands x, h and, of an LSTM, c (directions, batch, hidden), then the parameters of each direction. Result: y
/// (rows, directions * hidden), then the last h, then the last c.
template <class Traits, std::size_t In>
struct RecurrentOp {
  static constexpr std::string_view name = Traits::name;
  using T = typename Traits::value_type;
  using Cell = typename Traits::Cell;
  static constexpr std::size_t hidden = Traits::hidden;
  static constexpr std::size_t directions = Traits::Shape::directions;
  static constexpr std::size_t width = directions * hidden;
  static constexpr std::size_t each = Traits::options.bias ? 4 : 2;
  static constexpr std::size_t first_parameter = 1 + Traits::states;

  kernels::Sequence q;
  T* gates = nullptr;  // (directions, rows, Cell::gates * hidden)
  T* kept = nullptr;   // (directions, rows, hidden)

  [[nodiscard]] std::size_t rows() const { return q.steps * q.batch; }
  [[nodiscard]] std::size_t state_size() const { return directions * q.batch * hidden; }

  template <class... V>
  auto output(V const&...) const {
    return like<T>(make_dims<dyn>(rows() * width + Traits::states * state_size()));
  }
  template <class... V>
  void prepare(TapeCore& tape, V const&...) {
    gates = tape.allocate<T>(directions * rows() * Cell::gates * hidden);
    kept = tape.allocate<T>(directions * rows() * hidden);
  }
  template <class Y, class... V>
  void forward(Y y, V const&... operands) const {
    std::array<T const*, sizeof...(V)> const in{operands.data()...};
    T* const state = y.data() + rows() * width;
    for (std::size_t k = 0; k < Traits::states; ++k) {
      copy_elements(in[1 + k], state_size(), state + k * state_size());
    }
    for (std::size_t d = 0; d < directions; ++d) {
      kernels::Sequence way = q;
      way.reverse = d == 1;
      Tensor<T, dyn> work(uninitialized_t{}, make_dims<dyn>(kernels::rnn_workspace<Cell, hidden, T>(q)));
      T* const h = state + d * q.batch * hidden;
      kernels::rnn<Cell, In, hidden>(way, in[0], weights(in, d), h, Traits::has_c ? h + state_size() : nullptr,
                                     y.data() + d * hidden, width, gates_of(d), kept_of(d), work.data());
    }
  }
  template <class Y, class... V>
  void pullback(Y dy, Y y, V const&... operands) const {
    std::array<T const*, sizeof...(V)> const in{operands.data()...};
    std::array<T*, sizeof...(V)> const to{operands.grad...};
    Tensor<T, dyn> d_state(uninitialized_t{}, make_dims<dyn>(Traits::states * state_size()));
    copy_elements(dy.data() + rows() * width, d_state.numel(), d_state.data());
    Tensor<T, dyn> work(uninitialized_t{}, make_dims<dyn>(kernels::rnn_backward_workspace<Cell, hidden>(q)));
    for (std::size_t d = 0; d < directions; ++d) {
      kernels::Sequence way = q;
      way.reverse = d == 1;
      std::size_t const at = d * q.batch * hidden;
      T* const dh = d_state.data() + at;
      kernels::rnn_backward<Cell, In, hidden>(
          way, in[0], weights(in, d), in[1] + at, Traits::has_c ? in[Traits::states] + at : nullptr,
          y.data() + d * hidden, width, gates_of(d), kept_of(d), dy.data() + d * hidden, dh,
          Traits::has_c ? dh + state_size() : nullptr, to[0], gradients(to, d), work.data());
    }
    for (std::size_t k = 0; k < Traits::states; ++k) {
      if (to[1 + k] != nullptr) kernels::accumulate(state_size(), d_state.data() + k * state_size(), to[1 + k]);
    }
  }

  [[nodiscard]] T* gates_of(std::size_t d) const { return gates + d * rows() * Cell::gates * hidden; }
  [[nodiscard]] T* kept_of(std::size_t d) const { return kept + d * rows() * hidden; }
  template <class In_>
  static kernels::RnnWeights<T> weights(In_ const& in, std::size_t d) {
    std::size_t const at = first_parameter + d * each;
    if constexpr (each == 4) return {in[at], in[at + 1], in[at + 2], in[at + 3]};
    else return {in[at], in[at + 1], nullptr, nullptr};
  }
  template <class To>
  static kernels::RnnGradients<T> gradients(To const& to, std::size_t d) {
    std::size_t const at = first_parameter + d * each;
    if constexpr (each == 4) return {to[at], to[at + 1], to[at + 2], to[at + 3]};
    else return {to[at], to[at + 1], nullptr, nullptr};
  }
};

/// States of all layers, one behind the other.
template <class T, class D>
struct StackStatesOp {
  D dims;

  template <class... V>
  auto output(V const&...) const {
    return like<T>(dims);
  }
  template <class Y, class... V>
  void forward(Y y, V const&... states) const {
    T* to = y.data();
    ((copy_elements(states.data(), states.numel(), to), to += states.numel()), ...);
  }
  template <class Y, class... V>
  void pullback(Y dy, Y, V const&... states) const {
    T const* from = dy.data();
    auto const add = [&](std::size_t n, T* to) {
      if (to != nullptr) kernels::accumulate(n, from, to);
      from += n;
    };
    (add(states.numel(), states.grad), ...);
  }
};

/// The first of the values that is recorded, or runs on a device.
template <class X, class... Rest>
auto const& traced_of(X const& x, [[maybe_unused]] Rest const&... rest) {
  if constexpr (is_traced<X> || runs_on_cuda<X>) return x;
  else return traced_of(rest...);
}

/// A state beside a traced value: as it is, or copied there, or zeros. Beside one on a device: cuda/ops/recurrent.hpp.
template <class Traced, class T, class D>
struct StateBeside;
template <class C, class U, std::size_t... F, class T, std::size_t... E>
struct StateBeside<Traced<C, U, F...>, T, Dims<E...>> {
  using type = Traced<C, T, E...>;
  static type zeros(Traced<C, U, F...> const& x, Dims<E...> const& dims) {
    return {x.tape(), x.tape()->template allocate_zeros<T>(dims.numel()), nullptr, dims};
  }
  template <class S>
  static type of(Traced<C, U, F...> const& x, Dims<E...> const& dims, S const& state) {
    if constexpr (is_traced<S>) {
      return part_of(state, 0, dims);
    } else {
      T* const copy = x.tape()->template allocate<T>(dims.numel());
      copy_elements(state.data(), dims.numel(), copy);
      return {x.tape(), copy, nullptr, dims};
    }
  }
};

/// Layer and those above it. `first`: the first states, h and, of an LSTM, c, of all levels; `done`: the last ones of
/// each layer below.
template <class Traits, std::size_t Layer, class L, class X, class... First, class... Done>
auto trace_layers(L const& layer, X const& x, std::tuple<First...> const& first, Done const&... done) {
  using Shape = typename Traits::Shape;
  using T = typename Traits::value_type;
  auto const dims = state_dims<Traits, Shape::directions>(x.dims());
  std::size_t const size = dims.numel();
  RecurrentOp<Traits, Shape::input_of(Layer)> const op{Traits::sequence(x.dims())};
  auto const run = [&](auto const&... parameters) {
    return std::apply(
        [&](auto const&... state) { return apply(op, x, part_of(state, Layer * size, dims)..., parameters...); },
        first);
  };
  auto const all = layer.template visit_level<Layer * Shape::directions>([&](auto const&... forwards) {
    if constexpr (Shape::directions == 1) {
      return run(forwards...);
    } else {
      return layer.template visit_level<Layer * 2 + 1>(
          [&](auto const&... backwards) { return run(forwards..., backwards...); });
    }
  });
  auto const y_dims = with_last<Shape::output>(x.dims());
  auto const y = part_of(all, 0, y_dims);
  auto const last = [&]<std::size_t... K>(std::index_sequence<K...>) {
    return std::tuple(part_of(all, y_dims.numel() + K * size, dims)...);
  }(std::make_index_sequence<Traits::states>{});
  if constexpr (Layer + 1 < Traits::options.num_layers) {
    if constexpr (is_training<std::remove_const_t<decltype(y)>> && Traits::options.dropout > 0) {
      return trace_layers<Traits, Layer + 1>(layer, apply(DropoutOp<T>{Traits::options.dropout}, y), first, done...,
                                             last);
    } else {
      return trace_layers<Traits, Layer + 1>(layer, y, first, done..., last);
    }
  } else {
    auto const stacked = [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
      if constexpr (sizeof...(Done) == 0) {
        return std::get<K>(last);
      } else {
        auto const whole = state_dims<Traits, Shape::levels>(x.dims());
        return apply(StackStatesOp<T, std::remove_const_t<decltype(whole)>>{whole}, std::get<K>(done)...,
                     std::get<K>(last));
      }
    };
    if constexpr (Traits::has_c) {
      return recurrent_output(y, stacked(std::integral_constant<std::size_t, 0>{}),
                              stacked(std::integral_constant<std::size_t, 1>{}));
    } else {
      return recurrent_output(y, stacked(std::integral_constant<std::size_t, 0>{}));
    }
  }
}

template <class Traits, class L, class X, class... S>
auto run_traced(L const& layer, X const& x, S const&... state) {
  auto const& traced = traced_of(x, state...);
  auto const dims = state_dims<Traits, Traits::Shape::levels>(x.dims());
  using State = StateBeside<std::remove_cvref_t<decltype(traced)>, typename Traits::value_type,
                            std::remove_const_t<decltype(dims)>>;
  if constexpr (sizeof...(S) != 0) {
    return trace_layers<Traits, 0>(layer, x, std::tuple(State::of(traced, dims, state)...));
  } else {
    auto const zeros = State::zeros(traced, dims);
    if constexpr (Traits::has_c) return trace_layers<Traits, 0>(layer, x, std::tuple(zeros, zeros));
    else return trace_layers<Traits, 0>(layer, x, std::tuple(zeros));
  }
}

/// A value to go on with after a mistake, so that it stays the only error.
template <class Traits, class X>
auto harmless_output(X const& x) {
  if constexpr (Traits::has_c) return recurrent_output(x, x, x);
  else return recurrent_output(x, x);
}

/// A recurrent layer with the first state, or with zeros.
template <class Traits, class L, class X, class... S>
auto run_recurrent(L const& layer, X const& x, S const&... state) {
  using Weight = Parameter<typename Traits::value_type, 1>;
  if constexpr (!together<X, S..., Weight>()) {
    return harmless_output<Traits>(refuse_device<Traits, X, S..., Weight>());
  } else if constexpr (!RecurrentMistake<Traits, X, S...>::value.empty()) {
    refuse<RecurrentMistake<Traits, X, S...>>();
    return harmless_output<Traits>(harmless(x, like<typename X::value_type>(x.dims())));
  } else {
    check_recurrent<Traits>(x, state...);
    if constexpr (!on_host<X, S...>() || (is_traced<X> || ... || is_traced<S>)) {
      return run_traced<Traits>(layer, x, state...);
    } else {
      return run_plain<Traits>(layer, x, state...);
    }
  }
}

}  // namespace ashlar::detail
