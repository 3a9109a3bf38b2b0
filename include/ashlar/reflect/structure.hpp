// Ashlar: how types tell what they hold, where that is not their plain members.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/text.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// A member with a key that is no C++ identifier: `Named<"block 0", Block> block0;`. Otherwise it is an L.
template <text Key, class L>
struct Named : L {};

/// A member that shares the elements of another: `Tied<"embed"> output;` has the keys of `embed` under its own name.
///
/// `Target` is the key of a tensor or a layer, looked up from the struct that holds the Tied outwards. It holds no
/// elements; in a chain it runs the layer it names.
/// Errors  compile time: nothing has that key, or the target is itself tied.
template <text Target>
struct Tied {
  static constexpr std::string_view target = Target.view();
};

/// An L that training leaves as it is: `Frozen<Backbone> backbone;`. With keys, only what they name is frozen:
/// `using Net = Frozen<Classifier, "backbone", "head.bias">;`. Otherwise it is an L, with an L's keys and files.
///
/// Frozen parameters get no gradient, no update and no place in an optimizer.
/// Errors  compile time: a key that names no parameter.
template <class L, text... Keys>
struct Frozen : L {};

/// A T whose tensors are state: what an optimizer remembers of each parameter. Keys are those of T.
template <class T>
struct State {
  T value;
  constexpr T* operator->() { return &value; }
  constexpr T const* operator->() const { return &value; }
  constexpr T& operator*() { return value; }
  constexpr T const& operator*() const { return value; }
};

namespace detail {

template <class T>
inline constexpr bool is_named = false;
template <text K, class L>
inline constexpr bool is_named<Named<K, L>> = true;

template <class T>
inline constexpr bool is_tied = false;
template <text K>
inline constexpr bool is_tied<Tied<K>> = true;

template <class T>
inline constexpr bool is_state = false;
template <class T>
inline constexpr bool is_state<State<T>> = true;

template <class T>
inline constexpr bool is_frozen = false;
template <class L, text... K>
inline constexpr bool is_frozen<Frozen<L, K...>> = true;

/// Named and Frozen: what they add is for reflection only.
template <class T>
inline constexpr bool is_wrapper = is_named<T> || is_frozen<T>;

template <class T>
struct Unwrapped {
  using type = T;
};
template <text K, class L>
struct Unwrapped<Named<K, L>> : Unwrapped<L> {};
template <class L, text... K>
struct Unwrapped<Frozen<L, K...>> : Unwrapped<L> {};
/// The layer itself.
template <class T>
using unwrapped_t = typename Unwrapped<T>::type;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
struct NamedParts;
template <text K, class L>
struct NamedParts<Named<K, L>> {
  static constexpr std::string_view key = K.view();
  using layer = L;
};

template <class T>
struct FrozenParts;
template <class L, text... K>
struct FrozenParts<Frozen<L, K...>> {
  static constexpr std::size_t count = sizeof...(K);
  static constexpr std::string_view keys[count + 1] = {K.view()..., {}};
  using layer = L;
};

/// Specialised by types that say themselves which rows they have, relative to themselves (reflect/row.hpp):
///   static constexpr auto const& rows();                a std::array of Row
template <class T>
struct CustomRows {
  static constexpr bool specialised = false;
};

/// Specialised by types whose children are not their C++ members (Sequential):
///   static constexpr std::size_t size;                  number of children
///   template <std::size_t I> using child = ...;         type of child I, whose key is I
///   template <std::size_t I> static constexpr std::size_t offset();
///   template <std::size_t I> static constexpr auto& get(T const&) / get(T&);
template <class T>
struct IndexedChildren {
  static constexpr bool specialised = false;
};

}  // namespace detail
}  // namespace ashlar
