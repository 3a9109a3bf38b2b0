// Ashlar: state_dict, a Boost.Hana map from compile-time strings to tensors.  SPDX-License-Identifier: BSL-1.0
//
// For code in which a key is a type. Bulk work uses manifest<T>(), which is far cheaper to compile.
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/core/text.hpp>
#include <ashlar/reflect/fingerprint.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/reflect/manifest.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <boost/hana/at.hpp>
#include <boost/hana/at_key.hpp>
#include <boost/hana/map.hpp>
#include <boost/hana/pair.hpp>
#include <boost/hana/second.hpp>
#include <boost/hana/string.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace ashlar {
namespace detail {

template <class T, std::size_t I, std::size_t... C>
constexpr auto hana_key(std::index_sequence<C...>) {
  return boost::hana::string<manifest<T>()[I].key[C]...>{};
}
template <class T, std::size_t I>
constexpr auto hana_key() {
  return hana_key<T, I>(std::make_index_sequence<manifest<T>()[I].key.size()>{});
}

/// The rows of what PyTorch's state_dict lists: parameters and buffers, tied keys too.
template <class T>
constexpr auto state_dict_rows() {
  constexpr std::size_t count = [] {
    std::size_t n = 0;
    for (Row const& row : manifest<T>()) n += row.kind == Kind::parameter || row.kind == Kind::buffer;
    return n;
  }();
  std::array<std::size_t, count> rows{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < manifest<T>().size(); ++i) {
    Kind const kind = manifest<T>()[i].kind;
    if (kind == Kind::parameter || kind == Kind::buffer) rows[at++] = i;
  }
  return rows;
}

/// Where a key stands among state_dict_rows; their number if it does not.
template <class T>
constexpr std::size_t state_dict_index(std::string_view key) {
  constexpr auto rows = state_dict_rows<T>();
  std::size_t i = 0;
  while (i < rows.size() && manifest<T>()[rows[i]].key != key) ++i;
  return i;
}

template <class T, char... C>
struct StateDictMistake {
  static constexpr char chars[] = {C..., '\0'};
  static constexpr Sentence value = [] {
    constexpr std::string_view key{chars, sizeof...(C)};
    constexpr auto rows = state_dict_rows<T>();
    Sentence s;
    if (std::size_t const i = row_index<T>(key); i != manifest<T>().size()) {
      s.add("ashlar: ").add(key).add(" of ").add(type_name<T>()).add(" is a ").add(name_of(manifest<T>()[i].kind));
      s.add(", which a state_dict does not list; get has it");
      return s;
    }
    std::array<Row, rows.size()> listed{};
    for (std::size_t i = 0; i < rows.size(); ++i) listed[i] = manifest<T>()[rows[i]];
    s.add("ashlar: the state_dict of ").add(type_name<T>()).add(" has nothing with the key ").add(key);
    if (auto const near = nearest_key(listed, key); !near.empty()) s.add("; did you mean ").add(near).add("?");
    return s;
  }();
};

/// What state_dict gives: a hana::map by its tag and all that Hana does with one, but hana::map is final, and in its
/// own words a key that is not there is nine errors, none of which names the key.
template <class T, class Map>
struct StateDict : boost::hana::detail::operators::adl<StateDict<T, Map>> {
  using hana_tag = boost::hana::map_tag;
  using hash_table_type = typename Map::hash_table_type;
  using storage_type = typename Map::storage_type;

  storage_type storage;

  explicit constexpr StateDict(Map&& map) : storage(static_cast<storage_type&&>(map.storage)) {}

  /// The tensor with this key, a View. Errors  compile time: there is none, with the nearest key.
  template <char... C>
  constexpr auto operator[](boost::hana::string<C...> const&) const {
    constexpr char key[] = {C..., '\0'};
    constexpr std::size_t i = state_dict_index<T>({key, sizeof...(C)});
    if constexpr (i < state_dict_rows<T>().size()) {
      return boost::hana::second(boost::hana::at_c<i>(storage));
    } else {
      refuse<StateDictMistake<T, C...>>();
      return NoView{};
    }
  }
};

}  // namespace detail

inline namespace literals {
/// A compile-time key: `state_dict(net)["hidden.weight"_s]`.
template <text Key>
constexpr auto operator""_s() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return boost::hana::string<Key.chars[I]...>{};
  }(std::make_index_sequence<Key.size()>{});
}
}  // namespace literals

/// The parameters and buffers of a network under PyTorch's keys, in PyTorch's order, as a hana::map whose values are
/// Views with dtype and extents in the type: `state_dict(net)["hidden.weight"_s](3, 4)`.
///
/// Errors  compile time: a key that is not there, with the nearest one.
/// Note    views into `net`: they are valid as long as it is.
template <class T>
auto state_dict(T& net) {
  using U = std::remove_const_t<T>;
  static constexpr auto rows = detail::state_dict_rows<U>();
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    auto map = boost::hana::make_map(
        boost::hana::make_pair(detail::hana_key<U, rows[I]>(), detail::row_view<rows[I]>(net))...);
    return detail::StateDict<U, decltype(map)>(std::move(map));
  }(std::make_index_sequence<rows.size()>{});
}

}  // namespace ashlar
