// Ashlar: what a network holds, as a table for people.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/reflect/lookup.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar {
namespace detail {

inline std::string with_thousands(std::size_t n) {
  std::string digits = std::to_string(n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

/// Columns padded to their widest cell; the last `right` ones are aligned to the right. A row of one empty cell is a
/// rule.
inline std::string format_table(std::vector<std::vector<std::string>> const& rows, std::size_t right) {
  std::vector<std::size_t> width;
  for (auto const& row : rows) {
    width.resize(row.size() > width.size() ? row.size() : width.size());
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = row[c].size() > width[c] ? row[c].size() : width[c];
  }
  std::size_t total = 0;
  for (std::size_t const w : width) total += w + 2;
  std::string out;
  for (auto const& row : rows) {
    if (row.size() == 1) {
      out.append(total - 2, '-');
    } else {
      for (std::size_t c = 0; c < row.size(); ++c) {
        std::string const pad(width[c] - row[c].size(), ' ');
        bool const last = c + 1 == row.size();
        if (c + right >= row.size()) {
          out += pad + row[c];
        } else {
          out += row[c] + (last ? "" : pad);
        }
        if (!last) out += "  ";
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace detail

/// A table of all that T stores: key, the layer that holds it, kind, dtype, shape, numbers of parameters and bytes,
/// and their totals, without what is frozen too. A tied key is listed with the key it shares its elements with, and
/// counted once.
template <class T>
std::string summary() {
  std::vector<std::vector<std::string>> table;
  table.push_back({"key", "member of", "kind", "dtype", "shape", "parameters", "bytes"});
  table.push_back({""});
  std::size_t parameters = 0;
  std::size_t frozen = 0;
  auto const& rows = manifest<T>();
  for (Row const& row : rows) {
    constexpr std::array<std::string_view, 4> kinds{"parameter", "buffer", "constant", "scalar"};
    bool const counts = row.kind == Kind::parameter && !row.is_alias();
    std::size_t const n = counts ? row.shape.numel() : 0;
    parameters += n;
    if (row.frozen) frozen += n;
    table.push_back({std::string(row.key), std::string(row.owner),
                     row.is_alias() ? "= " + std::string(rows[static_cast<std::size_t>(row.alias_of)].key)
                     : row.frozen   ? "parameter, frozen"
                                    : std::string(kinds[static_cast<std::size_t>(row.kind)]),
                     std::string(name_of(row.dtype)), to_string(row.shape),
                     counts ? detail::with_thousands(n) : std::string(),
                     row.is_alias() ? std::string() : detail::with_thousands(row.bytes)});
  }
  table.push_back({""});
  std::string_view const name = type_name<T>();
  std::size_t const end = name.size() <= 40 ? name.size() : name.find('<');  // a Sequential names all it holds
  table.push_back({std::string(name.substr(0, end)), "", "", "", "total", detail::with_thousands(parameters),
                   detail::with_thousands(sizeof(T))});
  if (frozen != 0) table.push_back({"", "", "", "", "trained", detail::with_thousands(parameters - frozen), ""});
  return detail::format_table(table, 2);
}

template <class T>
std::string summary(T const&) {
  return summary<T>();
}

}  // namespace ashlar
