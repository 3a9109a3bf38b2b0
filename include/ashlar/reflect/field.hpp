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

template <class T>
struct Leaf;
template <Kind K, class T, std::size_t... E>
struct Leaf<Stored<K, T, E...>> {
  static constexpr std::array<Row, 1> rows{Row{.key = {},
                                               .kind = K,
                                               .dtype = dtype_of<T>,
                                               .shape = Dims<E...>{}.value(),
                                               .bytes = Dims<E...>::static_numel * sizeof(T),
                                               .owner = {},
                                               .valid = content_check<T, Dims<E...>::static_numel>()}};
};
template <Element T>
struct Leaf<T> {
  static constexpr std::array<Row, 1> rows{Row{.key = {},
                                               .kind = Kind::scalar,
                                               .dtype = dtype_of<T>,
                                               .shape = {},
                                               .bytes = sizeof(T),
                                               .owner = {},
                                               .valid = content_check<T, 1>()}};
};
template <Element T, std::size_t N>
struct Leaf<std::array<T, N>> {
  static constexpr std::array<Row, 1> rows{Row{.key = {},
                                               .kind = Kind::scalar,
                                               .dtype = dtype_of<T>,
                                               .shape = Dims<N>{}.value(),
                                               .bytes = sizeof(T) * N,
                                               .owner = {},
                                               .valid = content_check<T, N>()}};
};

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
  std::string_view const* frozen = nullptr;  // of a Frozen: its keys; none mean all
  std::size_t frozen_count = 0;
  Row const* rows = nullptr;
  std::size_t row_count = 0;
  bool has_ties = false;  // rows that no enclosing struct has resolved yet
};

template <class T>
constexpr auto const& table();
template <class T>
constexpr bool table_has_ties();

template <class M>
constexpr Field describe(std::string_view name, std::size_t offset) {
  Field f{.name = name, .offset = offset};
  if constexpr (is_stored<M>) {
    f.pass = static_cast<Pass>(M::kind);
    f.rows = Leaf<M>::rows.data();
    f.row_count = 1;
  } else if constexpr (Element<M>) {
    f.pass = Pass::scalars;
    f.rows = Leaf<M>::rows.data();
    f.row_count = 1;
  } else if constexpr (is_std_array<M>) {
    using L = typename M::value_type;
    if constexpr (std::tuple_size_v<M> == 0) {
      f.pass = Pass::nothing;
    } else if constexpr (Element<L>) {
      f.pass = Pass::scalars;
      f.rows = Leaf<M>::rows.data();
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
    f = describe<typename NamedParts<M>::layer>(NamedParts<M>::key, offset);
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
    std::array<Field, 1> one{describe<typename FrozenParts<T>::layer>({}, 0)};
    one[0].name = {};
    one[0].frozen = FrozenParts<T>::keys;
    one[0].frozen_count = FrozenParts<T>::count;
    return one;
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<Field, sizeof...(I)>{describe<field_t<T, I>>(field_name<T, I>(), field_offset<T, I>())...};
    }(std::make_index_sequence<field_count<T>()>{});
  }
}

// Variable templates here and below, because g++ 12 does not see the values of static members while their class is
// being instantiated.
template <class T>
inline constexpr auto fields = fields_of<T>();

}  // namespace detail
}  // namespace ashlar
