// Ashlar: Streaming, a recurrent layer with its state, one step at a time.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/recurrent.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace ashlar {

/// Runs an LSTM, GRU or RNN one step at a time, as audio and control do, and keeps its state:
///
///   Streaming lstm(net.lstm);
///   for (float& sample : block) sample = net.head(lstm(sample)).item();
///
/// Shapes  x (In), or a number if In is 1 -> (Hidden): a view, valid until the next step. A block x (steps, In) ->
///         (steps, Hidden).
/// Memory  a copy of the weights, turned so that lanes run along Hidden, and the state, allocated by the constructor.
///         The layer may be gone afterwards; if its weights change, make another Streaming.
/// Cost    a step leaves its sums in registers until they are h'. Steps allocate nothing; a block takes its result from
///         the pool.
/// Errors  compile time: a bidirectional layer, which needs the whole sequence; an x of other extents, or recorded.
/// Note    the numbers are those of the layer run over the sequence, up to rounding. Batches and training: the layer
///         itself.
/// Usage   examples/streaming_lstm.cpp
template <class L>
class Streaming {
  using traits = typename L::traits;
  using T = typename traits::value_type;
  using Cell = typename traits::Cell;
  static constexpr std::size_t in = traits::map.in;
  static constexpr std::size_t hidden = traits::hidden;
  static constexpr std::size_t layers = traits::options.num_layers;
  static_assert(!traits::options.bidirectional,
                "ashlar: Streaming runs forwards, but a bidirectional layer needs the whole sequence");

 public:
  explicit Streaming(L const& layer) { pack<0>(layer); }

  /// Zeros for a state, as at the start.
  void reset() {
    h_.fill(T(0));
    c_.fill(T(0));
  }
  /// Goes on from the last state that the layer returned for a sequence without a batch.
  void reset(LSTMState<Tensor<T, layers, hidden>> const& state)
    requires(traits::has_c)
  {
    detail::copy_elements(state.c.data(), layers * hidden, c_.data());
    reset_h(state.h);
  }
  void reset(Tensor<T, layers, hidden> const& h)
    requires(!traits::has_c)
  {
    reset_h(h);
  }
  /// The state, as the layer takes it.
  [[nodiscard]] auto state() const {
    Tensor<T, layers, hidden> h(View<T const, layers, hidden>(h_.data() + now_ * layers * hidden));
    if constexpr (traits::has_c) return LSTMState<Tensor<T, layers, hidden>>{std::move(h), c_};
    else return h;
  }

  template <TensorLike X>
    requires(X::dims_type::rank == 2)
  auto operator()(X const& x) {
    check<X>();
    detail::check_last(x.shape(), in, "Streaming");
    auto y = detail::make_like(detail::like<T>(with_last<hidden>(x.dims())));
    if (y.numel() != 0) run_block<0>(x.size(0), x.data(), y.data());
    return y;
  }
  template <TensorLike X>
    requires(X::dims_type::rank == 1)
  View<T const, hidden> operator()(X const& x) noexcept {
    check<X>();
    static_assert(X::dims_type::is_static, "ashlar: Streaming takes the features of a step as a static extent");
    return step(x.data());
  }
  View<T const, hidden> operator()(T x) noexcept
    requires(in == 1)
  {
    return step(&x);
  }

 private:
  template <class X>
  static constexpr void check() {
    static_assert(!detail::is_traced<X>, "ashlar: Streaming does not train: run the layer itself on a tape");
    static_assert(std::is_same_v<typename X::value_type, T>, "ashlar: Streaming takes numbers of its layer's type");
    static_assert(X::dims_type::extents.back() == in || X::dims_type::extents.back() == dyn,
                  "ashlar: Streaming takes as many features as its layer");
  }
  static constexpr std::size_t input_of(std::size_t layer) { return layer == 0 ? in : hidden; }
  template <std::size_t Layer>
  static constexpr std::size_t size = kernels::rnn_packed_size<Cell, input_of(Layer), hidden, T>;
  static constexpr std::size_t place(std::size_t layer) { return layer == 0 ? 0 : size<0> + (layer - 1) * size<1>; }

  template <std::size_t Layer>
  void pack(L const& layer) {
    auto const w = layer.template visit_level<Layer>([](auto const&... p) { return detail::rnn_weights(p...); });
    kernels::rnn_pack<Cell, input_of(Layer), hidden>(w, packed_.data() + place(Layer));
    if constexpr (Layer + 1 < layers) pack<Layer + 1>(layer);
  }
  void reset_h(Tensor<T, layers, hidden> const& h) {
    detail::copy_elements(h.data(), layers * hidden, h_.data() + now_ * layers * hidden);
  }
  View<T const, hidden> step(T const* x) noexcept {
    T const* const before = h_.data() + now_ * layers * hidden;
    now_ = 1 - now_;
    return step_layer<0>(x, before, h_.data() + now_ * layers * hidden, traits::has_c ? c_.data() : nullptr);
  }
  template <std::size_t Layer>
  View<T const, hidden> step_layer(T const* x, T const* before, T* h, T* c) noexcept {
    constexpr std::size_t at = Layer * hidden;
    kernels::rnn_packed<Cell, input_of(Layer), hidden>(1, x, packed_.data() + place(Layer), before + at,
                                                       c != nullptr ? c + at : c, h + at);
    if constexpr (Layer + 1 < layers) return step_layer<Layer + 1>(h + at, before, h, c);
    else return {h + at};
  }

  template <std::size_t Layer>
  void run_block(std::size_t steps, T const* x, T* y) {
    T* const h = h_.data() + (now_ * layers + Layer) * hidden;
    kernels::rnn_packed<Cell, input_of(Layer), hidden>(steps, x, packed_.data() + place(Layer), h,
                                                       traits::has_c ? c_.data() + Layer * hidden : nullptr, y);
    detail::copy_elements(y + (steps - 1) * hidden, hidden, h);
    if constexpr (Layer + 1 < layers) {
      Tensor<T, dyn, hidden> const below(View<T const, dyn, hidden>(y, detail::make_dims<dyn, hidden>(steps)));
      run_block<Layer + 1>(steps, below.data(), y);
    }
  }

  Tensor<T, place(layers)> packed_;
  Tensor<T, 2, layers, hidden> h_;  // before a step and after it, in turn
  Tensor<T, layers, hidden> c_;
  std::size_t now_ = 0;
};

}  // namespace ashlar
