// Ashlar command: the rules by which convert changes keys and tensors.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include "source.hpp"
#include "subcommands.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace ashlar::command {

/// The entries that `keep` is true for. Of tied ones the first that is kept has the elements.
template <class F>
std::vector<Entry> keep_if(std::vector<Entry> entries, F&& keep) {
  std::vector<Entry> out;
  std::map<std::ptrdiff_t, std::ptrdiff_t> place;  // of what an entry, or the one it is tied to, became
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!keep(entries[i])) continue;
    std::ptrdiff_t const stored = entries[i].tied_to < 0 ? static_cast<std::ptrdiff_t>(i) : entries[i].tied_to;
    auto const [first, is_new] = place.emplace(stored, static_cast<std::ptrdiff_t>(out.size()));
    entries[i].tied_to = is_new ? -1 : first->second;
    out.push_back(std::move(entries[i]));
  }
  return out;
}

/// The entries that are asked for, under their new keys: at, only, strip_prefix, rename, as LoadOptions has them; then
/// transpose. Throws Error (mismatch): nothing is there, two keys become one, a key that is to be transposed is no
/// matrix.
std::vector<Entry> select_entries(Source const& source, ConvertOptions const& options);

/// What a conversion of dtypes did to values.
struct Rounding {
  std::uint64_t tensors = 0;  ///< that have another dtype now
  std::uint64_t changed = 0;  ///< elements that have another value now
  std::uint64_t infinite = 0;  ///< finite ones that are infinite now
};
/// Floating-point tensors as `dtype`, others as they are. Ties stay ties.
Rounding convert_entries(std::vector<Entry>& entries, DType dtype, std::string const& path);

}  // namespace ashlar::command
