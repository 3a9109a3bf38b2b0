// Ashlar: how types tell what they hold, where that is not their plain members.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/text.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar {

// What these say of themselves is in a member, Reflected, and not in specialisations for them: nvcc 13 does not deduce
// a text from a template's arguments.

/// A member with a key that is no C++ identifier: `Named<"block 0", Block> block0;`. Otherwise it is an L.
template <text Key, class L>
struct Named : L {
  struct Reflected {
    using type = Named;
    using layer = L;
    template <class Other>
    using with_layer = Named<text(Key), Other>;
    static constexpr std::string_view key = Key.view();
  };
};

/// A member that shares the elements of another: `Tied<"embed"> output;` has the keys of `embed` under its own name.
///
/// `Target` is the key of a tensor or a layer, looked up from the struct that holds the Tied outwards. It holds no
/// elements; in a chain it runs the layer it names.
/// Errors  compile time: nothing has that key, or the target is itself tied.
template <text Target>
struct Tied {
  static constexpr std::string_view target = Target.view();
  struct Reflected {
    using type = Tied;
  };
};

/// An L that training leaves as it is: `Frozen<Backbone> backbone;`. With keys, only what they name is frozen:
/// `using Net = Frozen<Classifier, "backbone", "head.bias">;`. Otherwise it is an L, with an L's keys and files.
///
/// Frozen parameters get no gradient, no update and no place in an optimizer.
/// Errors  compile time: a key that names no parameter.
template <class L, text... Keys>
struct Frozen : L {
  struct Reflected {
    using type = Frozen;
    using layer = L;
    template <class Other>
    using with_layer = Frozen<Other, text(Keys)...>;
    static constexpr std::size_t count = sizeof...(Keys);
    static constexpr std::string_view keys[count + 1] = {Keys.view()..., {}};
  };
};

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

/// A Named, a Tied or a Frozen; not a struct that inherits from one.
template <class T>
concept SaysReflected = std::is_same_v<typename T::Reflected::type, T>;

/// Named and Frozen: what they add is for reflection only.
template <class T>
concept Wrapper = SaysReflected<T> && requires { typename T::Reflected::layer; };

template <class T>
inline constexpr bool is_wrapper = Wrapper<T>;
template <class T>
inline constexpr bool is_named = Wrapper<T> && requires { T::Reflected::key; };
template <class T>
inline constexpr bool is_frozen = Wrapper<T> && requires { T::Reflected::keys; };
template <class T>
inline constexpr bool is_tied = SaysReflected<T> && !Wrapper<T>;

template <class T>
inline constexpr bool is_state = false;
template <class T>
inline constexpr bool is_state<State<T>> = true;

template <class T>
struct Unwrapped {
  using type = T;
};
template <Wrapper T>
struct Unwrapped<T> : Unwrapped<typename T::Reflected::layer> {};
/// The layer itself.
template <class T>
using unwrapped_t = typename Unwrapped<T>::type;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

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
