// Ashlar command: see source.hpp.  SPDX-License-Identifier: BSL-1.0
#include "source.hpp"

#include "text.hpp"

#include <ashlar/core/error.hpp>
#include <ashlar/io/content.hpp>
#include <ashlar/io/flat.hpp>
#include <ashlar/io/leaves.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/save_tree.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/io/state_dict.hpp>

#include <fmt/core.h>

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace ashlar::command {
namespace {

Format format_of(std::string const& path) {
  auto const file = detail::InputFile::open(path).value();
  std::array<std::byte, 512> first{};
  std::size_t const n = std::min<std::uint64_t>(first.size(), file.size());
  std::span<std::byte> const bytes(first.data(), n);
  file.read(0, bytes).value();
  switch (detail::content_of(bytes)) {
    case detail::Content::ashlar: return Format::ashlar;
    case detail::Content::safetensors: return Format::safetensors;
    default: return bytes[0] == std::byte{'P'} ? Format::torch : Format::torch_legacy;
  }
}

Metadata metadata_of(Value const& root) {
  Metadata out;
  if (!root.is_dict() || !root.metadata().is_dict()) return out;
  for (ValueItem const& item : root.metadata().items()) {
    if (item.key.kind() != Value::Kind::string || item.value.kind() != Value::Kind::string) continue;
    out.emplace_back(item.key.as_string(), item.value.as_string());
  }
  return out;
}

/// What an optimizer remembers is no parameter: PyTorch's have their state beside their param_groups.
void mark_optimizers(std::vector<Entry>& entries) {
  std::set<std::string, std::less<>> fronts;
  constexpr std::string_view groups = "param_groups.";
  for (Entry const& e : entries) {
    std::size_t const at = e.key.find(groups);
    if (at == std::string::npos || (at != 0 && e.key[at - 1] != '.')) continue;
    fronts.insert(e.key.substr(0, at) + "state.");
  }
  for (Entry& e : entries) {
    std::string_view const key = e.key;
    for (std::size_t dot = key.find('.'); e.is_tensor() && dot != std::string_view::npos;
         dot = key.find('.', dot + 1)) {
      if (fronts.contains(key.substr(0, dot + 1))) e.kind = Kind::buffer;
    }
  }
}

/// Names that safetensors' save_model left out because another tensor is theirs too stand in the metadata, each with
/// that tensor's name. They become entries again.
void restore_ties(Source& source) {
  std::map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < source.entries.size(); ++i) index.emplace(source.entries[i].key, i);
  std::vector<Entry> ties;
  std::erase_if(source.metadata, [&](auto const& pair) {
    auto const at = index.find(pair.second);
    if (at == index.end() || index.contains(pair.first)) return false;
    Entry tie = source.entries[at->second];
    tie.key = pair.first;
    tie.tied_to = static_cast<std::ptrdiff_t>(at->second);
    ties.push_back(std::move(tie));
    return true;
  });
  source.entries.insert(source.entries.end(), ties.begin(), ties.end());
}

}  // namespace

std::string_view id_of(Format format) {
  switch (format) {
    case Format::ashlar: return "ashlar";
    case Format::torch: return "torch";
    case Format::torch_legacy: return "torch-legacy";
    case Format::safetensors: return "safetensors";
  }
  return "?";
}
std::string_view name_of(Format format) {
  switch (format) {
    case Format::ashlar: return ".ashlar";
    case Format::torch: return "PyTorch (zip archive)";
    case Format::torch_legacy: return "PyTorch (before 1.6)";
    case Format::safetensors: return ".safetensors";
  }
  return "?";
}

std::vector<Entry> entries_of(Value const& root) {
  std::vector<Entry> out;
  std::map<detail::TensorIdentity, std::size_t> seen;
  detail::RepeatBudget repeats;
  for (ValueLeaf& leaf : leaves(root)) {
    Entry entry{std::move(leaf.path), std::move(leaf.value)};
    if (entry.is_tensor()) {
      ValueTensor const& t = entry.value.tensor();
      entry.kind = kind_of_state(entry.key, t.dtype());
      if (t.numel() != 0) {
        auto const [first, is_new] = seen.try_emplace(detail::identity_of(t), out.size());
        if (!is_new) entry.tied_to = static_cast<std::ptrdiff_t>(first->second);
        entry.reasonable = is_new ? repeats.take(t) : out[first->second].reasonable;
      }
    }
    out.push_back(std::move(entry));
  }
  mark_optimizers(out);
  return out;
}

Source open_source(std::string const& path, bool check) {
  Source source;
  source.path = path;
  source.root = read(path, {.check_content = check});
  source.format = format_of(path);
  source.bytes = detail::InputFile::open(path).value().size();
  source.metadata = metadata_of(source.root);
  source.entries = entries_of(source.root);
  if (source.format == Format::safetensors) restore_ties(source);
  if (source.format == Format::ashlar) {
    source.flat = std::make_shared<FlatFile const>(FlatFile::open(path));
    auto const rows = source.flat->rows();  // in the order of the dict
    for (std::size_t i = 0; i < std::min(rows.size(), source.entries.size()); ++i) {
      source.entries[i].kind = rows[i].kind;
      source.entries[i].tied_to = rows[i].alias_of;  // of empty tensors too
    }
  }
  return source;
}

bool KeyFilter::takes(std::string const& key) const {
  return patterns_.empty() || std::any_of(patterns_.begin(), patterns_.end(), [&](std::string const& pattern) {
           return ::fnmatch(pattern.c_str(), key.c_str(), 0) == 0;
         });
}

Value const& part_at(Source const& source, std::string const& path) {
  Value const* const there = detail::value_at(source.root, path);
  if (there != nullptr) return *there;
  auto const lines = detail::StateDictList(source.root).lines();
  throw Error(Errc::mismatch,
              fmt::format("{}: has nothing at \"{}\"{}", source.path, shown(path),
                          lines.empty() ? "" : "; dicts of tensors are at"),
              lines);
}

void require_reasonable(std::string const& path, Entry const& entry) {
  if (entry.reasonable) return;
  throw Error(Errc::value, fmt::format("{}: {} repeats its elements and stands for {}", path, shown(entry.key),
                                       bytes_text(entry.value.tensor().size_bytes())));
}

}  // namespace ashlar::command
