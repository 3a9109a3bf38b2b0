// Ashlar: the walk of extents from member to member of a chain.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/path.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

// ---- what can run --------------------------------------------------------------------------------------------------

struct HasCall {
  void operator()();
};
template <class T>
struct CallProbe : T, HasCall {};

/// A layer that says what it gives (nn/flow.hpp).
template <class T>
concept HasFlow = requires(Flow in) { T::flow(in); };

/// True if T has any operator(), template or not: then naming it in a class that inherits a second one is ambiguous.
template <class T>
constexpr bool has_call_operator() {
  if constexpr (!std::is_class_v<T> || std::is_final_v<T>) {
    return false;
  } else {
    return !requires { &CallProbe<T>::operator(); };
  }
}

struct HasForward {
  void forward();
};
template <class T>
struct ForwardProbe : T, HasForward {};

/// True if T has a member function `forward`, template or not: PyTorch's name for what is operator() here, so that
/// nothing would call it. A member that is a layer may be called so.
template <class T>
constexpr bool has_forward_function() {
  if constexpr (!std::is_class_v<T> || std::is_final_v<T> || requires { &ForwardProbe<T>::forward; }) {
    return false;
  } else {
    return !requires(T t) { sizeof(t.forward); };
  }
}

template <class T>
inline constexpr bool is_sequential = IndexedChildren<T>::specialised;

/// A struct that runs its members in order.
template <class T>
constexpr bool is_chain() {
  return is_sequential<T> || is_array<T> ||
         ((PlainStruct<T> || is_wrapper<T>) && !has_call_operator<T>() && !is_state<T>);
}

// ---- the walk: extents from member to member, as values ------------------------------------------------------------

/// Where the walk is: a member's name behind those of the structs around it.
struct Place {
  Place const* around = nullptr;
  std::string_view name{};
  std::size_t index = 0;  // used if name is empty: element of a std::array

  constexpr void write(Sentence& s) const {
    if (around != nullptr) {
      around->write(s);
      s.add(".");
    }
    if (name.empty()) {
      s.add(index);
    } else {
      s.add(name);
    }
  }
};

struct Walk {
  Flow flow{};
  Sentence mistake{};
};

using WalkFunction = void (*)(Walk&, Place const& here, Place const* giver);

template <class T>
constexpr void walk(Walk& w, Place const& here, Place const* giver);

struct ChainMember {
  std::string_view key;
  bool is_layer;  // beside `walk`: with -fsanitize=undefined g++ 12 compares no address with null in a constant
  WalkFunction walk;
  std::string_view outside;  // of a Tied: what it names, if that is not in this struct
};

template <class M>
constexpr bool is_layer() {
  return is_tied<M> || (!is_stored<M> && (has_call_operator<M>() || is_chain<unwrapped_t<M>>()));
}

template <class T, class M>
constexpr WalkFunction walk_function() {
  if constexpr (!is_layer<M>()) {
    return nullptr;
  } else if constexpr (is_tied<M>) {
    return &walk<unwrapped_t<member_at_t<T, M>>>;
  } else {
    return &walk<unwrapped_t<M>>;
  }
}

template <class T, class M>
constexpr std::string_view outside_target() {
  if constexpr (is_tied<M>) {
    if constexpr (std::is_same_v<member_at_t<T, M>, NoMember>) return M::target;
  }
  return {};
}

template <class T>
constexpr auto chain_members() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<ChainMember, sizeof...(I)>{ChainMember{member_key<T, I>(), is_layer<field_t<T, I>>(),
                                                             walk_function<T, field_t<T, I>>(),
                                                             outside_target<T, field_t<T, I>>()}...};
  }(std::make_index_sequence<field_count<T>()>{});
}

constexpr void walk_member(Walk& w, ChainMember const& member, Place const& here, Place const* giver) {
  if (member.is_layer && member.outside.empty()) return member.walk(w, here, giver);
  w.flow = Flow::nothing();
  if (!w.mistake.empty()) return;
  w.mistake.add("ashlar: ");
  if (!member.is_layer) {
    here.around->write(w.mistake);
    w.mistake.add(" has no operator() so its members run in order, but ");
    here.write(w.mistake);
    w.mistake.add(" is not a layer");
  } else {
    here.write(w.mistake);
    w.mistake.add(" names ").add(member.outside).add(", which is not in ");
    here.around->write(w.mistake);
    w.mistake.add(": write an operator() where both can be seen");
  }
}

constexpr void add_open(Walk& w, Place const& here, std::string_view type) {
  if (!w.mistake.empty()) return;
  w.mistake.add("ashlar: ");
  here.write(w.mistake);
  w.mistake.add(" is ").add(type).add(", whose extents nothing fills in");
}

/// Keeps the first mistake, and goes on with what the layers after it give.
template <class T>
constexpr void walk(Walk& w, Place const& here, Place const* giver) {
  if constexpr (is_open<T> && !is_sequential<T> && !is_array<T>) {
    w.flow = Flow::nothing();
    if constexpr (HasFlow<T>) w.flow = T::flow(w.flow).out;
    add_open(w, here, type_name<T>());
  } else if constexpr (HasFlow<T>) {
    FlowStep const step = T::flow(w.flow);
    w.flow = step.fits ? step.out : T::flow(Flow::nothing()).out;
    if (step.fits || !w.mistake.empty()) return;
    w.mistake.add("ashlar: ");
    here.write(w.mistake);
    if (step.reason != nullptr) {
      w.mistake.add(" ").add(step.reason);
      return;
    }
    w.mistake.add(" takes ").add(step.takes).add(" ").add(step.what).add(" but ");
    if (giver == nullptr) {
      w.mistake.add("the input has ").add(step.gives);
    } else {
      giver->write(w.mistake);
      w.mistake.add(" gives ").add(step.gives);
    }
  } else if constexpr (is_array<T>) {
    Place before{};
    for (std::size_t i = 0; i < std::tuple_size_v<T>; ++i) {
      Place const element{&here, {}, i};
      walk<unwrapped_t<typename T::value_type>>(w, element, i == 0 ? giver : &before);
      before = element;
    }
  } else if constexpr (is_chain<T>()) {
    if constexpr (!is_sequential<T> && has_forward_function<T>()) {
      if (w.mistake.empty()) {
        w.mistake.add("ashlar: ");
        here.write(w.mistake);
        w.mistake.add(" has a forward, which nothing calls: name it operator()");
      }
    }
    constexpr auto members = chain_members<T>();
    Place before{};
    for (std::size_t i = 0; i != members.size(); ++i) {
      Place const member{&here, members[i].key, 0};
      walk_member(w, members[i], member, i == 0 ? giver : &before);
      before = member;
    }
  } else {
    w.flow = Flow::nothing();  // a layer without `flow` is taken on trust
    if constexpr (PlainStruct<T>) {
      if constexpr (is_left_open<T>) add_open(w, here, type_name<T>());
    }
  }
}

}  // namespace ashlar::detail
