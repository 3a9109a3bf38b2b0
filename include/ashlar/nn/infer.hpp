// Ashlar: input features that the compiler fills in: Linear<infer, 10>.  SPDX-License-Identifier: BSL-1.0
//
// A Sequential looks at its layers in order: one that is open gets the extent that flows out of those before it, and is
// from then on the layer that stands there, `Linear<256, 10>`. What takes part, and how:
//   a template of extents       MyLinear<infer, 8>: the first `infer` becomes the last extent of what flows in
//   with_input<N>, a member template: the layer's own type with N for its input. For templates that have other
//                               parameters too: Linear<In, Out, T, Bias>. Those of class type are written as
//                               expressions, `Options{O}`: in an alias nvcc 13 writes a parameter itself as a name that
//                               it does not declare
//   input_dimension, a static int: which extent the layer takes; -1, the last, if it has none. A convolution takes
//                               channels, which are number -3 of (C, H, W) and of (N, C, H, W).
// Only what a layer's `flow` tells is known behind it (nn/flow.hpp).
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/path.hpp>
#include <ashlar/nn/walk.hpp>
#include <ashlar/reflect/open.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

namespace ashlar {

template <class... L>
struct Sequential;  // in nn/sequential.hpp

namespace detail {

template <class... L>
inline constexpr bool is_open<Sequential<L...>> = (is_open<L> || ...);

// ---- one layer -----------------------------------------------------------------------------------------------------

/// The extent of `in` that a layer takes which counts from 0 or, with negative numbers, from behind; infer if unknown.
constexpr std::size_t input_extent(Flow const& in, int dimension) {
  std::size_t const rank = in.extents.rank;
  std::size_t const at =
      dimension < 0 ? rank - static_cast<std::size_t>(-dimension) : static_cast<std::size_t>(dimension);
  if (!in.known || at >= rank || (dimension >= 0 && in.open)) return infer;
  return in.extents[at];
}

template <class L>
constexpr std::size_t input_of(Flow const& in) {
  if constexpr (requires { L::input_dimension; }) {
    return input_extent(in, L::input_dimension);
  } else {
    return input_extent(in, -1);
  }
}

template <class L, std::size_t N>
struct WithInput {
  using type = typename L::template with_input<N>;
};
template <template <std::size_t...> class L, std::size_t... E, std::size_t N>
struct WithInput<L<E...>, N> {
  template <std::size_t... I>
  static constexpr auto fill(std::index_sequence<I...>) {
    if constexpr (names_its_input<L<E...>>()) {
      return std::type_identity<typename L<E...>::template with_input<N>>{};
    } else {
      constexpr std::size_t hole = [] {
        std::size_t found = sizeof...(E);
        ((found == sizeof...(E) && E == infer ? void(found = I) : void()), ...);
        return found;
      }();
      return std::type_identity<L<(I == hole ? N : E)...>>{};
    }
  }
  using type = typename decltype(fill(std::make_index_sequence<sizeof...(E)>{}))::type;
};

/// L where `In` flows in: itself, unless it is open and its input is known.
template <class L, Flow In, bool Open = is_open<L>>
struct Resolve {
  using type = L;
};
template <class L, Flow In>
struct Resolve<L, In, true> {
  static constexpr auto resolve() {
    if constexpr (is_wrapper<L>) {
      using Inner = typename Resolve<typename L::Reflected::layer, In>::type;
      return std::type_identity<typename L::Reflected::template with_layer<Inner>>{};
    } else if constexpr (constexpr std::size_t n = input_of<L>(In); n == infer || n == dyn) {
      return std::type_identity<L>{};
    } else {
      return std::type_identity<typename WithInput<L, n>::type>{};
    }
  }
  using type = typename decltype(resolve())::type;
};
template <class L, std::size_t N, Flow In>
struct Resolve<std::array<L, N>, In, true> {
  using type = std::array<typename Resolve<L, In>::type, N>;
};

// ---- layer after layer ---------------------------------------------------------------------------------------------

// Type I of a list. std::tuple_element takes I steps: 200 layers took 20 s to compile with it and take 3 s with this.
template <std::size_t I, class T>
struct IndexedType {
  using type = T;
};
template <class Indices, class... T>
struct IndexedTypes;
template <std::size_t... I, class... T>
struct IndexedTypes<std::index_sequence<I...>, T...> : IndexedType<I, T>... {};
template <std::size_t I, class T>
IndexedType<I, T> pick_type(IndexedType<I, T> const&);

template <class... L>
struct LayerList {
  template <std::size_t I>
  using at = typename decltype(pick_type<I>(std::declval<IndexedTypes<std::index_sequence_for<L...>, L...>>()))::type;
};

template <class List, Flow In, std::size_t I>
constexpr Flow find_flow_before();

/// What flows into layer I of a list that `In` enters. Asked in order, so that each step finds the one before it done.
template <class List, Flow In, std::size_t I>
inline constexpr Flow flow_before = find_flow_before<List, In, I>();

template <class List, Flow In, std::size_t I>
using resolved_layer = typename Resolve<typename List::template at<I>, flow_before<List, In, I>>::type;

template <class List, Flow In, class Indices>
struct ResolvedList;
template <class List, Flow In, std::size_t... I>
struct ResolvedList<List, In, std::index_sequence<I...>> {
  using type = Sequential<resolved_layer<List, In, I>...>;
};

template <class List, Flow In, std::size_t I>
constexpr Flow find_flow_before() {
  if constexpr (I == 0) {
    return In;
  } else {
    using Before = resolved_layer<List, In, I - 1>;
    Walk w{flow_before<List, In, I - 1>, {}};
    if constexpr (is_tied<Before>) {  // names one of the layers before it
      using Done = typename ResolvedList<List, In, std::make_index_sequence<I - 1>>::type;
      walk<unwrapped_t<member_at_t<Done, Before>>>(w, Place{}, nullptr);
    } else {
      walk<unwrapped_t<Before>>(w, Place{}, nullptr);
    }
    return w.flow;
  }
}

template <class... L, Flow In>
struct Resolve<Sequential<L...>, In, true> : ResolvedList<LayerList<L...>, In, std::index_sequence_for<L...>> {};

/// A Sequential with every layer written out whose input the layers before it give.
template <class S>
using written_out_t = typename Resolve<S, Flow::nothing()>::type;

template <class S>
inline constexpr bool is_written_out = std::is_same_v<S, written_out_t<S>>;

// ---- what a mistake says -------------------------------------------------------------------------------------------

template <class M>
constexpr bool is_silent() {
  return is_layer<M>() && !is_tied<M> && !is_chain<unwrapped_t<M>>() && !HasFlow<unwrapped_t<M>>;
}

/// What flows into member I of a T that `in` enters, as far as T runs its members in order.
template <class T, std::size_t I>
constexpr Flow flow_into(Flow in) {
  if constexpr (is_array<T>) {
    return in;
  } else if constexpr (!is_chain<T>()) {
    return Flow::nothing();
  } else {
    constexpr auto members = chain_members<T>();
    Walk w{in, {}};
    for (std::size_t k = 0; k != I; ++k) {
      Place const around{};
      walk_member(w, members[k], Place{&around, {}, k}, nullptr);
    }
    return w.flow;
  }
}

template <class T, std::size_t I>
constexpr std::size_t last_silent() {
  std::size_t found = infer;
  if constexpr (is_chain<T>() && !is_array<T>) {
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      ((is_silent<field_t<T, K>>() ? void(found = K) : void()), ...);
    }(std::make_index_sequence<I>{});
  }
  return found;
}

template <class T, Flow In, std::size_t I, std::size_t... Rest>
struct BeforeMember : BeforeMember<typename Descendant<T, I>::type, flow_into<T, I>(In), Rest...> {};
template <class T, Flow In, std::size_t I>
struct BeforeMember<T, In, I> {
  using parent = T;
  static constexpr std::size_t features = input_of<typename Descendant<T, I>::type>(flow_into<T, I>(In));
  static constexpr std::size_t silent = last_silent<T, I>();
};

template <class Holder, std::size_t I, std::size_t... Rest>
struct BeforeOpen<Holder, I, Rest...> : BeforeMember<Holder, Flow::nothing(), I, Rest...> {};

template <class Open, class Input>
struct InferredMistake;
template <class Input, class Holder, std::size_t... I>
struct InferredMistake<OpenMistake<Holder, I...>, Input> {
  static constexpr Sentence value = [] {
    if constexpr (std::is_void_v<Input>) {
      return OpenMistake<Holder, I...>::value;
    } else {
      Sentence s;
      s.add("ashlar: ").add(is_sequential<Holder> ? std::string_view("Sequential") : type_name<Holder>());
      add_path<Holder, I...>(s);
      if constexpr (sizeof...(I) != 0) s.add(" is ").add(type_name<typename Descendant<Holder, I...>::type>());
      s.add(" but an Input of shape ");
      add_shape(s, Input::dims_type::type());
      s.add(" does not give its input features");
      return s;
    }
  }();
};

template <class Net, class Input>
constexpr auto infer_net() {
  constexpr Flow in = [] {
    if constexpr (std::is_void_v<Input>) return Flow::nothing();
    else return flow_of<Input>();
  }();
  using Found = typename Resolve<Net, in>::type;
  if constexpr (!is_open<Found>) {
    return std::type_identity<Found>{};
  } else {
    refuse<InferredMistake<decltype(find_open<Found>()), Input>>();
    return std::type_identity<Sequential<>>{};
  }
}

}  // namespace detail

/// Net with every `infer` filled in, for an Input that enters it: a plain network type, as if the numbers were written.
/// Without an Input, what the layers before give is enough.
///
/// Errors  compile time: the Input does not give the extent that an open layer takes.
/// Source  the dry run after which torch.nn.LazyLinear has its shape.
/// Usage   examples/guide/infer.cpp
template <class Net, class Input = void>
using Inferred = typename decltype(detail::infer_net<Net, Input>())::type;

}  // namespace ashlar
