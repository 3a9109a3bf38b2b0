// Ashlar: the name of a member, from how the compiler prints a pointer to it.  SPDX-License-Identifier: BSL-1.0
//
// The method is Boost.PFR's (boost/pfr/core_name.hpp), on top of its public `get`. That header itself costs more to
// compile than all the rest of reflection: g++ 12 -O2, user seconds, core.hpp 0.4, with core_name.hpp 1.1.
#pragma once

#include <boost/pfr/core.hpp>

#include <array>
#include <cstddef>
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

#ifdef __CUDACC__
/// nvcc 13 reads its units with two compilers of its own, before that of the host reads the same templates and prints
/// as below. One prints "P = Printed<...>{&example_of<MLP>.value.relu}", the other all members up to the last, with a
/// distance from there: "{(float *)((&example_of<MLP>.value.hidden.relu.output) -6)}". All must come to the same name.
constexpr std::string_view nvcc_name(std::string_view text, std::size_t index) {
  constexpr std::string_view before = ">.value.";
  std::size_t begin = text.rfind(before) + before.size();
  std::size_t end = text.find_first_of(".)}", begin);
  for (; index != 0 && text[end] == '.'; --index) {
    begin = end + 1;
    end = text.find_first_of(".)}", begin);
  }
  return text.substr(begin, end - begin);
}
#endif

template <Printed P, std::size_t I = 0>
constexpr std::string_view printed_member() {
  // "... [with Printed<...> P = Printed<...>{(& example_of<MLP>.Holder<MLP>::value.MLP::hidden)}; ...]"
  // "... [P = Printed<...>{&example_of.value.hidden}]"
  std::string_view text = __PRETTY_FUNCTION__;
#ifdef __CUDACC__
  if (text.find("::value.") == std::string_view::npos) return nvcc_name(text, I);
#endif
  text = text.substr(text.find("P = ") + 4);
  text = text.substr(0, text.rfind('}'));  // the last: a type in the text may have braces, Named<text{...}>
  while (text.back() == ')' || text.back() == '}' || text.back() == ' ') text.remove_suffix(1);
  std::size_t begin = text.size();
  while (begin > 0) {
    char const c = text[begin - 1];
    bool const part_of_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                              c == '$' || static_cast<unsigned char>(c) >= 0x80;
    if (!part_of_name) break;
    --begin;
  }
  return text.substr(begin);
}

/// The number of members of a plain struct.
template <class T>
inline constexpr std::size_t member_count =
#ifdef __CUDACC__  // nvcc 13 refuses every T in PFR's check for a base, which fields.hpp has too
    boost::pfr::detail::fields_count_dispatch<T>(1L, 1L, std::true_type{});
#else
    boost::pfr::detail::fields_count<T>();
#endif

/// References to the members of an object, as Boost.PFR binds them. Its overloads for every number of members cost as
/// much to resolve as the rest of a small struct's reflection (g++ 12), so small numbers are bound here.
template <class T>
constexpr auto members_of(T& object) {
  using boost::pfr::detail::make_tuple_of_references;
  constexpr std::size_t count = member_count<std::remove_const_t<T>>;
  if constexpr (count == 1) {
    auto& [a] = object;
    return make_tuple_of_references(a);
  } else if constexpr (count == 2) {
    auto& [a, b] = object;
    return make_tuple_of_references(a, b);
  } else if constexpr (count == 3) {
    auto& [a, b, c] = object;
    return make_tuple_of_references(a, b, c);
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = object;
    return make_tuple_of_references(a, b, c, d);
  } else {
    return boost::pfr::detail::tie_as_tuple(object, boost::pfr::detail::size_t_<count>{});
  }
}

// The members are bound inside a function that no program calls: a variable of them would be emitted by g++ -O0 for a T
// without linkage, and the linker would ask for the object.
#ifdef __CUDACC__  // to which the address of a member is a constant only if a function returns it
template <class T, std::size_t I>
constexpr auto* example_of_member() {
  return &boost::pfr::detail::sequence_tuple::get<I>(members_of(example_of<T>.value));
}
template <class T, std::size_t... I>
constexpr std::array<std::string_view, sizeof...(I)> print_names(std::index_sequence<I...>) {
  return {printed_member<Printed{example_of_member<T, I>()}, I>()...};
}
#else
template <class T, std::size_t... I>
constexpr std::array<std::string_view, sizeof...(I)> print_names(std::index_sequence<I...>) {
  constexpr auto members = members_of(example_of<T>.value);
  return {printed_member<Printed{&boost::pfr::detail::sequence_tuple::get<I>(members)}>()...};
}
#endif

/// Names of the members of the plain struct T.
template <class T>
inline constexpr auto printed_names = print_names<T>(std::make_index_sequence<member_count<T>>{});

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
