// Ashlar: Sequential, layers that run one after the other.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/index.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/nn/infer.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

// Storage of a Sequential: eight members a block, the rest nested in the last. A plain recursion of pairs would give
// each layer a type that names all layers after it, and names of quadratic length; base classes would let one layer
// move into the tail padding of another.
template <class... L>
struct SequentialBlock;
template <>
struct SequentialBlock<> {};
template <class A>
struct SequentialBlock<A> {
  A a;
};
template <class A, class B>
struct SequentialBlock<A, B> {
  A a;
  B b;
};
template <class A, class B, class C>
struct SequentialBlock<A, B, C> {
  A a;
  B b;
  C c;
};
template <class A, class B, class C, class D>
struct SequentialBlock<A, B, C, D> {
  A a;
  B b;
  C c;
  D d;
};
template <class A, class B, class C, class D, class E>
struct SequentialBlock<A, B, C, D, E> {
  A a;
  B b;
  C c;
  D d;
  E e;
};
template <class A, class B, class C, class D, class E, class F>
struct SequentialBlock<A, B, C, D, E, F> {
  A a;
  B b;
  C c;
  D d;
  E e;
  F f;
};
template <class A, class B, class C, class D, class E, class F, class G>
struct SequentialBlock<A, B, C, D, E, F, G> {
  A a;
  B b;
  C c;
  D d;
  E e;
  F f;
  G g;
};
template <class A, class B, class C, class D, class E, class F, class G, class H>
struct SequentialBlock<A, B, C, D, E, F, G, H> {
  A a;
  B b;
  C c;
  D d;
  E e;
  F f;
  G g;
  H h;
};
template <class A, class B, class C, class D, class E, class F, class G, class H, class... Rest>
struct SequentialBlock<A, B, C, D, E, F, G, H, Rest...> {
  A a;
  B b;
  C c;
  D d;
  E e;
  F f;
  G g;
  H h;
  SequentialBlock<Rest...> rest;
};

template <std::size_t I, class B>
constexpr auto& block_get(B& block) {
  if constexpr (I == 0) return block.a;
  else if constexpr (I == 1) return block.b;
  else if constexpr (I == 2) return block.c;
  else if constexpr (I == 3) return block.d;
  else if constexpr (I == 4) return block.e;
  else if constexpr (I == 5) return block.f;
  else if constexpr (I == 6) return block.g;
  else if constexpr (I == 7) return block.h;
  else return block_get<I - 8>(block.rest);
}

template <std::size_t I, std::size_t Count>
struct IndexMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (I >= Count) s.add("ashlar: a Sequential of ").add(Count).add(" layers has no layer ").add(I);
    return s;
  }();
};

/// Layer I of Count. After a mistake goes on with the last one.
template <std::size_t I, std::size_t Count, class B>
constexpr auto& layer_at(B& block) {
  if constexpr (I < Count) {
    return block_get<I>(block);
  } else {
    refuse<IndexMistake<I, Count>>();
    if constexpr (Count != 0) {
      return block_get<Count - 1>(block);
    } else {
      return block;
    }
  }
}

/// Offsets of layers with these sizes and alignments, by the rule of plain structs, block by block.
template <std::size_t N>
constexpr std::array<std::size_t, N> block_offsets(std::array<std::size_t, N> const& sizes,
                                                   std::array<std::size_t, N> const& alignments) {
  std::array<std::size_t, N> out{};
  std::array<std::size_t, N + 1> rest_alignment{};  // a nested block is aligned like its most aligned member
  rest_alignment[N] = 1;
  for (std::size_t k = N; k-- > 0;) {
    rest_alignment[k] = alignments[k] > rest_alignment[k + 1] ? alignments[k] : rest_alignment[k + 1];
  }
  std::size_t at = 0;
  for (std::size_t k = 0; k < N; ++k) {
    std::size_t const alignment = k % 8 == 0 ? rest_alignment[k] : alignments[k];
    at = (at + alignment - 1) / alignment * alignment;
    out[k] = at;
    at += sizes[k];
  }
  return out;
}
template <class... L>
inline constexpr auto sequential_offsets = block_offsets<sizeof...(L)>(
    std::array<std::size_t, sizeof...(L)>{sizeof(L)...}, std::array<std::size_t, sizeof...(L)>{alignof(L)...});

template <class S>
struct BlockOf;
template <class... L>
struct BlockOf<Sequential<L...>> {
  using type = SequentialBlock<L...>;
};

}  // namespace detail

/// Layers that run one after the other. A layer that leaves its input to the compiler, `Linear<infer, 10>`, gets what
/// the one before it gives (nn/infer.hpp), and is for all who ask the layer that stands there: `Linear<256, 10>`.
///
/// Keys    0, 1, ... or, for a `Named` layer, its own.
/// Memory  the layers inline, in order. An aggregate: `Sequential<Linear<2, 3>, ReLU>{}`.
/// Errors  compile time: a layer that cannot take what the one before gives, named by index; an `infer` that nothing
///         before it fills in.
/// Source  torch.nn.Sequential.
template <class... L>
struct Sequential {
  typename detail::BlockOf<detail::written_out_t<Sequential<L...>>>::type layers;

  /// Layer I: `net[0_c].bias`.
  template <std::size_t I>
  constexpr auto& operator[](Index<I>) {
    return detail::layer_at<I, sizeof...(L)>(layers);
  }
  template <std::size_t I>
  constexpr auto const& operator[](Index<I>) const {
    return detail::layer_at<I, sizeof...(L)>(layers);
  }

  template <class I>
    requires(std::is_integral_v<I>)
  constexpr auto const& operator[](I) const {
    static_assert(
        std::is_void_v<I>,
        "ashlar: each layer of a Sequential has a type of its own, so its index is a constant: net[2_c], with "
        "using namespace ashlar::literals");
    return detail::layer_at<0, sizeof...(L)>(layers);
  }

  template <class X>
  [[nodiscard]] auto operator()(X const& x) const;  // in nn/chain.hpp
};

namespace detail {

template <class... L>
struct IndexedChildren<Sequential<L...>> {
  static constexpr bool specialised = true;
  static constexpr std::size_t size = sizeof...(L);
  template <std::size_t I>
  using child = typename LayerList<L...>::template at<I>;

  template <std::size_t I>
  static constexpr std::size_t offset() {
    return sequential_offsets<L...>[I];
  }
  template <std::size_t I, class S>
  static constexpr auto& get(S& sequential) {
    return block_get<I>(sequential.layers);
  }
};
// With an `infer` filled in it is to all who ask what it would be with the number written.
template <class... L>
  requires(!is_written_out<Sequential<L...>>)
struct IndexedChildren<Sequential<L...>> : IndexedChildren<written_out_t<Sequential<L...>>> {};
template <class... L>
  requires(!is_written_out<Sequential<L...>>)
struct NameOf<Sequential<L...>> : NameOf<written_out_t<Sequential<L...>>> {};

}  // namespace detail
}  // namespace ashlar
