// Ashlar: state_dict, a Boost.Hana map from compile-time strings to tensors.  SPDX-License-Identifier: BSL-1.0
//
// For code in which a key is a type. Bulk work uses manifest<T>(), which is far cheaper to compile.
#pragma once

#include <ashlar/core/text.hpp>
#include <ashlar/reflect/lookup.hpp>

#include <boost/hana/at_key.hpp>
#include <boost/hana/map.hpp>
#include <boost/hana/pair.hpp>
#include <boost/hana/string.hpp>

#include <cstddef>
#include <utility>

namespace ashlar {
namespace detail {

template <class T, std::size_t I, std::size_t... C>
constexpr auto hana_key(std::index_sequence<C...>) {
  return boost::hana::string<manifest<T>()[I].key[C]...>{};
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
/// Errors  compile time: a key that the network does not have (from Hana's at_key).
/// Note    views into `net`: they are valid as long as it is.
template <class T>
auto state_dict(T& net) {
  using U = std::remove_const_t<T>;
  static constexpr auto rows = detail::state_dict_rows<U>();
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return boost::hana::make_map(boost::hana::make_pair(
        detail::hana_key<U, rows[I]>(std::make_index_sequence<manifest<U>()[rows[I]].key.size()>{}),
        detail::row_view<rows[I]>(net))...);
  }(std::make_index_sequence<rows.size()>{});
}

}  // namespace ashlar
