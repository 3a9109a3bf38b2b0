// Ashlar: structs whose members run in order, and the check that they fit.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/device_check.hpp>
#include <ashlar/grad/trace.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/path.hpp>
#include <ashlar/nn/sequential.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

// ---- what can run --------------------------------------------------------------------------------------------------

struct HasCall {
  void operator()();
};
template <class T>
struct CallProbe : T, HasCall {};

/// True if T has any operator(), template or not: then naming it in a class that inherits a second one is ambiguous.
template <class T>
constexpr bool has_call_operator() {
  if constexpr (!std::is_class_v<T> || std::is_final_v<T>) {
    return false;
  } else {
    return !requires { &CallProbe<T>::operator(); };
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
  WalkFunction walk;         // null if the member is no layer
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
    return std::array<ChainMember, sizeof...(I)>{
        ChainMember{member_key<T, I>(), walk_function<T, field_t<T, I>>(), outside_target<T, field_t<T, I>>()}...};
  }(std::make_index_sequence<field_count<T>()>{});
}

constexpr void walk_member(Walk& w, ChainMember const& member, Place const& here, Place const* giver) {
  if (!w.mistake.empty()) return;
  if (member.walk != nullptr && member.outside.empty()) return member.walk(w, here, giver);
  w.mistake.add("ashlar: ");
  if (member.walk == nullptr) {
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

template <class T>
constexpr void walk(Walk& w, Place const& here, Place const* giver) {
  if constexpr (requires(Flow in) { T::flow(in); }) {
    FlowStep const step = T::flow(w.flow);
    w.flow = step.out;
    if (step.fits) return;
    w.mistake.add("ashlar: ");
    here.write(w.mistake);
    w.mistake.add(" takes ").add(step.takes).add(" ").add(step.what).add(" but ");
    if (giver == nullptr) {
      w.mistake.add("the input has ").add(step.gives);
    } else {
      giver->write(w.mistake);
      w.mistake.add(" gives ").add(step.gives);
    }
  } else if constexpr (is_array<T>) {
    Place before{};
    for (std::size_t i = 0; i < std::tuple_size_v<T> && w.mistake.empty(); ++i) {
      Place const element{&here, {}, i};
      walk<unwrapped_t<typename T::value_type>>(w, element, i == 0 ? giver : &before);
      before = element;
    }
  } else if constexpr (is_chain<T>()) {
    constexpr auto members = chain_members<T>();
    Place before{};
    for (std::size_t i = 0; i < members.size(); ++i) {
      Place const member{&here, members[i].key, 0};
      walk_member(w, members[i], member, i == 0 ? giver : &before);
      before = member;
    }
  } else {
    w.flow = Flow::nothing();  // a layer without `flow` is taken on trust
  }
}

template <class T>
constexpr std::string_view chain_name() {
  return is_sequential<T> ? std::string_view("Sequential") : type_name<T>();
}

/// First member of a chain that is not a layer; its key, or empty.
template <class T>
constexpr std::string_view not_a_layer() {
  if constexpr (is_array<T>) {
    return {};
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      std::string_view found{};
      ((found.empty() && !is_layer<field_t<T, I>>() ? void(found = member_key<T, I>()) : void()), ...);
      return found;
    }(std::make_index_sequence<field_count<T>()>{});
  }
}

/// The mistake of running T on an X; of T alone, if X is void.
template <class T, class X>
struct ChainMistake {
  static constexpr Sentence value = [] {
    Walk w;
    if constexpr (!std::is_void_v<X>) w.flow = flow_of<X>();
    Place const root{nullptr, chain_name<T>(), 0};
    walk<T>(w, root, nullptr);
    return w.mistake;
  }();
};

/// True if T and all chains in it fit, without an input.
template <class T>
inline constexpr bool chain_fits = true;
template <class T>
  requires(is_chain<T>())
inline constexpr bool chain_fits<T> = [] {
  if constexpr (is_array<T>) {
    if (!chain_fits<unwrapped_t<typename T::value_type>>) return false;
  } else {
    bool const fit = []<std::size_t... I>(std::index_sequence<I...>) {
      return (chain_fits<unwrapped_t<field_t<T, I>>> && ...);
    }(std::make_index_sequence<field_count<T>()>{});
    if (!fit) return false;
  }
  return ChainMistake<T, void>::value.empty();
}();

/// The innermost struct in T, or T itself, whose members do not fit; void if there is none. A Sequential and an array
/// have no name of their own, so the struct that holds them reports their mistakes.
template <class T>
constexpr auto struct_misfit() {
  if constexpr (chain_fits<T>) {
    return std::type_identity<void>{};
  } else if constexpr (is_array<T>) {
    return struct_misfit<unwrapped_t<typename T::value_type>>();
  } else {
    constexpr std::size_t first = []<std::size_t... I>(std::index_sequence<I...>) {
      std::size_t at = sizeof...(I);
      ((at == sizeof...(I) && !std::is_void_v<typename decltype(struct_misfit<unwrapped_t<field_t<T, I>>>())::type>
            ? void(at = I)
            : void()),
       ...);
      return at;
    }(std::make_index_sequence<field_count<T>()>{});
    if constexpr (first != field_count<T>()) {
      return struct_misfit<unwrapped_t<field_t<T, first>>>();
    } else if constexpr (is_sequential<T>) {
      return std::type_identity<void>{};
    } else {
      return std::type_identity<T>{};
    }
  }
}

/// The mistake in member I of T, a Sequential.
template <class T, std::size_t I>
struct MemberChainMistake {
  static constexpr Sentence value = [] {
    Walk w;
    Place const root{nullptr, chain_name<T>(), 0};
    Place const member{&root, member_key<T, I>(), 0};
    walk<unwrapped_t<field_t<T, I>>>(w, member, nullptr);
    return w.mistake;
  }();
};

/// clang 19 does not accept a second call of what failed once: the test skips it.
template <class Mistake>
constexpr void refuse_once() {
  if constexpr (requires { refuse<Mistake>(); }) refuse<Mistake>();
}

/// Asked by `make` and by `forward`.
template <class T>
constexpr void refuse_chain() {
  if constexpr (!chain_fits<T>) {
    using Inner = typename decltype(struct_misfit<T>())::type;
    refuse_once<ChainMistake<std::conditional_t<std::is_void_v<Inner>, T, Inner>, void>>();
  }
}

template <class T>
concept HasFlow = requires(Flow in) { T::flow(in); };

/// True if a member of type M makes the struct around it a chain: a layer, a Sequential, an array of such. A struct of
/// nothing but other structs may be a container of networks.
template <class M>
constexpr bool is_step() {
  if constexpr (is_array<M>) {
    return is_step<unwrapped_t<typename M::value_type>>();
  } else {
    return is_tied<M> || is_sequential<M> || HasFlow<M>;
  }
}

/// True if T and all it holds are layers and chains of layers, and nothing else.
template <class T>
constexpr bool only_layers() {
  if constexpr (is_array<T>) {
    return only_layers<unwrapped_t<typename T::value_type>>();
  } else if constexpr (is_sequential<T>) {
    return not_a_layer<T>().empty();
  } else if constexpr (is_tied<T> || HasFlow<T>) {
    return true;
  } else if constexpr (PlainStruct<T> && is_chain<T>()) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (only_layers<unwrapped_t<field_t<T, I>>>() && ...) && (is_step<unwrapped_t<field_t<T, I>>>() || ...);
    }(std::make_index_sequence<field_count<T>()>{});
  } else {
    return false;
  }
}

template <class T, std::size_t I>
constexpr void check_member();

/// Checks every chain inside T, without an input. What may be a mere container of networks is not taken for a chain.
template <class T>
constexpr void check_edges() {
  if constexpr (is_wrapper<T>) {
    check_edges<unwrapped_t<T>>();
  } else if constexpr (is_array<T>) {
    check_edges<unwrapped_t<typename T::value_type>>();
  } else if constexpr (is_chain<T>() && only_layers<T>()) {
    refuse_chain<T>();
  } else if constexpr (PlainStruct<T> || is_sequential<T>) {
    []<std::size_t... I>(std::index_sequence<I...>) {
      (check_member<T, I>(), ...);
    }(std::make_index_sequence<field_count<T>()>{});
  }
}

template <class T, std::size_t I>
constexpr bool member_misfits() {
  using M = unwrapped_t<field_t<T, I>>;
  if constexpr (is_sequential<M> && only_layers<M>()) {
    return !chain_fits<M> && std::is_void_v<typename decltype(struct_misfit<M>())::type>;
  } else {
    return false;
  }
}

template <class T, std::size_t I>
constexpr void check_member() {
  if constexpr (member_misfits<T, I>()) {
    refuse_once<MemberChainMistake<T, I>>();
  } else {
    check_edges<unwrapped_t<field_t<T, I>>>();
  }
}

// ---- running -------------------------------------------------------------------------------------------------------

template <class X>
void discard(X& x) {
  [[maybe_unused]] X const gone(std::move(x));  // back to the pool before the next layer takes its output from it
}

template <class Net, class X>
auto run(Net const& net, X const& x);

template <std::size_t I, class Net, class X>
auto run_member(Net const& net, X const& x) {
  using M = field_t<Net, I>;
  if constexpr (is_tied<M>) {
    return run(member_at<M, 0>(net), x);
  } else {
    return run(get_field<I>(net), x);
  }
}

/// True if member I runs the next one in one pass with itself: it has fused(x, next). Traced values need every step.
template <std::size_t I, class Net, class X>
constexpr bool fuses_next() {
  if constexpr (is_traced<std::remove_const_t<X>> || I + 1 >= field_count<Net>()) {
    return false;
  } else {
    return requires(Net const& net, X const& x) { get_field<I>(net).fused(x, get_field<I + 1>(net)); };
  }
}

template <std::size_t I, class Net, class X>
auto run_step(Net const& net, X const& x) {
  if constexpr (fuses_next<I, Net, X>()) {
    return get_field<I>(net).fused(x, get_field<I + 1>(net));
  } else {
    return run_member<I>(net, x);
  }
}

template <std::size_t I, class Net, class X>
auto run_from(Net const& net, X& x) {
  auto y = run_step<I>(net, x);
  if constexpr (I != 0) discard(x);
  constexpr std::size_t next = fuses_next<I, Net, X>() ? I + 2 : I + 1;
  if constexpr (next == field_count<Net>()) {
    return y;
  } else {
    return run_from<next>(net, y);
  }
}

template <std::size_t I, class L, std::size_t N, class X>
auto run_array(std::array<L, N> const& layers, X& x) {
  auto y = run(layers[I], x);
  if constexpr (I != 0) discard(x);
  if constexpr (I + 1 == N) {
    return y;
  } else {
    return run_array<I + 1>(layers, y);
  }
}

template <class Net, class X>
auto run(Net const& net, X const& x) {
  if constexpr (is_wrapper<Net>) {
    return run(static_cast<unwrapped_t<Net> const&>(net), x);
  } else if constexpr (is_array<Net>) {
    return run_array<0>(net, x);
  } else if constexpr (!is_chain<Net>()) {
    return net(x);
  } else if constexpr (field_count<Net>() == 0) {
    return x;
  } else {
    return run_from<0>(net, x);
  }
}

/// Runs a chain whose edges fit. After a mistake goes on with x, so that the mistake stays the only error.
template <class Net, class X>
auto run_checked(Net const& net, X const& x) {
  if constexpr (!chain_fits<Net>) {
    refuse_chain<Net>();
    return x;
  } else if constexpr (!ChainMistake<Net, X>::value.empty()) {
    refuse<ChainMistake<Net, X>>();
    return x;
  } else {
    return run(net, x);
  }
}

}  // namespace detail

/// Runs a network, wherever it lies: its operator(), or, if it has none, its members in order.
///
/// Errors  compile time, one sentence with the members' names: a layer that cannot take what the one before gives, an
///         input that the first cannot take, a member that is no layer, a value on another device.
///         run time: shape, where only the value knows an extent.
template <class Net, class... X>
auto forward(Net const& net, X const&... x) {
  if constexpr (!detail::on_host<X...>()) {
    return detail::refuse_device<Net, X...>();
  } else if constexpr (detail::is_wrapper<Net>) {
    return forward(static_cast<detail::unwrapped_t<Net> const&>(net), x...);
  } else if constexpr (!detail::is_chain<Net>()) {
    return net(x...);
  } else {
    static_assert(sizeof...(X) == 1, "ashlar: members that run in order take one input: write an operator() for more");
    return detail::run_checked<Net>(net, x...);
  }
}

template <class... L>
template <class X>
auto Sequential<L...>::operator()(X const& x) const {
  return forward(*this, x);
}

}  // namespace ashlar
