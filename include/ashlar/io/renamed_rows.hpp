// Ashlar: the keys of a file after the rules of LoadOptions.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/calls.hpp>
#include <ashlar/io/expected.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/transfer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// What a key of a file becomes by the rules of the options, after LoadOptions::at.
template <class Options>
std::string renamed_key(std::string_view key, Options const& options) {
  for (bool again = true; again;) {
    again = false;
    for (std::string const& prefix : options.strip_prefix) {
      if (prefix.empty() || !key.starts_with(prefix)) continue;
      key.remove_prefix(prefix.size());
      again = true;
    }
  }
  for (auto const& [from, to] : options.rename) {
    if (!is_in(key, from)) continue;
    std::string_view const rest = rest_of(key, from);
    std::string out = to;
    if (!out.empty() && !rest.empty()) out += '.';
    return out.append(rest);
  }
  return std::string(key);
}

/// The rows of a source under the keys that an object is to be filled from, and the versions of its layers likewise.
class RenamedRows {
 public:
  ASHLAR_COLD RenamedRows(Source source, LoadOptions const& options)
      : source_(std::move(source)),
        rows_(source_.rows),
        changes_(!options.at.empty() || !options.strip_prefix.empty() || !options.rename.empty() ||
                 !options.transpose.empty()) {
    if (!options.partial) problems_ = source_.problems;
    problems_.insert(problems_.end(), source_.mistakes.begin(), source_.mistakes.end());
    if (!changes_) return;
    take(options.at);
    keys_.reserve(own_.size());
    for (Row& row : own_) row.key = keys_.emplace_back(renamed_key(row.key, options));
    rows_ = own_;
    for (LayerVersion& v : source_.versions) v.key = renamed_key(v.key, options);
    sort_versions(source_.versions);
    auto const order = sorted_indices(own_.size(), [&](auto a, auto b) { return own_[a].key < own_[b].key; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      std::string_view const twice = own_[order[i]].key;
      if (own_[order[i - 1]].key != twice) continue;
      auto const key = [&](std::size_t row) { return printable(source_.rows[from_[order[row]]].key); };
      problems_.push_back(message({key(i - 1), " and ", key(i), " both become ", printable(twice)}));
    }
    for (std::string const& key : options.transpose) transpose(key);
  }
  RenamedRows(RenamedRows const&) = delete;
  RenamedRows& operator=(RenamedRows const&) = delete;

  [[nodiscard]] std::span<Row const> rows() const { return rows_; }
  [[nodiscard]] std::span<LayerVersion const> versions() const { return source_.versions; }
  /// What it was made from; its rows are those from before.
  [[nodiscard]] Source const& source() const { return source_; }
  /// The rules of the options change something.
  [[nodiscard]] bool changes() const { return changes_; }
  /// Those of the source, keys that two tensors would have, and transpositions that cannot be.
  [[nodiscard]] std::vector<std::string> const& problems() const { return problems_; }
  /// The elements of a row that is no alias.
  [[nodiscard]] ValueTensor tensor(std::size_t row) const {
    if (!changes_) return source_.tensor(source_.context, row);
    ValueTensor t = source_.tensor(source_.context, from_[row]);
    return transposed_[row] != 0 ? transposed(t) : t;
  }

 private:
  /// Starts with the rows and versions under `at`, by their keys there.
  ASHLAR_COLD void take(std::string_view at) {
    constexpr auto none = static_cast<std::size_t>(-1);
    std::vector<std::size_t> place(source_.rows.size(), none);
    for (std::size_t i = 0; i < source_.rows.size(); ++i) {
      Row row = source_.rows[i];
      if (!is_in(row.key, at)) continue;
      // The first of the keys of a tensor that lie here stores it, also if another one did.
      std::size_t const from = stored_row(source_.rows, i);
      row.alias_of = static_cast<std::ptrdiff_t>(place[from]);
      if (place[from] == none) place[from] = own_.size();
      row.key = rest_of(row.key, at);
      own_.push_back(row);
      from_.push_back(from);
    }
    transposed_.resize(own_.size());
    if (own_.empty() && !source_.rows.empty()) problems_.push_back(message({"nothing lies under \"", at, "\""}));
    std::erase_if(source_.versions, [&](LayerVersion const& v) { return !is_in(v.key, at); });
    for (LayerVersion& v : source_.versions) v.key = std::string(rest_of(v.key, at));
  }
  /// Exchanges the dimensions of the row with this key, whatever it is tied to.
  ASHLAR_COLD void transpose(std::string_view key) {
    auto const at = std::find_if(own_.begin(), own_.end(), [&](Row const& r) { return r.key == key; });
    if (at == own_.end()) {
      problems_.push_back(message({"LoadOptions::transpose: the file has no ", key}));
      return;
    }
    std::size_t const i = stored_row(own_, static_cast<std::size_t>(at - own_.begin()));
    if (own_[i].shape.rank != 2) {
      problems_.push_back(message({"LoadOptions::transpose: ", key, " is ", to_string(own_[i].shape),
                                   " in the file, and only matrices are transposed"}));
      return;
    }
    std::swap(own_[i].shape[0], own_[i].shape[1]);
    transposed_[i] ^= 1;
  }

  Source source_;
  std::span<Row const> rows_;
  bool changes_;
  std::vector<Row> own_;
  std::vector<std::size_t> from_;  // the row of the source that has the elements
  std::vector<std::size_t> transposed_;  // 1 if its dimensions are exchanged
  std::vector<std::string> keys_;
  std::vector<std::string> problems_;
};

}  // namespace ashlar::detail
