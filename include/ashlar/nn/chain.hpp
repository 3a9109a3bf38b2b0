// Ashlar: structs whose members run in order, and the check that they fit.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/device_check.hpp>
#include <ashlar/grad/trace.hpp>
#include <ashlar/nn/sequential.hpp>
#include <ashlar/nn/walk.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

// ---- the check ------------------------------------------------------------------------------------------------------

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

template <class T>
constexpr auto struct_misfit();
template <class T>
inline constexpr bool has_misfit = !std::is_void_v<typename decltype(struct_misfit<T>())::type>;

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
      ((at == sizeof...(I) && has_misfit<unwrapped_t<field_t<T, I>>> ? void(at = I) : void()), ...);
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
  if constexpr (chain_fits<T>) {
    return;
  } else if constexpr (is_left_open<T>) {
    refuse<decltype(whole_mistake<T>())>();  // as `manifest` says it
  } else {
    using Inner = typename decltype(struct_misfit<T>())::type;
    refuse_once<ChainMistake<std::conditional_t<std::is_void_v<Inner>, T, Inner>, void>>();
  }
}

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

template <class X, class... Rest>
X first_of(X const& x, Rest const&...) {
  return x;
}

/// The mistake of calling a Net that is no chain with an X.
template <class Net, class... X>
struct CallMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    s.add("ashlar: ");
    if constexpr (PlainClass<Net> && !PlainStruct<Net> && !has_call_operator<Net>()) {
      return s.add(type_name<Net>()).add(irregular_reason<Net>().substr(2));
    }
    s.add(type_name<Net>());
    if constexpr (!has_call_operator<Net>()) {
      s.add(" has no operator() and is no struct of layers");
    } else if constexpr (requires(Net& net, X const&... x) { net(x...); }) {
      s.add(" has an operator() that is not const: a forward does not change its network");
    } else if constexpr ((is_traced<X> || ...)) {
      s.add(" has an operator() that takes no traced value: to train it write auto operator()(auto const& x) const");
    } else {
      s.add(" has no operator() that takes ");
      std::size_t n = 0;
      ((s.add(n++ == 0 ? "" : ", ").add(name_of(dtype_of<element_t<X>>)).add(" "),
        add_shape(s, DeviceOf<X>::on_host::dims_type::type())),
       ...);
    }
    return s;
  }();
};

/// Calls a net that is no chain. A forward with a mistake in its body says it here as it would anywhere.
template <class Net, class... X>
auto call(Net const& net, X const&... x) {
  if constexpr (requires { net(x...); }) {
    return net(x...);
  } else {
    refuse<CallMistake<Net, X...>>();
    return first_of(x...);
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
    return detail::run(member_at<M, 0>(net), x);
  } else {
    return detail::run(get_field<I>(net), x);
  }
}

/// The element type of a layer of the library that takes what its weight is of, and void for what may take another.
template <class M>
constexpr auto taken_element() {
  if constexpr (HasGivenNames<M> && requires { M::weight; } && !requires { M::num_embeddings; }) {
    return std::type_identity<typename decltype(M::weight)::value_type>{};
  } else {
    return std::type_identity<void>{};
  }
}

/// The mistake of member I of Net in a chain that gives it elements G, where it takes T.
template <class Net, std::size_t I, class G, class T>
struct MemberDtypeMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    s.add("ashlar: ").add(chain_name<Net>()).add(".").add(member_key<Net, I>());
    Sentence giver;
    if constexpr (I == 0) {
      giver.add("the input is ");
    } else {
      giver.add(chain_name<Net>()).add(".").add(member_key<Net, I - 1>()).add(" gives ");
    }
    add_dtypes(s, dtype_of<T>, giver.view(), dtype_of<G>);
    return s;
  }();
};

/// True if member I of a Net gets elements of another type than its own.
template <std::size_t I, class Net, class X>
constexpr bool misses_dtype() {
  using Taken = typename decltype(taken_element<field_t<Net, I>>())::type;
  return !std::is_void_v<Taken> && on_host<X>() && !std::is_same_v<Taken, element_t<X>>;
}

/// True if the device of x runs members I, I + 1, ... in one pass: it has fused_layers(x, them...).
template <std::size_t I, class Net, class X, std::size_t... J>
constexpr bool device_fuses(std::index_sequence<J...>) {
  return requires(Net const& net, X const& x) { fused_layers(x, get_field<I + J>(net)...); };
}

/// How many members from I on run in one pass: 2, if member I has fused(x, next); the most that the device of x fuses,
/// if that is more than 2. Traced values need every step.
template <std::size_t I, class Net, class X>
constexpr std::size_t fused_members() {
  constexpr std::size_t left = field_count<Net>() - I;
  if constexpr (!is_recorded<std::remove_const_t<X>> && left > 2 && runs_on_cuda<std::remove_const_t<X>>) {
    constexpr std::size_t most = []<std::size_t... K>(std::index_sequence<K...>) {
      std::size_t n = 0;
      ((n == 0 && device_fuses<I, Net, X>(std::make_index_sequence<left - K>{}) ? void(n = left - K) : void()), ...);
      return n;
    }(std::make_index_sequence<left - 2>{});
    if constexpr (most != 0) return most;
  }
  if constexpr (!is_recorded<std::remove_const_t<X>> && left > 1 && !misses_dtype<I, Net, X>()) {
    if constexpr (requires(Net const& net, X const& x) { get_field<I>(net).fused(x, get_field<I + 1>(net)); }) return 2;
  }
  return 1;
}

template <std::size_t I, class Net, class X>
auto run_step(Net const& net, X const& x) {
  constexpr std::size_t members = fused_members<I, Net, X>();
  if constexpr (misses_dtype<I, Net, X>()) {
    using Taken = typename decltype(taken_element<field_t<Net, I>>())::type;
    refuse<MemberDtypeMistake<Net, I, element_t<X>, Taken>>();
    auto y = detail::run_member<I>(net, harmless(x, like<Taken>(x.dims())));
    return harmless(y, like<element_t<X>>(y.dims()));  // the members behind it get what they would have got
  } else if constexpr (members > 2) {
    return [&]<std::size_t... J>(std::index_sequence<J...>) {
      return fused_layers(x, get_field<I + J>(net)...);
    }(std::make_index_sequence<members>{});
  } else if constexpr (members == 2) {
    return get_field<I>(net).fused(x, get_field<I + 1>(net));
  } else {
    return detail::run_member<I>(net, x);
  }
}

template <std::size_t I, class Net, class X>
auto run_from(Net const& net, X& x) {
  auto y = detail::run_step<I>(net, x);
  if constexpr (I != 0) discard(x);
  constexpr std::size_t next = I + fused_members<I, Net, X>();
  if constexpr (next == field_count<Net>()) {
    return y;
  } else {
    return detail::run_from<next>(net, y);
  }
}

template <std::size_t I, class L, std::size_t N, class X>
auto run_array(std::array<L, N> const& layers, X& x) {
  auto y = detail::run(layers[I], x);
  if constexpr (I != 0) discard(x);
  if constexpr (I + 1 == N) {
    return y;
  } else {
    return detail::run_array<I + 1>(layers, y);
  }
}

template <class Net, class X>
auto run(Net const& net, X const& x) {
  if constexpr (is_wrapper<Net>) {
    return detail::run(static_cast<unwrapped_t<Net> const&>(net), x);
  } else if constexpr (is_array<Net>) {
    return detail::run_array<0>(net, x);
  } else if constexpr (!is_chain<Net>()) {
    return detail::call(net, x);
  } else if constexpr (field_count<Net>() == 0) {
    return x;
  } else {
    return detail::run_from<0>(net, x);
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
    return detail::run(net, x);
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
  if constexpr (!detail::on_host<X...>() && !(detail::runs_on_cuda<X> || ...)) {
    return detail::refuse_device<Net, X...>();
  } else if constexpr (detail::is_wrapper<Net>) {
    return ashlar::forward(static_cast<detail::unwrapped_t<Net> const&>(net), x...);
  } else if constexpr (!detail::is_chain<Net>()) {
    if constexpr (detail::is_left_open<Net>) {
      detail::refuse<decltype(detail::whole_mistake<Net>())>();
      return detail::first_of(x...);
    } else {
      return detail::call(net, x...);
    }
  } else {
    static_assert(sizeof...(X) == 1, "ashlar: members that run in order take one input: write an operator() for more");
    return detail::run_checked<Net>(net, x...);
  }
}

template <class... L>
template <class X>
auto Sequential<L...>::operator()(X const& x) const {
  return ashlar::forward(*this, x);
}

}  // namespace ashlar
