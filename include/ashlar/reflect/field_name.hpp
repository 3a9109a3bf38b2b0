// Ashlar: the name of a member, from how the compiler prints a pointer to it.  SPDX-License-Identifier: BSL-1.0
//
// The method is Boost.PFR's (boost/pfr/core_name.hpp), on top of its public `get`. That header itself costs more to
// compile than all the rest of reflection: g++ 12 -O2, user seconds, core.hpp 0.4, with core_name.hpp 1.1.
#pragma once

#include <boost/pfr/core.hpp>

#include <cstddef>
#include <string_view>

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
extern Holder<T> const example_of;

/// clang prints a pointer to a member of an object only inside a class.
template <class P>
struct Printed {
  P pointer;
};
template <class P>
Printed(P) -> Printed<P>;

template <Printed P>
constexpr std::string_view printed_member() {
  // "... [with Printed<...> P = Printed<...>{(& example_of<MLP>.Holder<MLP>::value.MLP::hidden)}; ...]"
  // "... [P = Printed<...>{&example_of.value.hidden}]"
  std::string_view text = __PRETTY_FUNCTION__;
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

/// References to all members of that object, made once for a type and not once for each member.
template <class T>
inline constexpr auto example_members = boost::pfr::detail::tie_as_tuple(example_of<T>.value);

/// Name of member I of the plain struct T.
template <class T, std::size_t I>
constexpr std::string_view printed_name() {
  return printed_member<Printed{&boost::pfr::detail::sequence_tuple::get<I>(example_members<T>)}>();
}

struct SelfTest {
  int first_member;
};
static_assert(printed_name<SelfTest, 0>() == "first_member",
              "ashlar: this compiler prints member names in another way");

#ifdef __clang__
#pragma clang diagnostic pop
#endif

}  // namespace ashlar::detail
