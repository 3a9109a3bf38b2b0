// Ashlar: Embedding, a table of vectors looked up by index.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/embedding/cpu.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/reflect/given_names.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// Settings of Embedding, PyTorch's names and defaults.
struct EmbeddingOptions {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t padding_idx = none;  ///< this row starts as zeros and gets no gradient
};

namespace detail {

template <class X>
struct EmbeddingMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    using I = typename X::value_type;
    if (!std::is_same_v<I, std::int64_t> && !std::is_same_v<I, std::int32_t>) {
      s.add("ashlar: Embedding takes indices of i64 or i32 but the input is ").add(name_of(dtype_of<I>));
    }
    return s;
  }();
};

/// (...) -> (..., Last), run-time extents kept.
template <std::size_t Last, std::size_t... E>
constexpr auto append_extent(Dims<E...> const& from) {
  Dims<E..., Last> to{};
  if constexpr (to.dyn_count != 0) to.dynamic = from.dynamic;
  return to;
}

/// y[...] = weight[x[...]]. The weight is checked by the layer.
template <std::size_t Num, std::size_t Dim, std::size_t Padding>
struct EmbeddingOp {
  static constexpr std::string_view name = "Embedding";

  template <class X, class T>
  auto output(X x, View<T const, Num, Dim> const&) const {
    std::size_t const bad = kernels::first_bad_index(x.numel(), Num, x.data());
    if (bad != x.numel()) {
      throw Error(Errc::value, "index " + std::to_string(x.data()[bad]) + " at position " + std::to_string(bad) +
                                   " is no row of the Embedding: there are " + std::to_string(Num) + ", from 0");
    }
    return like<T>(append_extent<Dim>(x.dims()));
  }
  template <class Y, class X, class W>
  void forward(Y y, X x, W weight) const {
    kernels::embedding(x.numel(), Dim, x.data(), weight.data(), y.data());
  }
  template <class Y, class X, class W>
  void pullback(Y dy, Y, X const& x, W const& weight) const {
    if (weight.grad == nullptr) return;
    kernels::embedding_backward(x.numel(), Dim, x.data(), Padding, dy.data(), weight.grad);
  }
};

}  // namespace detail

/// A table of Num vectors of Dim elements, looked up by index: y = weight[x].
///
/// Shapes  x (...), weight (Num, Dim) -> y (..., Dim).
/// Dtype   x i64 or i32; T for the weight, the result and its gradient.
/// Keys    weight: what torch.nn.Embedding writes into a state_dict.
/// Init    normal with mean 0 and deviation 1, as PyTorch draws it; the row padding_idx is zeros.
/// Memory  an aggregate, one inline array.
/// Cost    copies the rows, and reads each index once more to check it; allocates y and nothing else.
/// Grad    rows that are looked up more than once get the sum; the row padding_idx gets none.
/// Errors  compile time: x holds no integers, padding_idx is no row.
///         run time: value, for an index that is negative or not below Num.
/// Source  torch.nn.Embedding; oracle tests/golden/layers/embedding*.safetensors.
/// Usage   a table that is also the output projection: `linear(x, embed.weight)` in the forward, and a member
///         `Tied<"embed.weight">` where the state_dict has the projection's key. Its gradients add up.
template <std::size_t Num, std::size_t Dim, class T = float, EmbeddingOptions Options = EmbeddingOptions{}>
struct Embedding {
  static_assert(Options.padding_idx == EmbeddingOptions::none || Options.padding_idx < Num,
                "ashlar: padding_idx of an Embedding is one of its rows");
  static constexpr std::size_t num_embeddings = Num;
  static constexpr std::size_t embedding_dim = Dim;

  Parameter<T, Num, Dim> weight;  // (Num, Dim)

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    if constexpr (!detail::together<X, decltype(weight)>()) {
      return detail::refuse_device<Embedding, X, decltype(weight)>();
    } else if constexpr (!detail::EmbeddingMistake<X>::value.empty()) {
      detail::refuse<detail::EmbeddingMistake<X>>();
      return detail::harmless(x, detail::like<T>(detail::append_extent<Dim>(x.dims())));
    } else {
      return apply(detail::EmbeddingOp<Num, Dim, Options.padding_idx>{}, x, weight);
    }
  }
  static constexpr FlowStep flow(Flow const& in) {
    if (!in.known || in.open || in.extents.rank == max_rank) return {Flow::ends_with(Dim)};
    FlowStep step{in};
    step.out.extents[step.out.extents.rank++] = Dim;
    return step;
  }

  void reset_parameters(TorchRng& rng) {
    init::normal_(weight, 0, 1, rng);
    if constexpr (Options.padding_idx != EmbeddingOptions::none) {
      for (std::size_t d = 0; d < Dim; ++d) weight(Options.padding_idx, d) = T(0);
    }
  }
  void extra_repr(auto& r) const {
    r.add(Num).add(Dim);
    if (Options.padding_idx != EmbeddingOptions::none) r.add("padding_idx", Options.padding_idx);
  }
};

namespace detail {

template <std::size_t Num, std::size_t Dim, class T, EmbeddingOptions O>
struct GivenNames<Embedding<Num, Dim, T, O>> : OnlyWeight {};

template <std::size_t Num, std::size_t Dim, class T, EmbeddingOptions O>
struct NameOf<Embedding<Num, Dim, T, O>> {
  static constexpr auto value = [] {
    Spelling s("Embedding");
    spell(s.argument(), Num);
    spell(s.argument(), Dim);
    if constexpr (O.padding_idx == EmbeddingOptions::none) {
      s.element<T>();
    } else {
      s.argument().put(type_name<T>());
      s.argument().put("EmbeddingOptions{");
      s.option("padding_idx", O.padding_idx, EmbeddingOptions::none);
      s.put("}");
    }
    return s.end();
  }();
};

}  // namespace detail
}  // namespace ashlar
