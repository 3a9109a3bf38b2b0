// Ashlar: layers whose input features are left to the compiler, and the sentence where nothing fills them in.
// SPDX-License-Identifier: BSL-1.0
//
// `Linear<infer, 10>` is open: a type with a hole. A Sequential fills the hole (nn/infer.hpp); a struct cannot, because
// in C++ a member's type is fixed before its neighbours are looked at. Here such a layer is found and named.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/reflect/fields.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

struct NoMistake {
  static constexpr Sentence value{};
};

/// A layer with a member template `with_input<N>`, itself with N for its input.
template <class L>
constexpr bool names_its_input() {
  return requires { typename L::template with_input<infer>; };
}

template <class L>
constexpr bool has_open_input();
template <class L, std::size_t... E>
constexpr bool has_open_extent() {
  if constexpr (((E != infer) && ...)) return false;
  else return !names_its_input<L>() || has_open_input<L>();
}

/// True if L leaves its input to the compiler: it is its own `with_input<infer>`, or, without such a member, a template
/// of extents one of which is `infer`.
template <class L>
inline constexpr bool is_open = has_open_input<L>();
template <template <std::size_t...> class L, std::size_t... E>
inline constexpr bool is_open<L<E...>> = has_open_extent<L<E...>, E...>();
template <class L, std::size_t N>
inline constexpr bool is_open<std::array<L, N>> = is_open<L>;

template <class L>
constexpr bool has_open_input() {
  if constexpr (is_wrapper<L>) return is_open<unwrapped_t<L>>;
  else if constexpr (names_its_input<L>()) return std::is_same_v<L, typename L::template with_input<infer>>;
  else return false;
}

/// Where the walk is when it comes to an open member, and what it knows there: defined in nn/infer.hpp, because only
/// layers say what flows through them.
///   static constexpr std::size_t features;   what the member gets; dyn if only the value knows, infer if nothing does
///   static constexpr std::size_t silent;     the last member before it that does not say what it gives; or infer
///   using parent = ...;                      the struct, Sequential or array around the member
template <class Holder, std::size_t... I>
struct BeforeOpen;

template <class T, std::size_t I>
struct ChildType : FieldType<T, I> {};
template <class L, std::size_t N, std::size_t I>
struct ChildType<std::array<L, N>, I> {
  using type = L;
};

/// Member I, then its member, and so on, without what is put around it for reflection.
template <class T, std::size_t... I>
struct Descendant {
  using type = T;
};
template <class T, std::size_t I, std::size_t... Rest>
struct Descendant<T, I, Rest...> : Descendant<unwrapped_t<typename ChildType<T, I>::type>, Rest...> {};

template <class T, std::size_t I>
constexpr std::string_view child_key() {
  using Child = typename ChildType<T, I>::type;
  if constexpr (is_std_array<T>) {
    return index_name<I>();
  } else if constexpr (is_named<Child>) {
    return Child::Reflected::key;
  } else {
    return field_name<T, I>();
  }
}

/// ".body.0": the keys from a T downwards.
template <class T>
constexpr void add_path(Sentence&) {}
template <class T, std::size_t I, std::size_t... Rest>
constexpr void add_path(Sentence& s) {
  s.add(".").add(child_key<T, I>());
  add_path<typename Descendant<T, I>::type, Rest...>(s);
}

/// True if a Sequential stands on the way from a T to the member, which could have filled the hole.
template <class T>
constexpr bool in_sequential() {
  return false;
}
template <class T, std::size_t I, std::size_t... Rest>
constexpr bool in_sequential() {
  return IndexedChildren<T>::specialised || in_sequential<typename Descendant<T, I>::type, Rest...>();
}

/// The last member before number I that has static out_features; I if there is none.
template <class T, std::size_t I>
constexpr std::size_t last_with_features() {
  return []<std::size_t... K>(std::index_sequence<K...>) {
    std::size_t found = I;
    ((requires { unwrapped_t<field_t<T, K>>::out_features; } ? void(found = K) : void()), ...);
    return found;
  }(std::make_index_sequence<I>{});
}

constexpr void add_filled(Sentence& s, std::string_view type, std::size_t number) {
  std::size_t hole = 0;
  while (hole < type.size() && type.substr(hole, 5) != "infer") ++hole;
  s.add(type.substr(0, hole)).add(number).add(type.substr(hole + 5));
}

/// What to write for an open member of a struct.
template <class T, std::size_t I>
constexpr void add_advice(Sentence& s) {
  s.add("the number for infer");
  if constexpr (PlainStruct<T>) {
    constexpr std::size_t before = last_with_features<T, I>();
    if constexpr (before != I) s.add(", or decltype(").add(child_key<T, before>()).add(")::out_features");
  }
}
template <class T, std::size_t I, std::size_t J, std::size_t... Rest>
constexpr void add_advice(Sentence& s) {
  s.add("the number for infer");
}

/// Names the member that hides what flows into the open one, if that is why.
template <class Holder, std::size_t... I>
constexpr bool add_silent(Sentence& s) {
  if constexpr (requires { BeforeOpen<Holder, I...>::silent; }) {
    if constexpr (BeforeOpen<Holder, I...>::silent != infer) {
      using Parent = typename BeforeOpen<Holder, I...>::parent;
      constexpr std::size_t silent = BeforeOpen<Holder, I...>::silent;
      s.add(child_key<Parent, silent>()).add(", ").add(type_name<typename Descendant<Parent, silent>::type>());
      s.add(", has no flow that says what it gives: write the number");
      return true;
    }
  }
  return false;
}

/// Why a Sequential could not fill in the open member, and what to write.
template <class Holder, std::size_t... I>
constexpr void add_reason(Sentence& s, std::size_t features) {
  s.add(" but ");
  if (features == dyn) {
    s.add("its input features are known only at run time: write the number");
  } else if (features != infer) {
    s.add("nothing before it in its Sequential gives its input features: write ");
  } else if (!add_silent<Holder, I...>(s)) {
    s.add("nothing before it gives its input features: ");
    s.add(sizeof...(I) == 1 ? "use Inferred<Net, Input>" : "write the number, or use Inferred<Sequential<...>, Input>");
  }
}

/// The sentence about the open member of a Holder; about the Holder, if no member is given.
template <class Holder, std::size_t... I>
struct OpenMistake {
  using layer = typename Descendant<Holder, I...>::type;

  static constexpr Sentence value = [] {
    Sentence s;
    std::size_t features = infer;
    if constexpr (requires { BeforeOpen<Holder, I...>::features; }) features = BeforeOpen<Holder, I...>::features;
    bool const known = features != infer && features != dyn;
    s.add("ashlar: ");
    s.add(IndexedChildren<Holder>::specialised ? std::string_view("Sequential") : type_name<Holder>());
    add_path<Holder, I...>(s);
    if constexpr (is_stored<layer>) {
      s.add(" has an extent that is infer, and nothing says what fills it in: give ").add(type_name<Holder>());
      s.add(" a with_input, or write the number");
      return s;
    }
    s.add(" is ").add(type_name<layer>());
    if (in_sequential<Holder, I...>()) {
      add_reason<Holder, I...>(s, features);
    } else {
      s.add(", and only a Sequential can fill in its input features: write ");
      if (!known) add_advice<Holder, I...>(s);
    }
    if (known) add_filled(s, type_name<layer>(), features);
    return s;
  }();
};
/// A layer that no struct holds.
template <class L>
struct OpenMistake<L> {
  static constexpr Sentence value = [] {
    Sentence s;
    s.add("ashlar: nothing fills in the input features of ").add(type_name<L>());
    s.add(": write the number, put it in a Sequential, or use Inferred");
    return s;
  }();
};

template <class M>
inline constexpr bool is_open_mistake = false;
template <class Holder, std::size_t... I>
inline constexpr bool is_open_mistake<OpenMistake<Holder, I...>> = true;

/// What is open in a Child, said by its Holder, of which it is member At: a layer, a Sequential and an array have no
/// name of their own.
template <class Mistake, class Child, class Holder, std::size_t At>
struct HeldBy {
  using type = Mistake;
};
template <class Child, class Holder, std::size_t At, std::size_t... I>
  requires(sizeof...(I) == 0 || IndexedChildren<Child>::specialised || is_std_array<Child>)
struct HeldBy<OpenMistake<Child, I...>, Child, Holder, At> {
  using type = OpenMistake<Holder, At, I...>;
};

template <class T, std::size_t I>
constexpr auto find_open_from();

/// The first thing in T that is open, as an OpenMistake; NoMistake if there is none.
template <class T>
constexpr auto find_open() {
  if constexpr (is_wrapper<T>) {
    return find_open<unwrapped_t<T>>();
  } else if constexpr (is_state<T>) {
    return find_open<decltype(T::value)>();
  } else if constexpr (is_std_array<T>) {
    if constexpr (std::tuple_size_v<T> == 0) return NoMistake{};
    else return find_open_from<T, 0>();
  } else if constexpr (IndexedChildren<T>::specialised) {
    return find_open_from<T, 0>();
  } else if constexpr (is_open<T>) {
    return OpenMistake<T>{};
  } else if constexpr (PlainStruct<T>) {
    return find_open_from<T, 0>();
  } else {
    return NoMistake{};
  }
}

template <class T, std::size_t I>
constexpr auto find_open_at() {
  using Child = typename Descendant<T, I>::type;
  if constexpr (is_stored<Child>) {
    if constexpr (Child::dims_type::has_infer) return OpenMistake<T, I>{};
    else return NoMistake{};
  } else {
    return typename HeldBy<decltype(find_open<Child>()), Child, T, I>::type{};
  }
}

template <class T, std::size_t I>
constexpr auto find_open_from() {
  constexpr std::size_t count = [] {
    if constexpr (is_std_array<T>) return std::size_t{1};  // its elements are alike
    else return field_count<T>();
  }();
  if constexpr (I >= count) {
    return NoMistake{};
  } else if constexpr (is_open_mistake<decltype(find_open_at<T, I>())>) {
    return find_open_at<T, I>();
  } else {
    return find_open_from<T, I + 1>();
  }
}

}  // namespace ashlar::detail
