// Ashlar: the keys of a file after the rules of LoadOptions.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/calls.hpp>
#include <ashlar/io/expected.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/transfer.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The rows of a file under the keys that an object is to be filled from, and the versions of its layers likewise.
class RenamedRows {
 public:
  /// `rows` outlive this.
  ASHLAR_COLD RenamedRows(std::span<Row const> rows, std::vector<LayerVersion> versions, LoadOptions const& options)
      : rows_(rows),
        versions_(std::move(versions)),
        renames_(!options.strip_prefix.empty() || !options.rename.empty()) {
    if (!renames_) return;
    own_.assign(rows.begin(), rows.end());
    for (Row& row : own_) row.key = keys_.emplace_back(renamed(std::string(row.key), options));
    rows_ = own_;
    for (LayerVersion& v : versions_) v.key = renamed(v.key, options);
    std::sort(versions_.begin(), versions_.end(), [](auto const& a, auto const& b) { return a.key < b.key; });
    std::vector<std::pair<std::string_view, std::size_t>> order;
    for (std::size_t i = 0; i < own_.size(); ++i) order.emplace_back(own_[i].key, i);
    std::sort(order.begin(), order.end());
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (order[i - 1].first != order[i].first) continue;
      problems_.push_back(message(
          {rows[order[i - 1].second].key, " and ", rows[order[i].second].key, " both become ", order[i].first}));
    }
  }
  RenamedRows(RenamedRows const&) = delete;
  RenamedRows& operator=(RenamedRows const&) = delete;

  [[nodiscard]] std::span<Row const> rows() const { return rows_; }
  [[nodiscard]] std::span<LayerVersion const> versions() const { return versions_; }
  [[nodiscard]] bool renames() const { return renames_; }
  /// Keys that two tensors would have.
  [[nodiscard]] std::vector<std::string> const& problems() const { return problems_; }

 private:
  ASHLAR_COLD static std::string renamed(std::string key, LoadOptions const& options) {
    for (bool again = true; again;) {
      again = false;
      for (std::string const& prefix : options.strip_prefix) {
        if (prefix.empty() || !key.starts_with(prefix)) continue;
        key.erase(0, prefix.size());
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
    return key;
  }

  std::span<Row const> rows_;
  std::vector<LayerVersion> versions_;
  bool renames_;
  std::vector<Row> own_;
  std::deque<std::string> keys_;
  std::vector<std::string> problems_;
};

}  // namespace ashlar::detail
