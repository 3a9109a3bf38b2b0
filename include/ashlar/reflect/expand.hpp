// Ashlar: a struct's rows from those of its members: keys, offsets, ties.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/reflect/field.hpp>
#include <ashlar/reflect/row.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

// Row::alias_of of a tie whose target has not been found yet; Row::owner holds the target then.
inline constexpr std::ptrdiff_t pending = -2;

constexpr std::size_t digits_of(std::size_t n) {
  std::size_t d = 1;
  for (; n >= 10; n /= 10) ++d;
  return d;
}

/// Lays keys out one behind the other: in a first walk their characters are written to `out`; in a second one, with
/// `out` null, the views of them are taken from `base`. (g++ 12 refuses constants that once pointed to a local array.)
struct KeyWriter {
  char* out;
  char const* base;
  std::size_t at = 0;

  /// prefix + '.' + key; the dot only between two non-empty parts. The prefix is the field's name, or an index.
  constexpr std::string_view join(Field const& f, std::size_t index, std::string_view key) {
    if (key.empty() && !f.indexed) return f.name;  // as it is: a layer's own tensors need no characters
    std::size_t const begin = at;
    if (f.indexed) {
      std::size_t const digits = digits_of(index);
      if (out != nullptr) {
        for (std::size_t d = digits; d-- > 0; index /= 10) out[at + d] = static_cast<char>('0' + index % 10);
      }
      at += digits;
    } else {
      put(f.name);
    }
    if (at != begin && !key.empty()) put(".");
    put(key);
    return since(begin);
  }
  constexpr void put(std::string_view s) {
    if (out != nullptr && !s.empty()) {
#ifdef __clang__
      __builtin_memcpy(out + at, s.data(), s.size());  // one step of the million that clang allows a constant
#else
      for (char const c : s) out[at++] = c;
      return;
#endif
    }
    at += s.size();
  }
  [[nodiscard]] constexpr std::string_view since(std::size_t begin) const {
    // Asks `out`, not `base`: with -fsanitize=undefined g++ 12 does not take the latter comparison for a constant.
    return out != nullptr ? std::string_view{} : std::string_view{base + begin, at - begin};
  }
};

struct TableSize {
  std::size_t rows = 0;
  std::size_t chars = 0;
  bool ties = false;
};

constexpr TableSize measure(Field const* fields, std::size_t count) {
  TableSize size;
  for (std::size_t i = 0; i < count; ++i) {
    Field const& f = fields[i];
    if (f.pass == Pass::nothing || f.pass == Pass::unsupported) continue;
    size.ties = size.ties || f.has_ties;
    bool const tie = !f.target.empty();
    std::size_t const n = tie ? 1 : f.row_count;
    std::size_t chars = 0;
    std::size_t joined = 0;  // keys that are put together
    for (std::size_t r = 0; r < n; ++r) {
      std::size_t const length = tie ? 0 : f.rows[r].key.size();
      if (length == 0 && !f.indexed) continue;
      chars += length + (length == 0 ? 0 : 1);
      ++joined;
    }
    for (std::size_t k = 0; k < f.repeat; ++k) {
      size.chars += chars + joined * (f.indexed ? digits_of(k) : f.name.size());
      size.rows += n;
    }
  }
  return size;
}

/// `key` is the target itself, or lies under it.
constexpr bool is_under(std::string_view key, std::string_view target) {
  return key.substr(0, target.size()) == target && (key.size() == target.size() || key[target.size()] == '.');
}

constexpr bool freezes(Field const& f, std::string_view key) {
  if (f.frozen_count == 0) return true;
  for (std::size_t k = 0; k < f.frozen_count; ++k) {
    if (is_under(key, f.frozen[k])) return true;
  }
  return false;
}

/// Marks what a Frozen names among the rows of its layer. Of tied keys each stands for all.
constexpr void freeze(Field const& f, Row* rows) {
  auto const stored = [&](std::size_t r) {
    return rows[r].alias_of >= 0 ? static_cast<std::size_t>(f.rows[r].alias_of) : r;
  };
  for (std::size_t r = 0; r < f.row_count; ++r) {
    if (freezes(f, f.rows[r].key)) rows[stored(r)].frozen = true;
  }
  for (std::size_t r = 0; r < f.row_count; ++r) rows[r].frozen = rows[stored(r)].frozen;
}

/// The rows of a struct with these fields, in order; ties that its members could not resolve stay pending.
template <std::size_t N>
constexpr std::array<Row, N> expand(Field const* fields, std::size_t count, std::string_view owner, KeyWriter keys) {
  std::array<Row, N> out{};
  std::size_t at = 0;
  for (int pass = 0; pass <= static_cast<int>(Pass::children); ++pass) {
    for (std::size_t i = 0; i < count; ++i) {
      Field const& f = fields[i];
      if (static_cast<int>(f.pass) != pass) continue;
      for (std::size_t k = 0; k < f.repeat; ++k) {
        std::size_t const block = at;
        if (!f.target.empty()) {
          out[at].key = keys.join(f, k, {});
          out[at].owner = f.target;
          out[at++].alias_of = pending;
          continue;
        }
        for (std::size_t r = 0; r < f.row_count; ++r) {
          Row& row = out[at++];
          row = f.rows[r];
          row.key = keys.join(f, k, row.key);
          row.offset += f.offset + k * f.stride;
          if (row.alias_of >= 0) row.alias_of += static_cast<std::ptrdiff_t>(block);
          if (row.owner.empty()) row.owner = owner;
          if (f.as_state && row.kind == Kind::parameter) {
            row.kind = Kind::buffer;
            row.moment = true;
          }
        }
        if (f.freezes) freeze(f, out.data() + block);
      }
    }
  }
  return out;
}

// ---- ties ----------------------------------------------------------------------------------------------------------

/// Rows that one row becomes once ties are resolved, as far as this struct can.
constexpr std::size_t resolved_count(Row const* rows, std::size_t count, std::size_t i) {
  if (rows[i].alias_of != pending) return 1;
  std::size_t n = 0;
  for (std::size_t k = 0; k < count; ++k) n += rows[k].alias_of != pending && is_under(rows[k].key, rows[i].owner);
  return n == 0 ? 1 : n;
}

constexpr TableSize measure_resolved(Row const* rows, std::size_t count) {
  TableSize size;
  for (std::size_t i = 0; i < count; ++i) {
    if (rows[i].alias_of != pending) {
      size.rows += 1;
      size.chars += rows[i].key.size();
      continue;
    }
    bool found = false;
    for (std::size_t k = 0; k < count; ++k) {
      if (rows[k].alias_of == pending || !is_under(rows[k].key, rows[i].owner)) continue;
      found = true;
      size.rows += 1;
      size.chars += rows[i].key.size() + rows[k].key.size() - rows[i].owner.size();
    }
    if (!found) {
      size.rows += 1;
      size.chars += rows[i].key.size();
      size.ties = true;
    }
  }
  return size;
}

template <std::size_t N>
constexpr std::array<Row, N> resolve(Row const* rows, std::size_t count, KeyWriter keys) {
  std::array<Row, N> out{};
  auto const position = [&](std::size_t i) {  // of row i among the resolved ones
    std::size_t p = 0;
    for (std::size_t k = 0; k < i; ++k) p += resolved_count(rows, count, k);
    return static_cast<std::ptrdiff_t>(p);
  };
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bool copied = false;
    for (std::size_t k = 0; rows[i].alias_of == pending && k < count; ++k) {
      if (rows[k].alias_of == pending || !is_under(rows[k].key, rows[i].owner)) continue;
      copied = true;
      Row& row = out[at++];
      row = rows[k];
      row.alias_of = position(rows[k].alias_of >= 0 ? static_cast<std::size_t>(rows[k].alias_of) : k);
      std::size_t const begin = keys.at;
      keys.put(rows[i].key);
      keys.put(rows[k].key.substr(rows[i].owner.size()));
      row.key = keys.since(begin);
    }
    if (copied) continue;
    Row& row = out[at++];
    row = rows[i];
    if (row.alias_of >= 0) row.alias_of = position(static_cast<std::size_t>(row.alias_of));
    std::size_t const begin = keys.at;
    keys.put(rows[i].key);
    row.key = keys.since(begin);
  }
  return out;
}

}  // namespace detail
}  // namespace ashlar
