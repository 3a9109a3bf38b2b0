// Ashlar: the members of a struct: names, types, offsets.  SPDX-License-Identifier: BSL-1.0
//
// Boost.PFR counts and names the members. Their offsets follow from the rule every ABI has for plain aggregates:
// each member goes to the next multiple of its alignment. Size and alignment of the whole are compared with what the
// compiler says, and `check_offsets` compares every address, which optimises to nothing.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/reflect/field_name.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <boost/pfr/core.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

/// A struct whose members are its content, unless they are irregular. Everything else says for itself what it holds.
template <class T>
concept PlainClass =
    std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_empty_v<T> && !IndexedChildren<T>::specialised &&
    !CustomRows<T>::specialised && !is_wrapper<T> && !is_tied<T> && !is_stored<T>;

// Members that Boost.PFR cannot bind. It counts a C array as its elements, because each of them takes an initialiser of
// its own; but {} stands for the whole array, so that the others are too many, and for no reference at all. It binds no
// struct with a base, and no more than 200 members.
enum class Irregular : unsigned char { none, array, reference, base, many };
inline constexpr std::size_t most_members = 200;

template <class T>
struct AnyBase {
  template <class B>
    requires(std::is_base_of_v<B, T> && !std::is_same_v<B, T>)
  constexpr operator B&() const noexcept;
};
/// The base of an aggregate takes its first initialiser.
template <class T>
concept Inherits = requires { T{AnyBase<T>{}}; };

template <std::size_t>
using AnyMember = boost::pfr::detail::ubiq_lref_constructor;

template <class T, std::size_t... Before, std::size_t... After>
constexpr bool takes_braces(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{AnyMember<Before>{Before}..., {}, AnyMember<After>{After}...}; };
}
// Each test looks at all members, so many are asked of at once: 200 in 7 tests, where one by one they would be 200.
template <class T, std::size_t... Before, std::size_t... After>
constexpr bool takes_4_braces(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{AnyMember<Before>{Before}..., {}, {}, {}, {}, AnyMember<After>{After}...}; };
}
template <class T, std::size_t... Before, std::size_t... After>
constexpr bool takes_32_braces(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires {
    T{AnyMember<Before>{Before}...,
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      {},
      AnyMember<After>{After}...};
  };
}

template <class T, std::size_t At, std::size_t Count>
constexpr Irregular find_irregular() {
  if constexpr (At == Count) {
    return Irregular::none;
  } else if constexpr (At + 32 <= Count &&
                       takes_32_braces<T>(std::make_index_sequence<At>{},
                                          std::make_index_sequence<At + 32 <= Count ? Count - At - 32 : 0>{})) {
    return find_irregular<T, At + 32, Count>();
  } else if constexpr (At + 4 <= Count &&
                       takes_4_braces<T>(std::make_index_sequence<At>{},
                                         std::make_index_sequence<At + 4 <= Count ? Count - At - 4 : 0>{})) {
    return find_irregular<T, At + 4, Count>();
  } else if constexpr (takes_braces<T>(std::make_index_sequence<At>{}, std::make_index_sequence<Count - At - 1>{})) {
    return find_irregular<T, At + 1, Count>();
  } else if constexpr (takes_braces<T>(std::make_index_sequence<At>{}, std::index_sequence<>{})) {
    return Irregular::array;
  } else {
    // A struct with a reference is still copied byte by byte; one with an Owned or a unique_ptr is not.
    return std::is_copy_assignable_v<T> || !std::is_trivially_copyable_v<T> ? Irregular::none : Irregular::reference;
  }
}

template <class T>
constexpr Irregular find_irregular() {
  if constexpr (Inherits<T>) {
    return Irregular::base;
  } else if constexpr (member_count<T> > most_members) {
    return Irregular::many;
  } else {
    return find_irregular<T, 0, member_count<T>>();
  }
}

template <class T>
inline constexpr Irregular irregular_of = find_irregular<T>();
template <HasGivenNames T>
inline constexpr Irregular irregular_of<T> = Irregular::none;

template <class T>
concept PlainStruct = PlainClass<T> && irregular_of<T> == Irregular::none;

template <class T>
constexpr std::size_t field_count() {
  if constexpr (IndexedChildren<T>::specialised) {
    return IndexedChildren<T>::size;
  } else if constexpr (std::is_empty_v<T>) {
    return 0;
  } else {
    return member_count<T>;
  }
}

template <class T>
constexpr auto list_fields() {
  if constexpr (IndexedChildren<T>::specialised) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return Members<typename IndexedChildren<T>::template child<I>...>{};
    }(std::make_index_sequence<IndexedChildren<T>::size>{});
  } else if constexpr (std::is_empty_v<T>) {
    return Members<>{};
  } else {
    return list_members<T>();
  }
}
/// Members<M...>: the types of all members of T.
template <class T>
using fields_t = decltype(list_fields<T>());

template <std::size_t I, class M>
struct NumberedMember {
  using type = M;
};
template <class Indices, class List>
struct NumberedMembers;
template <std::size_t... I, class... M>
struct NumberedMembers<std::index_sequence<I...>, Members<M...>> : NumberedMember<I, M>... {};
template <std::size_t I, class M>
NumberedMember<I, M> pick(NumberedMember<I, M> const*);

template <class T, std::size_t I>
struct FieldType {
  using all = NumberedMembers<std::make_index_sequence<field_count<T>()>, fields_t<T>>;
  using type = typename decltype(detail::pick<I>(static_cast<all*>(nullptr)))::type;
};
template <class T, std::size_t I>
  requires(IndexedChildren<T>::specialised)
struct FieldType<T, I> {
  using type = typename IndexedChildren<T>::template child<I>;
};
template <class T, std::size_t I>
using field_t = typename FieldType<T, I>::type;

/// Member I of an object, const or not.
template <std::size_t I, class T>
constexpr auto& get_field(T& object) {
  using U = std::remove_const_t<T>;
  if constexpr (IndexedChildren<U>::specialised) {
    return IndexedChildren<U>::template get<I>(object);
  } else {
    return bind_member<I>(object);
  }
}

/// Offsets of the members, then size and alignment of the whole.
template <std::size_t N>
constexpr std::array<std::size_t, N + 1> lay_out(std::array<std::size_t, N> const& sizes,
                                                 std::array<std::size_t, N> const& alignments) {
  std::array<std::size_t, N + 1> out{};  // the last of `sizes` is 0: the end
  std::size_t at = 0;
  std::size_t alignment = 1;
  for (std::size_t i = 0; i + 1 < N; ++i) {
    at = (at + alignments[i] - 1) / alignments[i] * alignments[i];
    out[i] = at;
    at += sizes[i];
    if (alignments[i] > alignment) alignment = alignments[i];
  }
  out[N - 1] = (at + alignment - 1) / alignment * alignment;
  out[N] = alignment;
  return out;
}
template <class... M>
constexpr auto compute_offsets(Members<M...>) {
  return lay_out<sizeof...(M) + 1>({sizeof(M)..., 0}, {alignof(M)..., 1});
}

template <class T>
inline constexpr auto plain_offsets = compute_offsets(fields_t<T>{});

/// True if the members lie where the rule puts them.
template <class T>
constexpr bool has_plain_layout() {
  constexpr std::size_t count = field_count<T>();
  return plain_offsets<T>[count] == sizeof(T) && plain_offsets<T>[count + 1] == alignof(T);
}

template <class T>
struct LayoutMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    s.add("ashlar: ").add(type_name<T>());
    return s.add(
        " has a member that does not lie where its type puts it: no alignas, bit-field or array member is allowed");
  }();
};

/// Offset of member I of T.
template <class T, std::size_t I>
constexpr std::size_t field_offset() {
  if constexpr (IndexedChildren<T>::specialised) {
    return IndexedChildren<T>::template offset<I>();
  } else {
    return plain_offsets<T>[I];
  }
}

template <std::size_t I>
struct IndexName {
  static constexpr auto chars = [] {
    std::array<char, 20> out{};
    std::size_t length = 0;
    for (std::size_t n = I; length == 0 || n != 0; n /= 10) ++length;
    for (std::size_t d = length, n = I; d-- > 0; n /= 10) out[d] = static_cast<char>('0' + n % 10);
    out[19] = static_cast<char>(length);
    return out;
  }();
};

template <std::size_t I>
constexpr std::string_view index_name() {
  return {IndexName<I>::chars.data(), static_cast<std::size_t>(IndexName<I>::chars[19])};
}

/// Key of member I of T, where its type does not give one: the member's name, or its index.
template <class T, std::size_t I>
constexpr std::string_view field_name() {
  if constexpr (IndexedChildren<T>::specialised) {
    return index_name<I>();
  } else {
    return names_of_members<T>()[I];
  }
}

}  // namespace ashlar::detail
