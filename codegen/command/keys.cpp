// Ashlar command: see keys.hpp.  SPDX-License-Identifier: BSL-1.0
#include "keys.hpp"

#include "blocks.hpp"
#include "text.hpp"

#include <ashlar/core/error.hpp>
#include <ashlar/io/convert.hpp>
#include <ashlar/io/renamed_rows.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/io/state_dict.hpp>
#include <ashlar/reflect/transfer.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ashlar::command {
namespace {

/// What lies at a place of the tree, or has keys that begin with it.
std::vector<Entry> entries_at(Source const& source, std::string const& at) {
  if (at.empty()) return source.entries;
  if (detail::value_at(source.root, at) != nullptr && source.format != Format::ashlar) {
    return entries_of(part_at(source, at));
  }
  std::vector<Entry> out = keep_if(source.entries, [&](Entry const& e) { return detail::is_in(e.key, at); });
  for (Entry& e : out) e.key = detail::rest_of(e.key, at);
  if (out.empty()) (void)part_at(source, at);  // says what there is
  return out;
}

/// With its dimensions exchanged, and so is what it is tied to.
std::string transpose(std::vector<Entry>& entries, std::string const& key) {
  auto const at = std::find_if(entries.begin(), entries.end(), [&](Entry const& e) { return e.key == key; });
  if (at == entries.end()) return fmt::format("--transpose: there is no {}", shown(key));
  if (!at->is_tensor() || at->value.tensor().shape().rank != 2) {
    return fmt::format("--transpose: {} is {}, and only matrices are transposed", shown(key), at->value.describe());
  }
  std::ptrdiff_t const stored = at->tied_to < 0 ? at - entries.begin() : at->tied_to;
  Value const value(detail::transposed(at->value.tensor()));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (static_cast<std::ptrdiff_t>(i) == stored || entries[i].tied_to == stored) entries[i].value = value;
  }
  return {};
}

void count_changes(ValueTensor const& before, ValueTensor const& after, Rounding& out) {
  for_each_pair<double>(before, after, [&](std::span<double const> was, std::span<double const> now) {
    for (std::size_t i = 0; i < was.size(); ++i) {
      if (was[i] == now[i] || (std::isnan(was[i]) && std::isnan(now[i]))) continue;
      ++out.changed;
      out.infinite += std::isfinite(was[i]) && std::isinf(now[i]) ? 1 : 0;
    }
  });
}

}  // namespace

std::vector<Entry> select_entries(Source const& source, ConvertOptions const& options) {
  KeyFilter const filter(options.only);
  std::vector<Entry> entries =
      keep_if(entries_at(source, options.at), [&](Entry const& e) { return filter.takes(e.key); });
  if (entries.empty() && !options.only.empty()) {
    throw Error(Errc::mismatch, fmt::format("{}: --only: no key fits", source.path));
  }
  std::vector<std::string> problems;
  std::map<std::string, std::string> became;
  for (Entry& entry : entries) {
    std::string key = detail::renamed_key(entry.key, options);
    if (key.empty() && entries.size() == 1) key = "tensor";  // a file of one tensor
    auto const [other, is_new] = became.emplace(key, entry.key);
    if (!is_new) {
      problems.push_back(fmt::format("{} and {} both become {}", shown(other->second), shown(entry.key), shown(key)));
    }
    entry.key = std::move(key);
  }
  for (std::string const& key : options.transpose) {
    if (std::string problem = transpose(entries, key); !problem.empty()) problems.push_back(std::move(problem));
  }
  if (!problems.empty()) {
    throw Error(Errc::mismatch, fmt::format("{}: the keys do not allow it", source.path), std::move(problems));
  }
  return entries;
}

Rounding convert_entries(std::vector<Entry>& entries, DType dtype, std::string const& path) {
  Rounding out;
  for (Entry& entry : entries) {
    if (!entry.is_tensor() || entry.kind == Kind::scalar) continue;
    ValueTensor const t = entry.value.tensor();
    if (!is_floating(t.dtype()) || t.dtype() == dtype) continue;
    if (entry.tied_to >= 0) {
      entry.value = entries[static_cast<std::size_t>(entry.tied_to)].value;
      continue;
    }
    require_reasonable(path, entry);
    std::size_t const bytes = t.numel() * size_of(dtype);
    std::shared_ptr<std::byte[]> const storage(new std::byte[bytes]);
    (void)detail::convert(t, dtype, storage.get());  // floats always fit
    ValueTensor const converted(dtype, t.shape(), {storage.get(), bytes}, storage);
    ++out.tensors;
    if (!detail::is_convertible(t.dtype(), dtype, detail::Conversion::lossless)) count_changes(t, converted, out);
    entry.value = Value(converted);
  }
  return out;
}

}  // namespace ashlar::command
