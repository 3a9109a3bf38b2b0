// Ashlar: taking a part of one network over into another.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/core/text.hpp>
#include <ashlar/reflect/manifest.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace ashlar {
namespace detail {

/// An empty part is the whole network.
constexpr bool is_in(std::string_view key, std::string_view part) { return part.empty() || is_under(key, part); }
/// What follows the part in a key that is or lies under it: "" or "weight".
constexpr std::string_view rest_of(std::string_view key, std::string_view part) {
  return key.substr(part.empty() || key.size() == part.size() ? part.size() : part.size() + 1);
}

/// Index of the row under `to` in B that has the rest of `key`, which is under `from`; the number of rows if there is
/// none.
template <class B>
constexpr std::size_t counterpart(std::string_view key, std::string_view from, std::string_view to) {
  auto const& rows = manifest<B>();
  std::size_t i = 0;
  while (i < rows.size() && !(is_in(rows[i].key, to) && rest_of(rows[i].key, to) == rest_of(key, from))) ++i;
  return i;
}

template <text From, text To, class A, class B>
struct TransferMistake {
  static constexpr void name(Sentence& s, std::string_view type, std::string_view key) {
    s.add(type);
    if (!key.empty()) s.add(".").add(key);
  }
  static constexpr void form(Sentence& s, Row const& row) {
    s.add(name_of(row.dtype)).add(" (");
    for (std::size_t d = 0; d < row.shape.rank; ++d) s.add(d == 0 ? "" : ", ").add(row.shape[d]);
    s.add(")");
  }
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr std::string_view from = From.view();
    constexpr std::string_view to = To.view();
    bool found = false;
    for (Row const& row : manifest<A>()) {
      if (!is_in(row.key, from)) continue;
      found = true;
      std::size_t const at = counterpart<B>(row.key, from, to);
      if (at == manifest<B>().size()) {
        s.add("ashlar: ");
        name(s, type_name<B>(), to);
        s.add(" has no place for ").add(type_name<A>()).add(".").add(row.key);
        return s;
      }
      Row const& other = manifest<B>()[at];
      if (row.dtype == other.dtype && row.shape == other.shape && row.kind == other.kind) continue;
      s.add("ashlar: ").add(type_name<A>()).add(".").add(row.key).add(" is ");
      form(s, row);
      s.add(" but ").add(type_name<B>()).add(".").add(other.key).add(" is ");
      form(s, other);
      return s;
    }
    if (!found) {
      s.add("ashlar: ").add(type_name<A>()).add(" has nothing with the key ").add(from).add(" to transfer");
      return s;
    }
    for (Row const& row : manifest<B>()) {
      if (!is_in(row.key, to) || counterpart<A>(row.key, to, from) != manifest<A>().size()) continue;
      s.add("ashlar: ");
      name(s, type_name<A>(), from);
      s.add(" has nothing for ").add(type_name<B>()).add(".").add(row.key);
      return s;
    }
    return s;
  }();
};

struct Copy {
  std::size_t from = 0;
  std::size_t to = 0;
  std::size_t bytes = 0;
};

/// A copy for each row; the second of two tied keys copies what the first has copied.
template <text From, text To, class A, class B>
inline constexpr auto transfer_copies = [] {
  constexpr std::size_t count = [] {
    std::size_t n = 0;
    for (Row const& row : manifest<A>()) n += is_in(row.key, From.view()) ? 1 : 0;
    return n;
  }();
  std::array<Copy, count> out{};
  std::size_t n = 0;
  for (Row const& row : manifest<A>()) {
    if (!is_in(row.key, From.view())) continue;
    out[n++] = {row.offset, manifest<B>()[counterpart<B>(row.key, From.view(), To.view())].offset, row.bytes};
  }
  return out;
}();

}  // namespace detail

/// Copies all that lies under one key to the same key of another network, or to another key:
///   transfer<"backbone">(*from, *to);        transfer<"net.0", "hidden">(*from, *to);
/// An empty key is the whole network: transfer<"", "encoder">(*pretrained, *to).
///
/// Errors  compile time, one sentence with the members' names: a key that does not exist; a tensor that only one side
///         has; another dtype, shape or kind.
/// Cost    one copy of what is transferred; allocates nothing.
template <text From, text To, class A, class B>
void transfer(A const& from, B& to) {
  using Mistake = detail::TransferMistake<From, To, A, B>;
  detail::refuse<Mistake>();
  if constexpr (Mistake::value.empty()) {
    for (detail::Copy const& c : detail::transfer_copies<From, To, A, B>) {
      std::memcpy(reinterpret_cast<std::byte*>(&to) + c.to, reinterpret_cast<std::byte const*>(&from) + c.from,
                  c.bytes);
    }
  }
}
template <text Key, class A, class B>
void transfer(A const& from, B& to) {
  transfer<Key, Key>(from, to);
}

}  // namespace ashlar
