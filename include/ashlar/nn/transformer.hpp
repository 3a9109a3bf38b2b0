// Ashlar: TransformerEncoderLayer.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/layer_norm.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/multihead_attention.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {

/// What a TransformerEncoderLayer has between its Linears: "relu" or "gelu".
struct TransformerActivation {
  bool gelu;

  constexpr TransformerActivation(bool is_gelu) : gelu(is_gelu) {}  // as compilers write it
  template <std::size_t N>
  constexpr TransformerActivation(char const (&word)[N]) : gelu(std::string_view(word) == "gelu") {
    if (!gelu && std::string_view(word) != "relu") throw "the activation of a TransformerEncoderLayer is relu or gelu";
  }
  friend constexpr bool operator==(TransformerActivation const&, TransformerActivation const&) = default;
};

/// Settings of TransformerEncoderLayer, PyTorch's names and defaults.
struct TransformerOptions {
  double dropout = 0.1;  ///< in training, of what is added and between the Linears
  TransformerActivation activation = "relu";
  double layer_norm_eps = 1e-5;
  bool batch_first = false;  ///< x (batch, steps, features); else (steps, batch, features)
  bool norm_first = false;   ///< normalise what goes into attention and Linears, not the sums
  bool bias = true;
};

/// Attention of a sequence to itself and two Linears, each added to what it got and normalised.
///
/// Usage   `TransformerEncoderLayer<64, 4, 256, TransformerOptions{.activation = "gelu", .batch_first = true}>`; called
/// as
///         `layer(x)`, `layer(x, src_mask)`, `layer(x, no_mask, src_key_padding_mask)`: masks as of MultiheadAttention.
/// Shapes  x (steps, batch, Features), or with batch_first (batch, steps, Features), or (steps, Features) -> the same.
/// Keys    self_attn.*, linear1.*, linear2.*, norm1.*, norm2.*: what torch.nn.TransformerEncoderLayer writes.
/// Init    what PyTorch draws from the same seed.
/// Memory  an aggregate of inline arrays.
/// Errors  as MultiheadAttention.
/// Lacks   dropout of the attention's weights: with a dropout, training is not PyTorch's in distribution either.
/// Source  Vaswani et al. (2017); torch.nn.TransformerEncoderLayer; oracle
///         tests/golden/layers/transformer_encoder_layer*.safetensors.
template <std::size_t Features, std::size_t Heads, std::size_t Feedforward = 2048,
          TransformerOptions Options = TransformerOptions{}, class T = float>
struct TransformerEncoderLayer {
  static constexpr LayerNormOptions norm{.eps = Options.layer_norm_eps, .bias = Options.bias};
  static constexpr MultiheadAttentionOptions attention{.bias = Options.bias, .batch_first = Options.batch_first};

  MultiheadAttention<Features, Heads, attention, T> self_attn;
  Linear<Features, Feedforward, T, Options.bias> linear1;
  Dropout dropout{Options.dropout};
  Linear<Feedforward, Features, T, Options.bias> linear2;
  LayerNorm<Features, norm, T> norm1;
  LayerNorm<Features, norm, T> norm2;
  Dropout dropout1{Options.dropout};
  Dropout dropout2{Options.dropout};

  template <TensorLike X, class M = NoMask, class P = NoMask>
  [[nodiscard]] auto operator()(X const& x, M const& src_mask = {}, P const& src_key_padding_mask = {}) const {
    auto const attend = [&](auto const& a) { return dropout1(self_attn(a, a, a, src_mask, src_key_padding_mask)); };
    auto const feed = [&](auto const& a) {
      if constexpr (Options.activation.gelu) return dropout2(linear2(dropout(gelu(linear1(a)))));
      else return dropout2(linear2(dropout(relu(linear1(a)))));
    };
    if constexpr (Options.norm_first) {
      auto const y = x + attend(norm1(x));
      return y + feed(norm2(y));
    } else {
      auto const y = norm1(x + attend(x));
      return norm2(y + feed(y));
    }
  }
  static constexpr FlowStep flow(Flow const& in) { return detail::flow_last(in, Features, Features); }
};

namespace detail {

constexpr void spell(Spelling& s, TransformerActivation const& v) { s.put(v.gelu ? "\"gelu\"" : "\"relu\""); }

template <std::size_t Features, std::size_t Heads, std::size_t Feedforward, TransformerOptions O, class T>
struct NameOf<TransformerEncoderLayer<Features, Heads, Feedforward, O, T>> {
  static constexpr auto value = [] {
    Spelling s("TransformerEncoderLayer");
    spell(s.argument(), Features);
    spell(s.argument(), Heads);
    spell(s.argument(), Feedforward);
    s.settings<T>("TransformerOptions", O,
                  [](Spelling& to, TransformerOptions const& v, TransformerOptions const& preset) {
                    to.option("dropout", v.dropout, preset.dropout);
                    to.option("activation", v.activation, preset.activation);
                    to.option("layer_norm_eps", v.layer_norm_eps, preset.layer_norm_eps);
                    to.option("batch_first", v.batch_first, preset.batch_first);
                    to.option("norm_first", v.norm_first, preset.norm_first);
                    to.option("bias", v.bias, preset.bias);
                  });
    return s.end();
  }();
};

}  // namespace detail
}  // namespace ashlar
