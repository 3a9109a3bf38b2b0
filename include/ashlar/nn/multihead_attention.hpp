// Ashlar: MultiheadAttention.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/nn/attention.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/reshape.hpp>
#include <ashlar/reflect/given_names.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ashlar {

/// Settings of MultiheadAttention, PyTorch's names and defaults.
struct MultiheadAttentionOptions {
  bool bias = true;          ///< with in_proj_bias and out_proj.bias
  bool batch_first = false;  ///< x (batch, steps, features); else (steps, batch, features)
  std::size_t kdim = 0;      ///< features of keys; 0: those of queries
  std::size_t vdim = 0;      ///< features of values; 0: those of queries
};

/// A Linear, by the name that PyTorch gives the one in a MultiheadAttention.
template <std::size_t In, std::size_t Out, class T = float, bool Bias = true>
struct NonDynamicallyQuantizableLinear {
  Parameter<T, Out, In> weight;
  Parameter<T, Out> bias;

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return linear(x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return detail::flow_last(in, In, Out); }
  void extra_repr(auto& r) const { r.add("in_features", In).add("out_features", Out).add("bias", true); }
};
template <std::size_t In, std::size_t Out, class T>
struct NonDynamicallyQuantizableLinear<In, Out, T, false> {
  Parameter<T, Out, In> weight;

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return linear(x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return detail::flow_last(in, In, Out); }
  void extra_repr(auto& r) const { r.add("in_features", In).add("out_features", Out).add("bias", false); }
};

namespace detail {

template <std::size_t Embed, std::size_t Heads, MultiheadAttentionOptions O>
struct MultiheadTraits {
  static_assert(Heads > 0 && Embed % Heads == 0, "ashlar: heads of a MultiheadAttention divide its features");
  static constexpr std::string_view name = "MultiheadAttention";
  static constexpr std::size_t embed = Embed;
  static constexpr std::size_t heads = Heads;
  static constexpr bool batch_first = O.batch_first;
  static constexpr char const* no_step =
      "takes a query, a key and a value, so its struct needs an operator() with attention(x, x, x)";

  template <std::size_t Features>
  struct Map {
    [[nodiscard]] constexpr FlowStep flow(Flow const& x) const {
      if (x.known && !x.open && x.extents.rank != 2 && x.extents.rank != 3) {
        return FlowStep::refused(3, x.extents.rank, "dimensions, or 2 without a batch,");
      }
      return flow_last(x, Features, Embed);
    }
  };
  static constexpr Map<Embed> map{};

  template <std::size_t Features>
  struct Source {
    static constexpr std::string_view name = "MultiheadAttention";
    static constexpr Map<Features> map{};
  };
  using key = Source<O.kdim == 0 ? Embed : O.kdim>;
  using value = Source<O.vdim == 0 ? Embed : O.vdim>;

  template <class X>
  static std::size_t steps(X const& x) {
    return X::dims_type::rank == 2 ? x.size(0) : x.size(batch_first ? 1 : 0);
  }
  template <class X>
  static std::size_t batch(X const& x) {
    if constexpr (X::dims_type::rank == 2) return 1;
    else return x.size(batch_first ? 0 : 1);
  }
  static constexpr kernels::HeadStrides strides(std::size_t steps, std::size_t batch) {
    if (batch_first) return {steps * Embed, Embed / Heads, Embed};
    return {Embed, Embed / Heads, batch * Embed};
  }
};

/// Rows [Part * Out, (Part + 1) * Out) of a weight, or elements of a bias, of three projections in one.
template <std::size_t Part, std::size_t Out, class T, std::size_t Rows, std::size_t In>
auto projection_part(Parameter<T, Rows, In> const& weight) {
  return StoredView<Kind::parameter, T, Out, In>(weight.data() + Part * Out * In);
}
template <std::size_t Part, std::size_t Out, class T, std::size_t Rows>
auto projection_part(Parameter<T, Rows> const& bias) {
  return StoredView<Kind::parameter, T, Out>(bias.data() + Part * Out);
}

template <class Traits, std::size_t Part, class X, class Q, class K, class V, class... B>
auto project_apart(X const& x, Q const& q, K const& k, V const& v, B const&... bias) {
  return linear(x, std::get<Part>(std::tie(q, k, v)), projection_part<Part, Traits::embed>(bias)...);
}
/// From a weight of three projections in one, or from three weights; then the biases in one, or none.
template <class Traits, std::size_t Part, class X, class... P>
auto project(X const& x, P const&... parameters) {
  if constexpr (sizeof...(P) >= 3) return project_apart<Traits, Part>(x, parameters...);
  else return linear(x, projection_part<Part, Traits::embed>(parameters)...);
}

/// Attention between projections, whose heads lie side by side.
template <class Traits, bool Weights, class Q, class K, class V, class M, class P>
auto attend_heads(Q const& q, K const& k, V const& v, M const& attn_mask, P const& key_padding_mask) {
  using T = typename Q::value_type;
  static_assert(Q::dims_type::rank == K::dims_type::rank && Q::dims_type::rank == V::dims_type::rank,
                "ashlar: query, key and value of a MultiheadAttention have all a batch, or none has");
  constexpr std::size_t size = Traits::embed / Traits::heads;
  kernels::AttentionShape s{Traits::batch(q), Traits::heads, Traits::steps(q), Traits::steps(k), size, size};
  if (Traits::batch(k) != s.batch || Traits::batch(v) != s.batch || Traits::steps(v) != s.sources) {
    std::string text(
        "MultiheadAttention takes a key and a value alike, with the batch of the query, but the shapes are ");
    text.append(to_string(q.shape())).append(", ").append(to_string(k.shape())).append(" and ");
    throw Error(Errc::shape, text.append(to_string(v.shape())));
  }
  s.q = s.y = Traits::strides(s.targets, s.batch);
  s.k = s.v = Traits::strides(s.sources, s.batch);
  s.scale = 1 / std::sqrt(static_cast<double>(size));
  auto const mask = additive_mask<T>(attn_mask, true, q, k, v);
  auto const padding = additive_mask<T>(key_padding_mask, true, q, k, v);
  kernels::AttentionMask<T> m{};
  set_mask(m, mask, s, "MultiheadAttention");
  if constexpr (!std::is_same_v<P, NoMask>) {
    if (padding.numel() != s.batch * s.sources) {
      std::string text("MultiheadAttention takes a key_padding_mask (");
      text.append(std::to_string(s.batch)).append(", ").append(std::to_string(s.sources)).append(") but its shape is ");
      throw Error(Errc::shape, text.append(to_string(key_padding_mask.shape())));
    }
    set_padding(m, padding);
  }
  if constexpr (Weights) {
    return run_attention(s, m, q, k, v, q.dims(),
                         make_dims<dyn, Traits::heads, dyn, dyn>(s.batch, s.targets, s.sources));
  } else {
    return run_attention(s, m, q, k, v, q.dims());
  }
}

/// The first mistake of values of these types.
template <class Traits, class Q, class K, class V, class OfQuery = InputMistake<Traits, Q>,
          class OfKey = InputMistake<typename Traits::key, K>, class OfValue = InputMistake<typename Traits::value, V>>
using MultiheadMistake =
    std::conditional_t<!OfQuery::value.empty(), OfQuery, std::conditional_t<!OfKey::value.empty(), OfKey, OfValue>>;

template <class Traits, bool Weights, class Out, class Q, class K, class V, class M, class P, class... Parameters>
auto multihead(Out const& out_proj, Q const& query, K const& key, V const& value, M const& attn_mask,
               P const& key_padding_mask, Parameters const&... in_proj) {
  if constexpr (!together<Q, K, V, M, P>()) {
    return refuse_device<Traits, Q, K, V, M, P>();
  } else if constexpr (!one_dtype<Q, K, V, Parameters...>()) {
    refuse<DtypeMistake<Traits, Q, K, V, Parameters...>>();
    return harmless(query, like<typename Q::value_type>(query.dims()));
  } else if constexpr (!MultiheadMistake<Traits, Q, K, V>::value.empty()) {
    refuse<MultiheadMistake<Traits, Q, K, V>>();
    return harmless(query, like<typename Q::value_type>(query.dims()));
  } else {
    check_input<Traits>(query.dims());
    check_input<typename Traits::key>(key.dims());
    check_input<typename Traits::value>(value.dims());
    auto heads =
        attend_heads<Traits, Weights>(project<Traits, 0>(query, in_proj...), project<Traits, 1>(key, in_proj...),
                                      project<Traits, 2>(value, in_proj...), attn_mask, key_padding_mask);
    if constexpr (Weights) return attention_output(out_proj(heads.output), std::move(heads.weights));
    else return out_proj(heads);
  }
}

/// True if key and value have features of their own, and so weights of their own.
template <std::size_t Embed, MultiheadAttentionOptions O>
inline constexpr bool projects_apart = (O.kdim != 0 && O.kdim != Embed) || (O.vdim != 0 && O.vdim != Embed);

template <class Layer>
void reset_multihead(Layer& layer, TorchRng& rng) {
  constexpr std::size_t embed = Layer::traits::embed;
  double const bound = 1 / std::sqrt(static_cast<double>(embed));
  init::kaiming_uniform_(layer.out_proj.weight, std::sqrt(5.0), rng);
  if constexpr (requires { layer.in_proj_bias; }) init::uniform_(layer.out_proj.bias, -bound, bound, rng);
  if constexpr (requires { layer.in_proj_weight; }) {
    init::xavier_uniform_(layer.in_proj_weight, rng);
  } else {
    init::xavier_uniform_(layer.q_proj_weight, rng);
    init::xavier_uniform_(layer.k_proj_weight, rng);
    init::xavier_uniform_(layer.v_proj_weight, rng);
  }
  if constexpr (requires { layer.in_proj_bias; }) {
    init::zeros_(layer.in_proj_bias);
    init::zeros_(layer.out_proj.bias);
  }
}

}  // namespace detail

/// What a MultiheadAttention does between its projections, for networks with projections of their own, such as BERT:
/// `attention_of_heads<12>(query(x), key(x), value(x), no_mask, padding)`.
///
/// Shapes  q (batch, L, Heads * E), k, v (batch, S, Heads * E), or without batch -> as q. Masks as of
/// MultiheadAttention.
template <std::size_t Heads, TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
auto attention_of_heads(Q const& q, K const& k, V const& v, M const& attn_mask = {}, P const& key_padding_mask = {}) {
  using Traits =
      detail::MultiheadTraits<Q::dims_type::extents.back(), Heads, MultiheadAttentionOptions{.batch_first = true}>;
  if constexpr (!detail::together<Q, K, V, M, P>()) {
    return detail::refuse_device<Traits, Q, K, V, M, P>();
  } else if constexpr (!detail::MultiheadMistake<Traits, Q, K, V>::value.empty()) {
    detail::refuse<detail::MultiheadMistake<Traits, Q, K, V>>();
    return detail::harmless(q, detail::like<typename Q::value_type>(q.dims()));
  } else {
    detail::check_input<Traits>(k.dims());
    detail::check_input<Traits>(v.dims());
    return detail::attend_heads<Traits, false>(q, k, v, attn_mask, key_padding_mask);
  }
}

/// Attention of several heads, each to its part of the features: `y = attention(query, key, value)`, or with masks,
/// `attention(query, key, value, attn_mask, key_padding_mask)`, either of which may be `no_mask`.
///
/// Usage   `MultiheadAttention<64, 4, MultiheadAttentionOptions{.batch_first = true}>`.
/// Shapes  query (L, batch, Embed), key, value (S, batch, Embed, or kdim and vdim), or with batch_first (batch, L,
///         Embed), or without batch -> as query. attn_mask (L, S) or (batch * Heads, L, S), key_padding_mask (batch,
///         S): numbers that are added, or bool, where true hides, as in torch.nn.MultiheadAttention.
/// Keys    in_proj_weight (3 * Embed, Embed), or with another kdim or vdim q_proj_weight (Embed, Embed), k_proj_weight
///         (Embed, kdim), v_proj_weight (Embed, vdim); in_proj_bias, out_proj.weight, out_proj.bias: what
///         torch.nn.MultiheadAttention writes into a state_dict.
/// Init    in_proj_weight, or the three, as init::xavier_uniform_, biases 0, out_proj.weight as a Linear's, the very
///         numbers PyTorch draws from the same seed.
/// Memory  an aggregate of inline arrays. Works in one L x S square; a tape keeps the weights of all heads.
/// Errors  compile time: other features than Embed, other than 2 or 3 dimensions; heads that do not divide the
///         features. run time: shape, for what is `dyn`, and for masks.
/// Lacks   dropout of the weights, add_bias_kv, add_zero_attn.
/// Source  Vaswani et al., Attention is all you need (2017); torch.nn.MultiheadAttention; oracle
///         tests/golden/layers/mha*.safetensors.
template <std::size_t Embed, std::size_t Heads, MultiheadAttentionOptions Options = MultiheadAttentionOptions{},
          class T = float>
struct MultiheadAttention {
  Parameter<T, 3 * Embed, Embed> in_proj_weight;
  Parameter<T, 3 * Embed> in_proj_bias;
  NonDynamicallyQuantizableLinear<Embed, Embed, T> out_proj;

  using traits = detail::MultiheadTraits<Embed, Heads, MultiheadAttentionOptions{Options}>;
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto operator()(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                P const& key_padding_mask = {}) const {
    return detail::multihead<traits, false>(out_proj, query, key, value, attn_mask, key_padding_mask, in_proj_weight,
                                            in_proj_bias);
  }
  /// With the weights (batch, Heads, L, S): `auto [y, weights] = attention.with_weights(query, key, value)`.
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto with_weights(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                  P const& key_padding_mask = {}) const {
    return detail::multihead<traits, true>(out_proj, query, key, value, attn_mask, key_padding_mask, in_proj_weight,
                                           in_proj_bias);
  }
  static constexpr FlowStep flow(Flow const&) { return FlowStep::no_step(traits::no_step); }
  void reset_parameters(TorchRng& rng) { detail::reset_multihead(*this, rng); }
};

/// Without biases.
template <std::size_t Embed, std::size_t Heads, MultiheadAttentionOptions Options, class T>
  requires(!Options.bias && !detail::projects_apart<Embed, Options>)
struct MultiheadAttention<Embed, Heads, Options, T> {
  Parameter<T, 3 * Embed, Embed> in_proj_weight;
  NonDynamicallyQuantizableLinear<Embed, Embed, T, false> out_proj;

  using traits = detail::MultiheadTraits<Embed, Heads, MultiheadAttentionOptions{Options}>;
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto operator()(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                P const& key_padding_mask = {}) const {
    return detail::multihead<traits, false>(out_proj, query, key, value, attn_mask, key_padding_mask, in_proj_weight);
  }
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto with_weights(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                  P const& key_padding_mask = {}) const {
    return detail::multihead<traits, true>(out_proj, query, key, value, attn_mask, key_padding_mask, in_proj_weight);
  }
  static constexpr FlowStep flow(Flow const&) { return FlowStep::no_step(traits::no_step); }
  void reset_parameters(TorchRng& rng) { detail::reset_multihead(*this, rng); }
};

/// With weights of their own for key and value, whose features are others.
template <std::size_t Embed, std::size_t Heads, MultiheadAttentionOptions Options, class T>
  requires(Options.bias && detail::projects_apart<Embed, Options>)
struct MultiheadAttention<Embed, Heads, Options, T> {
  Parameter<T, Embed, Embed> q_proj_weight;
  Parameter<T, Embed, Options.kdim == 0 ? Embed : Options.kdim> k_proj_weight;
  Parameter<T, Embed, Options.vdim == 0 ? Embed : Options.vdim> v_proj_weight;
  Parameter<T, 3 * Embed> in_proj_bias;
  NonDynamicallyQuantizableLinear<Embed, Embed, T> out_proj;

  using traits = detail::MultiheadTraits<Embed, Heads, MultiheadAttentionOptions{Options}>;
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto operator()(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                P const& key_padding_mask = {}) const {
    return detail::multihead<traits, false>(out_proj, query, key, value, attn_mask, key_padding_mask, q_proj_weight,
                                            k_proj_weight, v_proj_weight, in_proj_bias);
  }
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto with_weights(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                  P const& key_padding_mask = {}) const {
    return detail::multihead<traits, true>(out_proj, query, key, value, attn_mask, key_padding_mask, q_proj_weight,
                                           k_proj_weight, v_proj_weight, in_proj_bias);
  }
  static constexpr FlowStep flow(Flow const&) { return FlowStep::no_step(traits::no_step); }
  void reset_parameters(TorchRng& rng) { detail::reset_multihead(*this, rng); }
};

/// The same without biases.
template <std::size_t Embed, std::size_t Heads, MultiheadAttentionOptions Options, class T>
  requires(!Options.bias && detail::projects_apart<Embed, Options>)
struct MultiheadAttention<Embed, Heads, Options, T> {
  Parameter<T, Embed, Embed> q_proj_weight;
  Parameter<T, Embed, Options.kdim == 0 ? Embed : Options.kdim> k_proj_weight;
  Parameter<T, Embed, Options.vdim == 0 ? Embed : Options.vdim> v_proj_weight;
  NonDynamicallyQuantizableLinear<Embed, Embed, T, false> out_proj;

  using traits = detail::MultiheadTraits<Embed, Heads, MultiheadAttentionOptions{Options}>;
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto operator()(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                P const& key_padding_mask = {}) const {
    return detail::multihead<traits, false>(out_proj, query, key, value, attn_mask, key_padding_mask, q_proj_weight,
                                            k_proj_weight, v_proj_weight);
  }
  template <TensorLike Q, TensorLike K, TensorLike V, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto with_weights(Q const& query, K const& key, V const& value, M const& attn_mask = {},
                                  P const& key_padding_mask = {}) const {
    return detail::multihead<traits, true>(out_proj, query, key, value, attn_mask, key_padding_mask, q_proj_weight,
                                           k_proj_weight, v_proj_weight);
  }
  static constexpr FlowStep flow(Flow const&) { return FlowStep::no_step(traits::no_step); }
  void reset_parameters(TorchRng& rng) { detail::reset_multihead(*this, rng); }
};

namespace detail {

template <std::size_t In, std::size_t Out, class T, bool Bias>
struct GivenNames<NonDynamicallyQuantizableLinear<In, Out, T, Bias>>
    : std::conditional_t<Bias, WeightAndBias, OnlyWeight> {};

template <std::size_t In, std::size_t Out, class T, bool Bias>
struct NameOf<NonDynamicallyQuantizableLinear<In, Out, T, Bias>> {
  static constexpr auto value = [] {
    Spelling s("NonDynamicallyQuantizableLinear");
    spell(s.argument(), In);
    spell(s.argument(), Out);
    if (!Bias || !std::is_same_v<T, float>) s.argument().put(type_name<T>());
    if (!Bias) s.argument().put(false);
    return s.end();
  }();
};
template <std::size_t Embed, std::size_t Heads, MultiheadAttentionOptions O, class T>
struct NameOf<MultiheadAttention<Embed, Heads, O, T>> {
  static constexpr auto value = [] {
    Spelling s("MultiheadAttention");
    spell(s.argument(), Embed);
    spell(s.argument(), Heads);
    s.settings<T>("MultiheadAttentionOptions", O,
                  [](Spelling& to, MultiheadAttentionOptions const& v, MultiheadAttentionOptions const& preset) {
                    to.option("bias", v.bias, preset.bias);
                    to.option("batch_first", v.batch_first, preset.batch_first);
                    to.option("kdim", v.kdim, preset.kdim);
                    to.option("vdim", v.vdim, preset.vdim);
                  });
    return s.end();
  }();
};

}  // namespace detail
}  // namespace ashlar
