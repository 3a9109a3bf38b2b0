// Ashlar: how two lists of keys differ, in words.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/convert.hpp>
#include <ashlar/io/key_index.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/reflect/fingerprint.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/transfer.hpp>
#include <ashlar/schema/sort.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {

namespace detail {

/// Number of insertions, deletions and replacements between two keys; at least `limit` if it is that much.
ASHLAR_COLD inline std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if ((a.size() > b.size() ? a.size() - b.size() : b.size() - a.size()) >= limit) return limit;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = up;
    }
  }
  return std::min(row[b.size()], limit);
}

constexpr std::string_view last_part(std::string_view key) { return key.substr(key.rfind('.') + 1); }

/// The candidate that was probably meant by `row`: close in spelling, or else the only one with the same last part,
/// shape and dtype. Null if nothing is near. Looks at no more than 2000 candidates and keys of 128 bytes.
ASHLAR_COLD inline Row const* nearest(Row const& row, std::span<Row const> rows,
                                      std::span<std::size_t const> candidates) {
  Row const* best = nullptr;
  std::size_t best_distance = row.key.size() / 5 + 2;
  Row const* alike = nullptr;
  std::size_t alikes = 0;
  if (row.key.size() > 128) return nullptr;
  for (std::size_t const i : candidates.first(std::min<std::size_t>(candidates.size(), 2000))) {
    Row const* const c = &rows[i];
    if (c->key.size() > 128) continue;
    std::size_t const d = edit_distance(row.key, c->key, best_distance);
    if (d < best_distance) {
      best_distance = d;
      best = c;
    }
    if (last_part(c->key) == last_part(row.key) && c->shape == row.shape && c->dtype == row.dtype) {
      alike = c;
      ++alikes;
    }
  }
  return best != nullptr ? best : alikes == 1 ? alike : nullptr;
}

/// "f32 (256, 20)"
ASHLAR_COLD inline std::string form_of(Row const& row) {
  return message({name_of(row.dtype), " ", to_string(row.shape)});
}

/// Which row of a file fills each stored row of a layout, and all reasons why that is not possible.
struct Match {
  static constexpr auto none = static_cast<std::size_t>(-1);
  std::vector<std::size_t> source;  ///< for each row of the layout: the row of the file; `none` for ties and if missing
  std::vector<std::size_t> missing;  ///< rows of the layout
  std::vector<std::size_t> unexpected;  ///< rows of the file
  std::vector<std::string> problems;
};

/// How strict a match is.
struct MatchRules {
  bool partial = false;  ///< missing and unexpected keys are no problems
  std::span<std::string const> ignored = {};  ///< layers of which something else has been said already
  bool has_kinds = true;  ///< the file says what is a buffer or a constant; a state_dict does not, and has no constants
  std::span<std::string const> required = {};  ///< scalars that it has to have nevertheless
  Conversion conversion = Conversion::none;
  /// A row may be missing: asked of parameters and buffers.
  bool (*may_be_missing)(void const* context, Row const& row) = nullptr;
};

/// The row that has the elements of row i.
inline std::size_t stored_row(std::span<Row const> rows, std::size_t i) {
  return rows[i].is_alias() ? static_cast<std::size_t>(rows[i].alias_of) : i;
}

ASHLAR_COLD inline std::string quoted_list(char const* what, std::span<Row const> rows,
                                           std::span<std::size_t const> which) {
  std::string text = what;
  char const* between = " \"";
  for (std::size_t const i : which) {
    text += between;
    text += printable(rows[i].key);
    text += '"';
    between = ", \"";
  }
  return text += '.';
}

ASHLAR_COLD inline void append(std::vector<std::string>& to, std::span<std::string const> more) {
  for (std::string const& line : more) to.push_back(line);
}
ASHLAR_COLD inline bool holds(std::span<std::string const> list, std::string_view text) {
  for (std::string const& line : list) {
    if (line == text) return true;
  }
  return false;
}

/// What the file has in front of every key that is missing, as "module."; empty if there is no such
/// thing, or it has more than 128 characters.
ASHLAR_COLD inline std::string_view common_prefix(std::span<Row const> rows, std::span<std::size_t const> missing,
                                                  std::span<Row const> file, std::span<std::size_t const> unexpected,
                                                  KeyIndex const& index) {
  if (missing.empty()) return {};
  std::string_view const key = rows[missing[0]].key;
  for (std::size_t const i : unexpected) {
    std::string_view const found = file[i].key;
    if (found.size() <= key.size() || found.size() > key.size() + 128 || !found.ends_with(key) ||
        found[found.size() - key.size() - 1] != '.')
      continue;
    std::string_view const prefix = found.substr(0, found.size() - key.size());
    bool all = true;
    for (std::size_t const k : missing) all = all && index.find(std::string(prefix) + std::string(rows[k].key)) >= 0;
    return all ? prefix : std::string_view();
  }
  return {};
}

/// Pairs the rows of `layout` with those of a file by key; a tied tensor may be found under any of its keys.
/// `same_content(context, a, b)` tells if two rows of the file hold the same bytes: asked where the file has several
/// tensors for keys that are tied in the type.
using SameContent = bool (*)(void const* context, std::size_t a, std::size_t b);
ASHLAR_COLD inline Match match(Layout const& layout, std::span<Row const> file, SameContent same_content,
                               void const* context, MatchRules const& rules = {}) {
  Match out;
  auto const is_ignored = [&](std::string_view key) {
    for (std::string const& layer : rules.ignored) {
      if (is_in(key, layer)) return true;
    }
    return false;
  };
  auto const rows = layout.rows;
  KeyIndex const index(file);
  out.source.resize(rows.size(), Match::none);
  std::vector<std::size_t> used(file.size());
  std::vector<std::string> mismatches;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::ptrdiff_t const found = index.find(rows[i].key);
    if (found < 0) continue;
    std::size_t const target = stored_row(rows, i);
    auto const from = stored_row(file, static_cast<std::size_t>(found));
    used[from] = 1;
    std::size_t& source = out.source[target];
    if (source == Match::none) {
      source = from;
    } else if (source != from && !same_content(context, source, from)) {
      mismatches.push_back(message({"tie mismatch for ", rows[i].key, ": tied to ", rows[target].key, " in ",
                                    layout.type, ", but the file has two different tensors"}));
    }
  }
  std::vector<std::size_t> missing;  // those that are a problem
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row const& row = rows[i];
    if (row.is_alias() || is_ignored(row.key)) continue;
    if (out.source[i] == Match::none) {
      out.missing.push_back(i);
      bool const stands_in_file =
          rules.has_kinds || row.kind == Kind::parameter || row.kind == Kind::buffer || holds(rules.required, row.key);
      bool const may_be_missing = rules.may_be_missing != nullptr && rules.may_be_missing(context, row);
      if (stands_in_file && !may_be_missing) missing.push_back(i);
      continue;
    }
    Row const& from = file[out.source[i]];
    std::string_view const owner = row.owner.empty() ? layout.type : row.owner;
    if (rules.has_kinds && row.kind != from.kind) {
      mismatches.push_back(message({"kind mismatch for ", row.key, ": a ", name_of(from.kind), " in the file, a ",
                                    name_of(row.kind), " in ", owner}));
    }
    // Whether a converted value is a bool or an enumerator, nobody has said.
    if (!is_convertible(from.dtype, row.dtype, row.valid != nullptr ? Conversion::none : rules.conversion)) {
      mismatches.push_back(message({"dtype mismatch for ", row.key, ": ", name_of(from.dtype), " in the file, ",
                                    name_of(row.dtype), " in ", owner}));
    }
    if (!(row.shape == from.shape)) {
      mismatches.push_back(
          message({"size mismatch for ", row.key, ": copying a param with shape ", to_string(from.shape),
                   " from checkpoint, the shape in current model is ", to_string(row.shape), " (", owner, ")"}));
    }
  }
  for (std::size_t i = 0; i < file.size(); ++i) {
    if (file[i].is_alias() || used[i] != 0 || is_ignored(file[i].key)) continue;
    out.unexpected.push_back(i);
  }
  std::span<std::size_t const> unexpected = out.unexpected;
  if (rules.partial) {
    missing.clear();
    unexpected = {};
  }
  if (!missing.empty()) out.problems.push_back(quoted_list("Missing key(s) in state_dict:", rows, missing));
  if (!unexpected.empty()) out.problems.push_back(quoted_list("Unexpected key(s) in state_dict:", file, unexpected));
  std::string_view const prefix = common_prefix(rows, missing, file, unexpected, index);
  if (!prefix.empty()) {
    out.problems.push_back(message({"the file has \"", printable(prefix), "\" in front of every key that is missing: ",
                                    "LoadOptions{.strip_prefix = {\"", printable(prefix), "\"}} takes it off"}));
  }
  // Suggestions cost time for each pair of keys, so not more than a person reads.
  for (std::size_t k = 0; k < missing.size() && k < 32 && prefix.empty(); ++k) {
    Row const& row = rows[missing[k]];
    Row const* const meant = nearest(row, file, unexpected);
    if (meant == nullptr) continue;
    out.problems.push_back(message({row.key, ", ", form_of(row), " of ", row.owner.empty() ? layout.type : row.owner,
                                    ": did you mean ", printable(meant->key), ", ", form_of(*meant), "?"}));
  }
  append(out.problems, mismatches);
  return out;
}

/// Why a file whose tensors all match can still not be used in place: what lies elsewhere, line by line.
ASHLAR_COLD inline std::vector<std::string> layout_differences(Layout const& layout, std::uint64_t file_bytes,
                                                               std::span<Row const> file) {
  std::vector<std::string> lines;
  KeyIndex const index(file);
  auto const place = [](std::span<Row const> rows, std::size_t i) {
    if (rows[i].is_alias())
      return message({"tied to ", printable(rows[static_cast<std::size_t>(rows[i].alias_of)].key)});
    return message({"at byte ", rows[i].offset});
  };
  for (std::size_t i = 0; i < layout.rows.size(); ++i) {
    Row const& row = layout.rows[i];
    std::ptrdiff_t const found = index.find(row.key);
    if (found < 0) {
      lines.push_back(message({row.key, ": not in the file as a key of its own"}));
      continue;
    }
    std::string const here = place(layout.rows, i);
    std::string const there = place(file, static_cast<std::size_t>(found));
    if (here != there) lines.push_back(message({row.key, ": ", there, " in the file, ", here, " in ", layout.type}));
  }
  KeyIndex const own(layout.rows);
  for (Row const& row : file) {
    if (own.find(row.key) < 0) lines.push_back(message({printable(row.key), ": a key of the file alone"}));
  }
  if (file_bytes != layout.bytes) {
    lines.push_back(message({"size: ", file_bytes, " bytes in the file, ", layout.bytes, " in ", layout.type}));
  }
  if (lines.empty()) lines.push_back("the same keys at the same places, but listed in another order");
  return lines;
}

}  // namespace detail
}  // namespace ashlar
