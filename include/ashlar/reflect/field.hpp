// Ashlar: the members of a type, each with the rows it adds to a manifest.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/reflect/content.hpp>
#include <ashlar/reflect/fields.hpp>
#include <ashlar/reflect/row.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

/// The row of a member that is a tensor.
template <class M>
inline constexpr auto stored_row_of = nullptr;
template <Kind K, class T, std::size_t... E>
inline constexpr Row stored_row_of<Stored<K, T, E...>>{.key = {},
                                                       .kind = K,
                                                       .dtype = dtype_of<T>,
                                                       .shape = extents_of<E...>(),
                                                       .bytes = Dims<E...>::static_numel * sizeof(T),
                                                       .owner = {},
                                                       .valid = content_check<T, Dims<E...>::static_numel>};
/// The row of a number.
template <Element T>
inline constexpr Row scalar_row_of{.key = {},
                                   .kind = Kind::scalar,
                                   .dtype = dtype_of<T>,
                                   .shape = {},
                                   .bytes = sizeof(T),
                                   .owner = {},
                                   .valid = content_check<T, 1>};
/// The row of a std::array of numbers.
template <Element T, std::size_t N>
inline constexpr Row scalars_row_of{.key = {},
                                    .kind = Kind::scalar,
                                    .dtype = dtype_of<T>,
                                    .shape = extents_of<N>(),
                                    .bytes = sizeof(T) * N,
                                    .owner = {},
                                    .valid = content_check<T, N>};

/// Order of a struct's own entries: PyTorch lists parameters, then buffers, then children.
enum class Pass : std::uint8_t { parameters, buffers, constants, scalars, children, nothing, unsupported };

struct Field {
  std::string_view name{};
  Pass pass = Pass::nothing;
  std::size_t offset = 0;
  std::size_t repeat = 1;  // std::array: that many, `stride` bytes apart, with keys name.0, name.1, ...
  std::size_t stride = 0;
  bool indexed = false;
  bool as_state = false;  // parameters in it count as buffers
  std::string_view target{};  // of a Tied
  bool freezes = false;  // a Frozen, with its keys, none of which mean all; said by itself, because g++ 12 with
                         // -fsanitize=undefined compares no address with null in a constant
  std::string_view const* frozen = nullptr;
  std::size_t frozen_count = 0;
  Row const* rows = nullptr;
  std::size_t row_count = 0;
  bool has_ties = false;  // rows that no enclosing struct has resolved yet
};

template <class T>
constexpr auto const& table();
template <class T>
constexpr bool table_has_ties();

/// The rows of a struct of nothing but tensors, in the order of a state_dict.
template <std::size_t N>
constexpr std::array<Row, N> order_rows(std::string_view owner, std::string_view const* names,
                                        std::size_t const* offsets, std::array<Row const*, N> const& members) {
  std::array<Row, N> out{};
  std::size_t at = 0;
  for (Kind const kind : {Kind::parameter, Kind::buffer, Kind::constant}) {
    for (std::size_t i = 0; i < N; ++i) {
      if (members[i]->kind != kind) continue;
      Row& row = out[at++];
      row = *members[i];
      row.key = names[i];
      row.offset = offsets[i];
      row.owner = owner;
    }
  }
  return out;
}
template <class T, class... M>
constexpr std::array<Row, sizeof...(M)> list_tensors(Members<M...>) {
  return order_rows<sizeof...(M)>(type_name<T>(), GivenNames<T>::names, plain_offsets<T>.data(),
                                  {&stored_row_of<M>...});
}
template <HasGivenNames T>
inline constexpr auto tensor_rows = list_tensors<T>(fields_t<T>{});

template <class M>
  requires(is_stored<M>)
constexpr Field describe(std::string_view name, std::size_t offset) {
  return {
      .name = name, .pass = static_cast<Pass>(M::kind), .offset = offset, .rows = &stored_row_of<M>, .row_count = 1};
}
template <HasGivenNames M>
constexpr Field describe(std::string_view name, std::size_t offset) {
  return {.name = name,
          .pass = Pass::children,
          .offset = offset,
          .rows = tensor_rows<M>.data(),
          .row_count = member_count<M>};
}
template <class M>
  requires(!is_stored<M> && !HasGivenNames<M>)
constexpr Field describe(std::string_view name, std::size_t offset) {
  Field f{.name = name, .offset = offset};
  if constexpr (std::is_const_v<M>) {
    f.pass = Pass::unsupported;
  } else if constexpr (Element<M>) {
    f.pass = Pass::scalars;
    f.rows = &scalar_row_of<M>;
    f.row_count = 1;
  } else if constexpr (is_std_array<M>) {
    using L = typename M::value_type;
    if constexpr (std::tuple_size_v<M> == 0) {
      f.pass = Pass::nothing;
    } else if constexpr (Element<L>) {
      f.pass = Pass::scalars;
      f.rows = &scalars_row_of<L, std::tuple_size_v<M>>;
      f.row_count = 1;
    } else {
      f = describe<L>(name, offset);
      f.name = name;  // elements of an array have indices for keys, and so do Named ones
      if (f.pass == Pass::nothing || f.pass == Pass::unsupported) return f;
      f.pass = Pass::children;
      f.as_state = false;
      f.target = {};
      f.rows = table<M>().data();
      f.row_count = table<M>().size();
      f.has_ties = table_has_ties<M>();
    }
  } else if constexpr (is_named<M>) {
    f = describe<typename M::Reflected::layer>(M::Reflected::key, offset);
  } else if constexpr (is_state<M>) {
    f = describe<decltype(M::value)>(name, offset);
    f.as_state = true;
  } else if constexpr (CustomRows<M>::specialised) {
    f.pass = Pass::children;
    f.rows = CustomRows<M>::rows().data();
    f.row_count = CustomRows<M>::rows().size();
  } else if constexpr (is_tied<M>) {
    f.pass = Pass::children;
    f.target = M::target;
    f.has_ties = true;
  } else if constexpr (std::is_empty_v<M>) {
    f.pass = Pass::nothing;
  } else if constexpr (IndexedChildren<M>::specialised || is_frozen<M> || PlainStruct<M>) {
    f.pass = Pass::children;
    f.rows = table<M>().data();
    f.row_count = table<M>().size();
    f.has_ties = table_has_ties<M>();
  } else {
    f.pass = Pass::unsupported;
  }
  return f;
}

template <class T, std::size_t... I, class... M>
constexpr auto describe_all(std::index_sequence<I...>, Members<M...>) {
  if constexpr (IndexedChildren<T>::specialised) {
    return std::array<Field, sizeof...(M)>{describe<M>(index_name<I>(), field_offset<T, I>())...};
  } else if constexpr (sizeof...(M) == 0) {
    return std::array<Field, 0>{};
  } else {
    constexpr std::string_view const* names = names_of_members<T>();
    return std::array<Field, sizeof...(M)>{describe<M>(names[I], plain_offsets<T>[I])...};
  }
}

/// A std::array has one field, repeated; its keys are 0, 1, ... A Frozen has one without a name, its layer.
template <class T>
constexpr auto fields_of() {
  if constexpr (is_std_array<T>) {
    std::array<Field, 1> one{describe<typename T::value_type>({}, 0)};
    one[0].repeat = std::tuple_size_v<T>;
    one[0].stride = sizeof(typename T::value_type);
    one[0].indexed = true;
    return one;
  } else if constexpr (is_frozen<T>) {
    std::array<Field, 1> one{describe<typename T::Reflected::layer>({}, 0)};
    one[0].name = {};
    one[0].freezes = true;
    one[0].frozen = T::Reflected::keys;
    one[0].frozen_count = T::Reflected::count;
    return one;
  } else {
    return describe_all<T>(std::make_index_sequence<field_count<T>()>{}, fields_t<T>{});
  }
}

// Variable templates here and below, because g++ 12 does not see the values of static members while their class is
// being instantiated.
template <class T>
inline constexpr auto fields = fields_of<T>();

}  // namespace detail
}  // namespace ashlar
