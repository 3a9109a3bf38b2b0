// Ashlar: Sequential, layers that run one after the other.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/index.hpp>
#include <ashlar/reflect/structure.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
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
struct SequentialBlock<A> { A a; };
template <class A, class B>
struct SequentialBlock<A, B> { A a; B b; };
template <class A, class B, class C>
struct SequentialBlock<A, B, C> { A a; B b; C c; };
template <class A, class B, class C, class D>
struct SequentialBlock<A, B, C, D> { A a; B b; C c; D d; };
template <class A, class B, class C, class D, class E>
struct SequentialBlock<A, B, C, D, E> { A a; B b; C c; D d; E e; };
template <class A, class B, class C, class D, class E, class F>
struct SequentialBlock<A, B, C, D, E, F> { A a; B b; C c; D d; E e; F f; };
template <class A, class B, class C, class D, class E, class F, class G>
struct SequentialBlock<A, B, C, D, E, F, G> { A a; B b; C c; D d; E e; F f; G g; };
template <class A, class B, class C, class D, class E, class F, class G, class H>
struct SequentialBlock<A, B, C, D, E, F, G, H> { A a; B b; C c; D d; E e; F f; G g; H h; };
template <class A, class B, class C, class D, class E, class F, class G, class H, class... Rest>
struct SequentialBlock<A, B, C, D, E, F, G, H, Rest...> { A a; B b; C c; D d; E e; F f; G g; H h; SequentialBlock<Rest...> rest; };

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

/// Offset of layer I of `count` layers with these sizes and alignments, by the rule of plain structs, block by block.
constexpr std::size_t block_offset(std::size_t const* sizes, std::size_t const* alignments, std::size_t count,
                                   std::size_t i) {
  std::size_t base = 0;
  for (std::size_t first = 0;; first += 8) {
    std::size_t at = base;
    std::size_t const last = count - first < 8 ? count : first + 8;
    for (std::size_t k = first; k < last; ++k) {
      at = (at + alignments[k] - 1) / alignments[k] * alignments[k];
      if (k == i) return at;
      at += sizes[k];
    }
    std::size_t rest_alignment = 1;  // the nested block is aligned like its most aligned member
    for (std::size_t k = last; k < count; ++k) {
      if (alignments[k] > rest_alignment) rest_alignment = alignments[k];
    }
    base = (at + rest_alignment - 1) / rest_alignment * rest_alignment;
  }
}

}  // namespace detail

/// Layers that run one after the other.
///
/// Keys    0, 1, ... or, for a `Named` layer, its own.
/// Memory  the layers inline, in order. An aggregate: `Sequential<Linear<2, 3>, ReLU>{}`.
/// Errors  compile time: a layer that cannot take what the one before gives, named by index.
/// Source  torch.nn.Sequential.
template <class... L>
struct Sequential {
  detail::SequentialBlock<L...> layers;

  /// Layer I: `net[0_c].bias`.
  template <std::size_t I>
  constexpr auto& operator[](Index<I>) {
    static_assert(I < sizeof...(L), "ashlar: this Sequential has no layer with that index");
    return detail::block_get<I>(layers);
  }
  template <std::size_t I>
  constexpr auto const& operator[](Index<I>) const {
    static_assert(I < sizeof...(L), "ashlar: this Sequential has no layer with that index");
    return detail::block_get<I>(layers);
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
  using child = std::tuple_element_t<I, std::tuple<L...>>;

  template <std::size_t I>
  static constexpr std::size_t offset() {
    constexpr std::array<std::size_t, size> sizes{sizeof(L)...};
    constexpr std::array<std::size_t, size> alignments{alignof(L)...};
    return block_offset(sizes.data(), alignments.data(), size, I);
  }
  template <std::size_t I, class S>
  static constexpr auto& get(S& sequential) {
    return block_get<I>(sequential.layers);
  }
};

}  // namespace detail
}  // namespace ashlar
