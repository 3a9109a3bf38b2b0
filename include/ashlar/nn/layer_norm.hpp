// Ashlar: LayerNorm.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/torch_rng.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/layer_norm/cpu.hpp>
#include <ashlar/nn/apply_layer.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/reflect/given_names.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {

/// The last dimensions, which a LayerNorm takes together: `8`, `NormalizedShape{3, 4}`.
struct NormalizedShape {
  std::size_t rank;
  std::array<std::size_t, max_rank> extents{};

  template <class... N>
    requires(std::is_integral_v<N> && ...)
  constexpr NormalizedShape(N... n) : rank(sizeof...(N)), extents{static_cast<std::size_t>(n)...} {}
  constexpr NormalizedShape(std::size_t r, std::array<std::size_t, max_rank> const& e)
      : rank(r), extents(e) {}  // how nvcc writes a template argument
};

/// Settings of LayerNorm, PyTorch's names and defaults.
struct LayerNormOptions {
  double eps = 1e-5;               ///< added to the variance
  bool elementwise_affine = true;  ///< with a weight
  bool bias = true;                ///< and a bias, if there is a weight
};

namespace detail {

/// Parameter<T, extents...>.
template <class T, NormalizedShape N, class Indices = std::make_index_sequence<N.rank>>
struct NormParameter;
template <class T, NormalizedShape N, std::size_t... I>
struct NormParameter<T, N, std::index_sequence<I...>> {
  using type = Parameter<T, N.extents[I]...>;
};

/// Extents (..., those of N), as they are.
struct LastExtentsMap {
  NormalizedShape last;

  [[nodiscard]] constexpr FlowStep flow(Flow const& in) const {
    if (!in.known) return {in};
    Extents const& e = in.extents;
    if (!in.open && e.rank < last.rank) return FlowStep::refused(last.rank, e.rank, "or more dimensions");
    for (std::size_t back = 1; back <= last.rank && back <= e.rank; ++back) {
      std::size_t const given = e[e.rank - back];
      std::size_t const taken = last.extents[last.rank - back];
      if (given != dyn && given != taken) return FlowStep::refused(taken, given, "features");
    }
    return {in};
  }
};

template <NormalizedShape N, LayerNormOptions O>
struct LayerNormTraits {
  static constexpr std::string_view name = "LayerNorm";
  static constexpr LastExtentsMap map{N};
  static constexpr double eps = O.eps;
  static constexpr std::size_t size = [] {
    std::size_t n = 1;
    for (std::size_t d = 0; d < N.rank; ++d) n *= N.extents[d];
    return n;
  }();
  static_assert(N.rank > 0 && size > 0, "ashlar: a LayerNorm takes at least one element");
};

/// Operands x and, if there are any, weight and bias.
template <class Traits, class T>
struct LayerNormOp {
  static constexpr std::string_view name = Traits::name;

  template <class X, class... P>
  auto output(X x, P const&...) const {
    check_input<Traits>(x.dims());
    return like<T>(x.dims());
  }
  template <class Y, class X, class... P>
  void forward(Y y, X x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    kernels::layer_norm(x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, p[0], p[1], y.data());
  }
  template <class Y, class X, class... P>
  void pullback(Y dy, Y, X const& x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    std::array<T*, 2> const d{parameters.grad...};
    kernels::layer_norm_backward(x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, p[0], dy.data(), x.grad,
                                 d[0], d[1]);
  }
};

template <class Traits, class X, class... P>
auto layer_norm(X const& x, P const&... parameters) {
  return apply_layer<Traits>(LayerNormOp<Traits, typename X::value_type>{}, x, parameters...);
}

template <NormalizedShape N>
inline constexpr auto normalized_extents = []<std::size_t... I>(std::index_sequence<I...>) {
  return std::array{N.extents[I]...};
}(std::make_index_sequence<N.rank>{});

template <NormalizedShape N, LayerNormOptions O>
void repr_layer_norm(auto& r) {
  r.add(normalized_extents<N>).add("eps", O.eps).add("elementwise_affine", O.elementwise_affine);
  r.add("bias", O.elementwise_affine && O.bias);
}

}  // namespace detail

/// Normalises the last dimensions to mean 0 and variance 1, then scales and shifts each of their elements.
///
/// Usage   `LayerNorm<8>`, `LayerNorm<NormalizedShape{3, 4}, LayerNormOptions{.eps = 1e-12, .bias = false}>`.
/// Shapes  x (..., N...) -> the same; weight, bias (N...). Leading dimensions pass through.
/// Dtype   T for parameters, input and result; statistics are computed in double.
/// Keys    weight (unless elementwise_affine is false) and bias: what torch.nn.LayerNorm writes into a state_dict.
/// Init    weight 1, bias 0; draws nothing.
/// Memory  an aggregate of inline arrays.
/// Cost    three passes over x; allocates y and nothing else. The way back computes the statistics again.
/// Errors  compile time: the last extents of x are known and are not N.
///         run time: shape, if they are `dyn` and turn out different.
/// Source  Ba, Kiros and Hinton, Layer Normalization (2016); torch.nn.LayerNorm; oracle
///         tests/golden/layers/layer_norm*.safetensors.
template <NormalizedShape N, LayerNormOptions Options = LayerNormOptions{}, class T = float>
struct LayerNorm {
  typename detail::NormParameter<T, N>::type weight;
  typename detail::NormParameter<T, N>::type bias;

  using traits = detail::LayerNormTraits<N, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::layer_norm<traits>(x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) {
    weight.fill(T(1));
    bias.fill(T(0));
  }
  void extra_repr(auto& r) const { detail::repr_layer_norm<N, Options>(r); }
};

/// Without a bias.
template <NormalizedShape N, LayerNormOptions Options, class T>
  requires(Options.elementwise_affine && !Options.bias)
struct LayerNorm<N, Options, T> {
  typename detail::NormParameter<T, N>::type weight;

  using traits = detail::LayerNormTraits<N, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::layer_norm<traits>(x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { weight.fill(T(1)); }
  void extra_repr(auto& r) const { detail::repr_layer_norm<N, Options>(r); }
};

/// Without parameters.
template <NormalizedShape N, LayerNormOptions Options, class T>
  requires(!Options.elementwise_affine)
struct LayerNorm<N, Options, T> {
  using traits = detail::LayerNormTraits<N, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::layer_norm<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const { detail::repr_layer_norm<N, Options>(r); }
};

namespace detail {

template <NormalizedShape N, LayerNormOptions O, class T>
  requires(O.elementwise_affine)
struct GivenNames<LayerNorm<N, O, T>> : std::conditional_t<O.bias, WeightAndBias, OnlyWeight> {};

constexpr void spell_shape(Spelling& s, NormalizedShape const& n) {
  if (n.rank == 1) return spell(s, n.extents[0]);
  s.put("NormalizedShape{");
  for (std::size_t d = 0; d < n.rank; ++d) {
    if (d != 0) s.put(", ");
    s.put(n.extents[d]);
  }
  s.put("}");
}

template <NormalizedShape N, LayerNormOptions O, class T>
struct NameOf<LayerNorm<N, O, T>> {
  static constexpr auto value = [] {
    Spelling s("LayerNorm");
    spell_shape(s.argument(), N);
    s.settings<T>("LayerNormOptions", O, [](Spelling& to, LayerNormOptions const& v, LayerNormOptions const& preset) {
      to.option("eps", v.eps, preset.eps);
      to.option("elementwise_affine", v.elementwise_affine, preset.elementwise_affine);
      to.option("bias", v.bias, preset.bias);
    });
    return s.end();
  }();
};

}  // namespace detail
}  // namespace ashlar
