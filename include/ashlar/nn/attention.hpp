// Ashlar: scaled_dot_product_attention.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/grad/part.hpp>
#include <ashlar/nn/attention_parts.hpp>
#include <ashlar/nn/flow.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {

/// Stands for a mask that is not there: `attention(q, k, v, no_mask, padding)`.
struct NoMask {};
inline constexpr NoMask no_mask{};

/// Settings of scaled_dot_product_attention.
struct AttentionOptions {
  bool is_causal = false;  ///< row i of q sees the rows of k up to i alone
  double scale = 0;        ///< of the products; 0: 1 / sqrt(features of q)
};

/// What MultiheadAttention::with_weights returns: `auto [y, weights] = ...`.
template <class Y, class W>
struct AttentionOutput {
  Y output;
  W weights;
};

namespace detail {

template <>
inline constexpr bool is_on_cuda<NoMask> = true;  // and on the host

/// A mask where it lies on a device: the kernels take one of bool as it is.
template <class T>
struct DeviceMask {
  T const* numbers = nullptr;
  bool const* flags = nullptr;
  std::size_t size = 0;
  bool hidden = true;

  template <class X, class M>
  static DeviceMask of(X const& x, M const& mask, bool hidden) {
    using E = typename M::value_type;
    static_assert(std::is_same_v<E, T> || std::is_same_v<E, bool>,
                  "ashlar: a mask on cuda is of bool, or of the type of what it is added to");
    E const* data = nullptr;
    if constexpr (requires { mask.device_data(); }) data = mask.device_data();
    else data = x.run().on_device(mask.data());  // a buffer of the network
    if constexpr (std::is_same_v<E, bool>) return {nullptr, data, mask.numel(), hidden};
    else return {data, nullptr, mask.numel(), hidden};
  }
  [[nodiscard]] std::size_t numel() const { return size; }
};

/// The first value that lies on a device.
template <class X, class... Rest>
auto const& on_device_of(X const& x, [[maybe_unused]] Rest const&... rest) {
  if constexpr (on_host<X>()) return on_device_of(rest...);
  else return x;
}

/// What to add to the products of q, k and v where a mask is: as it is, or, of a mask of bool, -infinity where it is
/// `hidden`.
template <class T, class M, class... X>
auto additive_mask(M const& mask, bool hidden, [[maybe_unused]] X const&... x) {
  if constexpr (std::is_same_v<M, NoMask>) {
    return Tensor<T, dyn>(0);
  } else if constexpr (!on_host<X...>()) {
    return DeviceMask<T>::of(on_device_of(x...), mask, hidden);
  } else {
    Tensor<T, dyn> out(uninitialized_t{}, make_dims<dyn>(mask.numel()));
    for (std::size_t i = 0; i < mask.numel(); ++i) {
      if constexpr (std::is_same_v<typename M::value_type, bool>) {
        out.data()[i] = mask.data()[i] == hidden ? -std::numeric_limits<T>::infinity() : T(0);
      } else {
        out.data()[i] = mask.data()[i];
      }
    }
    return out;
  }
}

/// The place of a mask, or of the padding, in what a kernel takes.
template <class T>
void set_numbers(T const*& numbers, bool const*&, bool&, Tensor<T, dyn> const& mask) {
  numbers = mask.data();
}
template <class T>
void set_numbers(T const*& numbers, bool const*& flags, bool& hidden, DeviceMask<T> const& mask) {
  numbers = mask.numbers;
  flags = mask.flags;
  hidden = mask.hidden;
}
template <class T, class M>
void set_padding(kernels::AttentionMask<T>& to, M const& padding) {
  set_numbers(to.padding, to.padding_flags, to.hidden, padding);
}

/// Strides of a mask for all, or of one for each sequence and head. Error: shape.
template <class T, class M>
void set_mask(kernels::AttentionMask<T>& to, M const& mask, kernels::AttentionShape const& s, std::string_view who) {
  std::size_t const area = s.targets * s.sources;
  if (mask.numel() == 0) return;
  set_numbers(to.mask, to.mask_flags, to.hidden, mask);
  if (mask.numel() == s.batch * s.heads * area) {
    to.head = area;
    to.batch = s.heads * area;
  } else if (mask.numel() != area) {
    throw Error(Errc::shape, std::string(who) + " takes a mask (" + std::to_string(s.targets) + ", " +
                                 std::to_string(s.sources) + "), or one of these for each head of each sequence, but " +
                                 "it has " + std::to_string(mask.numel()) + " elements");
  }
}

/// Operands q, k, v as the shape says; result y, with extents D.
template <class T, class D>
struct AttentionOp {
  static constexpr std::string_view name = "attention";

  kernels::AttentionShape s;
  kernels::AttentionMask<T> mask;  // read in the forward alone
  D dims;
  T* weights = nullptr;  // (batch, heads, targets, sources), kept for the way back

  [[nodiscard]] std::size_t weights_size() const { return s.batch * s.heads * s.targets * s.sources; }

  template <class... V>
  auto output(V const&...) const {
    return like<T>(dims);
  }
  template <class... V>
  void prepare(TapeCore& tape, V const&...) {
    weights = tape.allocate<T>(weights_size());
  }
  template <class Y, class Q, class K, class V>
  void forward(Y y, Q q, K k, V v) const {
    attention_in_parts<T>(s, mask, q.data(), k.data(), v.data(), y.data(), weights);
  }
  template <class Y, class Q, class K, class V>
  void pullback(Y dy, Y, Q const& q, K const& k, V const& v) const {
    attention_backward_in_parts<T>(s, q.data(), k.data(), v.data(), weights, dy.data(), nullptr, q.grad, k.grad,
                                   v.grad);
  }
};

/// The same with the weights as a second result, behind y.
template <class T>
struct WeightedAttentionOp {
  static constexpr std::string_view name = "attention";

  kernels::AttentionShape s;
  kernels::AttentionMask<T> mask;  // read in the forward alone

  [[nodiscard]] std::size_t y_size() const { return s.batch * s.heads * s.targets * s.value_size; }
  [[nodiscard]] std::size_t weights_size() const { return s.batch * s.heads * s.targets * s.sources; }

  template <class... V>
  auto output(V const&...) const {
    return like<T>(make_dims<dyn>(y_size() + weights_size()));
  }
  template <class Y, class Q, class K, class V>
  void forward(Y y, Q q, K k, V v) const {
    attention_in_parts<T>(s, mask, q.data(), k.data(), v.data(), y.data(), y.data() + y_size());
  }
  template <class Y, class Q, class K, class V>
  void pullback(Y dy, Y y, Q const& q, K const& k, V const& v) const {
    attention_backward_in_parts<T>(s, q.data(), k.data(), v.data(), y.data() + y_size(), dy.data(),
                                   dy.data() + y_size(), q.grad, k.grad, v.grad);
  }
};

template <class Y, class W>
AttentionOutput<Y, W> attention_output(Y y, W weights) {
  return {std::move(y), std::move(weights)};
}

/// y, and the weights if their Dims are given.
template <class T, class Q, class K, class V, class D, class... W>
auto run_attention(kernels::AttentionShape const& s, kernels::AttentionMask<T> const& mask, Q const& q, K const& k,
                   V const& v, D const& y_dims, W const&... weight_dims) {
  if constexpr (!on_host<Q, K, V>() || is_traced<Q> || is_traced<K> || is_traced<V>) {
    if constexpr (sizeof...(W) == 0) {
      return apply(AttentionOp<T, D>{s, mask, y_dims}, q, k, v);
    } else {
      WeightedAttentionOp<T> const op{s, mask};
      auto const both = apply(op, q, k, v);
      return attention_output(part_of(both, 0, y_dims), part_of(both, op.y_size(), weight_dims...));
    }
  } else {
    auto y = make_like(like<T>(y_dims));
    if constexpr (sizeof...(W) == 0) {
      attention_in_parts<T>(s, mask, q.data(), k.data(), v.data(), y.data(), nullptr);
      return y;
    } else {
      auto weights = make_like(like<T>(weight_dims...));
      attention_in_parts<T>(s, mask, q.data(), k.data(), v.data(), y.data(), weights.data());
      return attention_output(std::move(y), std::move(weights));
    }
  }
}

// ---- scaled_dot_product_attention ----------------------------------------------------------------------------------

template <class Q, class K, class V>
struct AttentionMistake {
  static constexpr bool differ(std::size_t a, std::size_t b) { return a != dyn && b != dyn && a != b; }
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr Extents q = Q::dims_type::type();
    constexpr Extents k = K::dims_type::type();
    constexpr Extents v = V::dims_type::type();
    if (q.rank < 2 || k.rank != q.rank || v.rank != q.rank) {
      s.add("ashlar: attention takes q, k and v of the same 2 or more dimensions but they have ").add(q.rank);
      return s.add(", ").add(k.rank).add(" and ").add(v.rank);
    }
    if (differ(q.back(), k.back())) {
      s.add("ashlar: attention takes a k with the features of q, ").add(q.back()).add(", but it has ").add(k.back());
    } else if (differ(k[k.rank - 2], v[v.rank - 2])) {
      s.add("ashlar: attention takes a v with the rows of k, ").add(k[k.rank - 2]).add(", but it has ");
      s.add(v[v.rank - 2]);
    } else if (v.back() == dyn) {
      s.add("ashlar: attention takes a v whose last extent is static");
    }
    return s;
  }();
};

template <class Q, class K, class V, class M>
auto attend(Q const& q, K const& k, V const& v, M const& attn_mask, AttentionOptions const& options) {
  using T = typename Q::value_type;
  if constexpr (!together<Q, K, V, M>()) {
    return refuse_device<WeightedAttentionOp<T>, Q, K, V, M>();
  } else if constexpr (!AttentionMistake<Q, K, V>::value.empty()) {
    refuse<AttentionMistake<Q, K, V>>();
    return harmless(q, like<T>(q.dims()));
  } else {
    constexpr std::size_t rank = Q::dims_type::rank;
    auto const lead = [](auto const& x) {
      std::size_t n = 1;
      for (std::size_t d = 0; d + 2 < rank; ++d) n *= x.size(d);
      return n;
    };
    kernels::AttentionShape s{.batch = lead(q), .targets = q.size(rank - 2), .sources = k.size(rank - 2)};
    s.size = q.size(rank - 1);
    s.value_size = v.size(rank - 1);
    if (lead(k) != s.batch || lead(v) != s.batch || k.size(rank - 1) != s.size || v.size(rank - 2) != s.sources) {
      throw Error(Errc::shape, "attention takes q (..., L, E), k (..., S, E) and v (..., S, F) but the shapes are " +
                                   to_string(q.shape()) + ", " + to_string(k.shape()) + " and " + to_string(v.shape()));
    }
    s.q = {s.targets * s.size, 0, s.size};
    s.k = {s.sources * s.size, 0, s.size};
    s.v = {s.sources * s.value_size, 0, s.value_size};
    s.y = {s.targets * s.value_size, 0, s.value_size};
    s.scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(s.size));
    s.is_causal = options.is_causal;
    auto const mask = additive_mask<T>(attn_mask, false, q, k, v);
    kernels::AttentionMask<T> m{};
    set_mask(m, mask, s, "attention");
    return run_attention(s, m, q, k, v, with_last<V::dims_type::extents[rank - 1]>(q.dims()));
  }
}

}  // namespace detail

/// softmax(scale * q * transpose(k) + mask) * v, of each of the leading dimensions by itself.
///
/// Shapes  q (..., L, E), k (..., S, E), v (..., S, F) -> (..., L, F); attn_mask (L, S) or (..., L, S): numbers that
/// are
///         added, or bool, where true means that the row of k takes part, as in torch.nn.functional.
/// Cost    2 * L * S * (E + F) flops; one L x S square to work in, from the pool. A tape keeps the weights.
/// Errors  compile time: extents that do not fit. run time: shape, for what is `dyn`, and for the mask.
/// Grad    of q, k and v; a mask is a constant.
/// Lacks   dropout, grouped queries.
/// Source  Vaswani et al. (2017); torch.nn.functional.scaled_dot_product_attention; oracle
///         tests/golden/layers/sdpa*.safetensors.
template <TensorLike Q, TensorLike K, TensorLike V>
auto scaled_dot_product_attention(Q const& q, K const& k, V const& v, AttentionOptions const& options = {}) {
  return detail::attend(q, k, v, no_mask, options);
}
template <TensorLike Q, TensorLike K, TensorLike V, TensorLike M>
auto scaled_dot_product_attention(Q const& q, K const& k, V const& v, M const& attn_mask,
                                  AttentionOptions const& options = {}) {
  return detail::attend(q, k, v, attn_mask, options);
}

}  // namespace ashlar
