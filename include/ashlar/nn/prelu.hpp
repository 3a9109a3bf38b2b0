// Ashlar: PReLU, a leaky ReLU whose slope is learned.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/prelu/cpu.hpp>
#include <ashlar/nn/along.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/reflect/given_names.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace ashlar {
namespace detail {

/// The dimension that PReLU's slopes belong to.
constexpr std::size_t channel_dim(std::size_t rank) { return rank > 1 ? 1 : 0; }

/// x (N, Channels, ...) with a slope for each channel, or any x with one slope.
template <std::size_t Channels>
struct PReLUOp {
  static constexpr std::string_view name = "PReLU";

  template <class T, std::size_t... E, class W>
  auto output(View<T const, E...> x, W const&) const {
    if constexpr (Channels != 1) {
      static_assert(sizeof...(E) >= 1, "ashlar: PReLU with a slope for each channel takes an input with channels");
      std::size_t const channels = x.size(channel_dim(sizeof...(E)));
      if (channels != Channels) {
        throw Error(Errc::shape,
                    "PReLU takes " + std::to_string(Channels) + " channels but the shape is " + to_string(x.shape()));
      }
    }
    return like<T>(x.dims());
  }
  template <class Y, class X, class W>
  void forward(Y y, X x, W slope) const {
    Split const s = split(x);
    kernels::prelu(s.outer, Channels, s.inner, x.data(), slope.data(), y.data());
  }
  template <class Y, class X, class W>
  void pullback(Y dy, Y, X const& x, W const& slope) const {
    Split const s = split(x);
    kernels::prelu_pullback(s.outer, Channels, s.inner, x.data(), slope.data(), dy.data(), x.grad, slope.grad);
  }

  struct Split {
    std::size_t outer, inner;
  };
  template <class X>
  static Split split(X const& x) {
    if constexpr (Channels == 1) {
      return {1, x.numel()};
    } else {
      Along const a(x.shape(), channel_dim(X::dims_type::rank));
      return {a.outer, a.inner};
    }
  }
};

}  // namespace detail

/// x where x > 0, else weight * x.
///
/// Shapes  x (N, Channels, ...) or (Channels), weight (Channels) -> y like x. With one channel, x has any shape.
/// Keys    weight: what torch.nn.PReLU writes into a state_dict.
/// Init    0.25.
/// Errors  the dimension of the channels is another: at compile time in a chain, else at run time: shape.
/// Source  torch.nn.PReLU; oracle tests/golden/layers/prelu*.safetensors.
template <std::size_t Channels = 1, class T = float>
struct PReLU {
  Parameter<T, Channels> weight;  // (Channels)

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    if constexpr (detail::together<X, decltype(weight)>() && !detail::one_dtype<X, decltype(weight)>()) {
      detail::refuse<detail::DtypeMistake<detail::PReLUOp<Channels>, X, decltype(weight)>>();
      return detail::harmless(x, detail::like<typename X::value_type>(x.dims()));
    } else {
      return apply(detail::PReLUOp<Channels>{}, x, weight);
    }
  }
  static constexpr FlowStep flow(Flow const& in) {
    if (Channels != 1 && in.known && !in.open && in.extents.rank != 0) {
      std::size_t const channels = in.extents[detail::channel_dim(in.extents.rank)];
      if (channels != dyn && channels != Channels) return FlowStep::refused(Channels, channels, "channels");
    }
    return {in};
  }
  void reset_parameters(TorchRng&) { init::constant_(weight, 0.25); }
  void extra_repr(auto& r) const { r.add("num_parameters", Channels); }
};

namespace detail {

template <std::size_t Channels, class T>
struct GivenNames<PReLU<Channels, T>> : OnlyWeight {};

}  // namespace detail
}  // namespace ashlar
