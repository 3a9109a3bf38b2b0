// Ashlar: the name of a member, from how the compiler prints a pointer to it.  SPDX-License-Identifier: BSL-1.0
//
// The method is Boost.PFR's (boost/pfr/core_name.hpp), on top of its public `get`. That header itself costs more to
// compile than all the rest of reflection: g++ 12 -O2, user seconds, core.hpp 0.4, with core_name.hpp 1.1.
#pragma once

#include <ashlar/reflect/given_names.hpp>

#include <boost/pfr/core.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

template <class T>
struct Holder {
  T value;
};

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

/// Declared and never defined: only addresses in it are printed.
template <class T>
extern Holder<T> example_of;

/// clang prints a pointer to a member of an object only inside a class.
template <class P>
struct Printed {
  P pointer;
};
template <class P>
Printed(P) -> Printed<P>;

/// A std::string_view in the signature would be spelled out behind what is looked for.
struct PrintedName {
  char const* begin;
  std::size_t size;
};

#ifdef __CUDACC__
/// nvcc 13 reads its units with two compilers of its own, before that of the host reads the same templates and prints
/// as below. One prints "P = Printed<...>{&example_of<MLP>.value.relu}", the other all members up to the last, with a
/// distance from there: "{(float *)((&example_of<MLP>.value.hidden.relu.output) -6)}". All must come to the same name.
constexpr bool is_host_print(char const* text,
                             std::size_t size) {  // not by find: g++ 12 would compare two pointers to it
  for (std::size_t at = 0; at + 8 <= size; ++at) {
    bool same = true;
    for (std::size_t i = 0; i < 8; ++i) same = same && text[at + i] == "::value."[i];
    if (same) return true;
  }
  return false;
}
constexpr PrintedName nvcc_name(std::string_view text, std::size_t index) {
  constexpr std::string_view before = ">.value.";
  std::size_t begin = text.rfind(before) + before.size();
  std::size_t end = text.find_first_of(".)}", begin);
  for (; index != 0 && text[end] == '.'; --index) {
    begin = end + 1;
    end = text.find_first_of(".)}", begin);
  }
  return {text.data() + begin, end - begin};
}
#endif

// Its text is read from the back, and by hand: that is most of what a name costs.
template <Printed P, std::size_t I = 0>
constexpr PrintedName printed_member() {
  // "... [with Printed<...> P = Printed<...>{(& example_of<MLP>.Holder<MLP>::value.MLP::hidden)}; long unsigned int I =
  // 0]"
  // "... [P = Printed<...>{&example_of.value.hidden}, I = 0]"
  char const* const text = __PRETTY_FUNCTION__;
#ifdef __CUDACC__
  constexpr std::size_t size = sizeof __PRETTY_FUNCTION__ - 1;  // the NUL in a Tied<"..."> is printed
  if (!is_host_print(text, size)) return nvcc_name(std::string_view(text, size), I);
#endif
  std::size_t end = sizeof __PRETTY_FUNCTION__ - 1;
  while (text[end - 1] != '}') --end;
  while (text[end - 1] == '}' || text[end - 1] == ')' || text[end - 1] == ' ') --end;
  std::size_t begin = end;
  while (begin > 0) {
    char const c = text[begin - 1];
    bool const part_of_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                              c == '$' || static_cast<unsigned char>(c) >= 0x80;
    if (!part_of_name) break;
    --begin;
  }
  return {text + begin, end - begin};
}

/// True if T can be initialised with so many values.
template <class T, class Indices>
inline constexpr bool takes_values = false;
template <class T, std::size_t... I>
inline constexpr bool takes_values<T, std::index_sequence<I...>> =
    requires { T{boost::pfr::detail::ubiq_lref_constructor{I}...}; };

/// Boost.PFR's search for the number of members.
template <class T>
constexpr std::size_t search_count() {
#ifdef __CUDACC__  // nvcc 13 refuses every T in PFR's check for a base, which fields.hpp has too
  return boost::pfr::detail::fields_count_dispatch<T>(1L, 1L, std::true_type{});
#else
  return boost::pfr::detail::fields_count<T>();
#endif
}

/// The number of members of a plain struct. Small ones are tried at once.
template <class T>
constexpr std::size_t count_members() {
  if constexpr (takes_values<T, std::make_index_sequence<5>>) {
    return search_count<T>();
  } else if constexpr (takes_values<T, std::make_index_sequence<3>>) {
    return takes_values<T, std::make_index_sequence<4>> ? 4 : 3;
  } else if constexpr (takes_values<T, std::make_index_sequence<2>>) {
    return 2;
  } else {
    return search_count<T>();
  }
}
template <class T>
inline constexpr std::size_t member_count = count_members<T>();
template <HasGivenNames T>
inline constexpr std::size_t member_count<T> = std::size(GivenNames<T>::names);

/// References to the members of an object, as Boost.PFR binds them.
template <class T>
constexpr auto members_of(T& object) {
  return boost::pfr::detail::tie_as_tuple(object, boost::pfr::detail::size_t_<member_count<std::remove_const_t<T>>>{});
}

/// The types of a struct's members. Code that looks at all of them takes them as one pack: to ask for each by its
/// number costs the square of their number.
template <class... M>
struct Members {};

template <std::size_t... I, class... M>
constexpr auto list_references(boost::pfr::detail::sequence_tuple::tuple_base<std::index_sequence<I...>, M...> const&) {
  return Members<std::remove_reference_t<M>...>{};
}

// The overloads of Boost.PFR for every number of members cost as much to resolve as the rest of a small struct's
// reflection (g++ 12), so small numbers are bound here.
template <class T>
constexpr auto list_members() {
  if constexpr (member_count<T> == 1) {
    auto& [a] = example_of<T>.value;
    return Members<std::remove_reference_t<decltype(a)>>{};
  } else if constexpr (member_count<T> == 2) {
    auto& [a, b] = example_of<T>.value;
    return Members<std::remove_reference_t<decltype(a)>, std::remove_reference_t<decltype(b)>>{};
  } else if constexpr (member_count<T> == 3) {
    auto& [a, b, c] = example_of<T>.value;
    return Members<std::remove_reference_t<decltype(a)>, std::remove_reference_t<decltype(b)>,
                   std::remove_reference_t<decltype(c)>>{};
  } else if constexpr (member_count<T> == 4) {
    auto& [a, b, c, d] = example_of<T>.value;
    return Members<std::remove_reference_t<decltype(a)>, std::remove_reference_t<decltype(b)>,
                   std::remove_reference_t<decltype(c)>, std::remove_reference_t<decltype(d)>>{};
  } else {
    return detail::list_references(members_of(example_of<T>.value));
  }
}

/// Member I of an object, const or not.
template <std::size_t I, class T>
constexpr auto& bind_member(T& object) {
#ifdef __CUDACC__  // which takes what is bound for local variables
  constexpr std::size_t count = 0;
#else
  constexpr std::size_t count = member_count<std::remove_const_t<T>>;
#endif
  if constexpr (count == 1) {
    auto& [a] = object;
    return a;
  } else if constexpr (count == 2) {
    auto& [a, b] = object;
    if constexpr (I == 0) return a;
    else return b;
  } else if constexpr (count == 3) {
    auto& [a, b, c] = object;
    if constexpr (I == 0) return a;
    else if constexpr (I == 1) return b;
    else return c;
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = object;
    if constexpr (I == 0) return a;
    else if constexpr (I == 1) return b;
    else if constexpr (I == 2) return c;
    else return d;
  } else {
    return boost::pfr::detail::sequence_tuple::get<I>(members_of(object));
  }
}

template <std::size_t N>
constexpr std::array<std::string_view, N> views_of(std::array<PrintedName, N> const& names) {
  std::array<std::string_view, N> views;
  for (std::size_t i = 0; i < N; ++i) views[i] = {names[i].begin, names[i].size};
  return views;
}

// The members are bound inside functions that no program calls: a variable of them would be emitted by g++ -O0 for a T
// without linkage, and the linker would ask for the object.
#ifdef __CUDACC__  // to which the address of a member is a constant only if a function returns it
template <class T, std::size_t I>
constexpr auto* example_of_member() {
  return &bind_member<I>(example_of<T>.value);
}
template <class T, std::size_t... I>
constexpr auto print_names(std::index_sequence<I...>) {
  return std::array<PrintedName, sizeof...(I)>{printed_member<Printed{example_of_member<T, I>()}, I>()...};
}
#else
template <class T, std::size_t... I, class... M>
constexpr auto print_bound(boost::pfr::detail::sequence_tuple::tuple_base<std::index_sequence<I...>, M...> const&) {
  using namespace boost::pfr::detail::sequence_tuple;
  constexpr auto members = members_of(example_of<T>.value);
  return std::array<PrintedName, sizeof...(I)>{
      printed_member<Printed{&static_cast<base_from_member<I, M> const&>(members).value}>()...};
}
template <class T, std::size_t... I>
constexpr auto print_names(std::index_sequence<I...>) {
  if constexpr (sizeof...(I) <= 4) {
    return std::array<PrintedName, sizeof...(I)>{printed_member<Printed{&bind_member<I>(example_of<T>.value)}>()...};
  } else {
    return print_bound<T>(members_of(example_of<T>.value));
  }
}
#endif

/// Names of the members of the plain struct T.
template <class T>
inline constexpr auto printed_names = views_of(print_names<T>(std::make_index_sequence<member_count<T>>{}));

template <class T>
constexpr std::string_view const* names_of_members() {
  if constexpr (HasGivenNames<T>) return GivenNames<T>::names;
  else return printed_names<T>.data();
}

struct SelfTest {
  int first_member;
  int* second_member;
};
static_assert(printed_names<SelfTest>[0] == "first_member" && printed_names<SelfTest>[1] == "second_member",
              "ashlar: this compiler prints member names in another way");

#ifdef __clang__
#pragma clang diagnostic pop
#endif

}  // namespace ashlar::detail
