// Ashlar command: a file of any format, and what is in it as a list.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/io/value.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
class FlatFile;
}

namespace ashlar::command {

enum class Format : std::uint8_t { ashlar, torch, torch_legacy, safetensors };

/// "ashlar", "torch", "torch-legacy", "safetensors": in JSON.
std::string_view id_of(Format format);
/// "PyTorch (zip archive)": for people.
std::string_view name_of(Format format);

/// A tensor, number or other part of a file.
struct Entry {
  std::string key;
  Value value;
  Kind kind = Kind::parameter;  ///< of a tensor; only .ashlar files say it, of others it is a guess
  std::ptrdiff_t tied_to = -1;  ///< the entry that has the same elements
  bool reasonable = true;  ///< false for a tensor that stands for far more than its bytes, as expanded ones do

  [[nodiscard]] bool is_tensor() const { return value.is_tensor(); }
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

struct Source {
  std::string path;
  Format format = Format::ashlar;
  std::uint64_t bytes = 0;
  Value root;
  std::shared_ptr<FlatFile const> flat;  ///< of an .ashlar file
  std::vector<Entry> entries;
  Metadata metadata;  ///< the text that the file carries
};

/// Opens a file. `check`: compare all checksums; without, only what describes the content is read. Throws Error.
Source open_source(std::string const& path, bool check);

/// Which keys are meant: all, or those that fit one of the patterns: *, ? and [...], of which * matches dots too.
class KeyFilter {
 public:
  explicit KeyFilter(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}
  [[nodiscard]] bool takes(std::string const& key) const;

 private:
  std::vector<std::string> patterns_;
};

/// The part of a tree at a path. Throws Error (mismatch) with the dicts of tensors that there are.
Value const& part_at(Source const& source, std::string const& path);
/// The entries of a tree; what was tied in `source` still is.
std::vector<Entry> entries_of(Value const& root);

/// Error: value, if a tensor is not.
void require_reasonable(std::string const& path, Entry const& entry);

}  // namespace ashlar::command
