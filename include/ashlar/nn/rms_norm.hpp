// Ashlar: RMSNorm.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/rms_norm/cpu.hpp>
#include <ashlar/nn/layer_norm.hpp>
#include <ashlar/reflect/given_names.hpp>

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>

namespace ashlar {

/// Settings of RMSNorm, PyTorch's names and defaults.
struct RMSNormOptions {
  static constexpr double machine_epsilon = -1;  ///< that of T, PyTorch's None

  double eps = machine_epsilon;    ///< added to the mean square
  bool elementwise_affine = true;  ///< with a weight
};

namespace detail {

template <NormalizedShape N, RMSNormOptions O, class T>
struct RMSNormTraits : LayerNormTraits<N, LayerNormOptions{}> {
  static constexpr std::string_view name = "RMSNorm";
  static constexpr double eps = O.eps < 0 ? static_cast<double>(std::numeric_limits<T>::epsilon()) : O.eps;
};

/// Operands x and, if there is one, weight.
template <class Traits, class T>
struct RMSNormOp {
  static constexpr std::string_view name = Traits::name;

  template <class X, class... P>
  auto output(X x, P const&...) const {
    check_input<Traits>(x.dims());
    return like<T>(x.dims());
  }
  template <class Y, class X, class... P>
  void forward(Y y, X x, P const&... weight) const {
    std::array<T const*, 1> const w{weight.data()...};
    kernels::rms_norm(x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, w[0], y.data());
  }
  template <class Y, class X, class... P>
  void pullback(Y dy, Y, X const& x, P const&... weight) const {
    std::array<T const*, 1> const w{weight.data()...};
    std::array<T*, 1> const d{weight.grad...};
    kernels::rms_norm_backward(x.numel() / Traits::size, Traits::size, x.data(), Traits::eps, w[0], dy.data(), x.grad,
                               d[0]);
  }
};

template <class Traits, class X, class... P>
auto rms_norm(X const& x, P const&... weight) {
  return apply_layer<Traits>(RMSNormOp<Traits, typename X::value_type>{}, x, weight...);
}

template <NormalizedShape N, RMSNormOptions O>
void repr_rms_norm(auto& r) {
  r.add(normalized_extents<N>);
  if (O.eps < 0) r.add_text("eps=None");
  else r.add("eps", double(O.eps));
  r.add("elementwise_affine", bool(O.elementwise_affine));
}

}  // namespace detail

/// Divides the last dimensions by their root mean square, then scales each of their elements.
///
/// Usage   `RMSNorm<8>`, `RMSNorm<NormalizedShape{3, 4}, RMSNormOptions{.eps = 1e-6}>`.
/// Shapes  x (..., N...) -> the same; weight (N...). Leading dimensions pass through.
/// Dtype   T for the parameter, input and result; the mean is computed in double.
/// Keys    weight (unless elementwise_affine is false): what torch.nn.RMSNorm writes into a state_dict.
/// Init    weight 1; draws nothing.
/// Memory  an aggregate of inline arrays.
/// Cost    two passes over x; allocates y and nothing else.
/// Errors  compile time: the last extents of x are known and are not N.
///         run time: shape, if they are `dyn` and turn out different.
/// Source  Zhang and Sennrich, Root Mean Square Layer Normalization (2019); torch.nn.RMSNorm; oracle
///         tests/golden/layers/rms_norm*.safetensors.
template <NormalizedShape N, RMSNormOptions Options = RMSNormOptions{}, class T = float>
struct RMSNorm {
  typename detail::NormParameter<T, N>::type weight;

  using traits = detail::RMSNormTraits<N, Options, T>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::rms_norm<traits>(x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { weight.fill(T(1)); }
  void extra_repr(auto& r) const { detail::repr_rms_norm<N, Options>(r); }
};

/// Without a weight.
template <NormalizedShape N, RMSNormOptions Options, class T>
  requires(!Options.elementwise_affine)
struct RMSNorm<N, Options, T> {
  using traits = detail::RMSNormTraits<N, Options, T>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::rms_norm<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const { detail::repr_rms_norm<N, Options>(r); }
};

namespace detail {

template <NormalizedShape N, RMSNormOptions O, class T>
  requires(O.elementwise_affine)
struct GivenNames<RMSNorm<N, O, T>> : OnlyWeight {};

template <NormalizedShape N, RMSNormOptions O, class T>
struct NameOf<RMSNorm<N, O, T>> {
  static constexpr auto value = [] {
    Spelling s("RMSNorm");
    spell_shape(s.argument(), N);
    s.settings<T>("RMSNormOptions", O, [](Spelling& to, RMSNormOptions const& v, RMSNormOptions const& preset) {
      to.option("eps", v.eps, preset.eps);
      to.option("elementwise_affine", v.elementwise_affine, preset.elementwise_affine);
    });
    return s.end();
  }();
};

}  // namespace detail
}  // namespace ashlar
