// ashlar convert: a file in another format, or with other keys and dtypes.  SPDX-License-Identifier: BSL-1.0
#include "keys.hpp"
#include "source.hpp"
#include "subcommands.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <ashlar/core/error.hpp>
#include <ashlar/io/flat.hpp>
#include <ashlar/io/leaves.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/save_copy.hpp>
#include <ashlar/io/save_tree.hpp>
#include <ashlar/io/state_dict.hpp>
#include <ashlar/io/torch_modules.hpp>
#include <ashlar/io/torch_write.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace ashlar::command {
namespace {

Format target_format(ConvertOptions const& options) {
  static std::map<std::string, Format, std::less<>> const names{{"ashlar", Format::ashlar},
                                                                {"pt", Format::torch},
                                                                {"pth", Format::torch},
                                                                {"bin", Format::torch},
                                                                {"safetensors", Format::safetensors}};
  std::string extension = options.to;
  if (extension.empty()) {
    extension = std::filesystem::path(options.out).extension().string();
    if (!extension.empty()) extension.erase(0, 1);
  }
  auto const at = names.find(extension);
  if (at == names.end()) {
    throw Error(Errc::value, fmt::format("{}: the extension is none of .ashlar, .pt, .pth, .bin, .safetensors: "
                                         "say the format with --to",
                                         shown(options.out)));
  }
  return at->second;
}
std::string_view extension_of(Format format) {
  return format == Format::ashlar ? ".ashlar" : format == Format::safetensors ? ".safetensors" : ".pt";
}

void require_other_file(ConvertOptions const& options) {
  std::error_code none;
  if (options.overwrite || !std::filesystem::equivalent(options.in, options.out, none)) return;
  throw Error(Errc::value, fmt::format("{}: is the input too; --overwrite replaces it", shown(options.out)));
}

// ---- versions of modules, which PyTorch's files and ours have
// ----------------------------------------------------------

/// Of modules that keys lie in: those that the file says, and those that PyTorch would give them.
struct Versions {
  std::map<std::string, std::int64_t, std::less<>> stated;
  std::map<std::string, std::int64_t, std::less<>> usual;
  std::vector<std::string> order;
};

Versions versions_of(Source const& source, std::vector<Entry> const& entries, ConvertOptions const& options) {
  Versions out;
  std::vector<std::string_view> keys;
  for (Entry const& e : entries) keys.push_back(e.key);
  for (auto const& [module, version] : detail::module_versions(keys, Layout{})) {
    out.usual.emplace(module, version);
    out.order.emplace_back(module);
  }
  bool const same_keys = options.strip_prefix.empty() && options.rename.empty();
  if (!same_keys) return out;  // of the layers that are called so now nothing is known
  auto const state = [&](std::string_view module, std::int64_t version) {
    if (out.usual.contains(module)) out.stated.emplace(module, version);
  };
  if (source.flat != nullptr) {
    for (detail::Module const& m : source.flat->modules()) {
      if (m.version != 1 && detail::is_in(m.key, options.at)) state(detail::rest_of(m.key, options.at), m.version);
    }
  }
  Value const* const part = options.at.empty() ? &source.root : detail::value_at(source.root, options.at);
  if (part == nullptr || !part->is_dict() || !part->metadata().is_dict()) return out;
  for (ValueItem const& item : part->metadata().items()) {
    Value const* const version = item.value.is_dict() ? item.value.find("version") : nullptr;
    if (item.key.kind() != Value::Kind::string || version == nullptr) continue;
    if (version->kind() == Value::Kind::integer) state(item.key.as_string(), version->as_int());
  }
  return out;
}

Value torch_metadata(Versions const& versions) {
  std::vector<ValueItem> items;
  for (std::string const& module : versions.order) {
    auto const stated = versions.stated.find(module);
    std::int64_t const version = stated != versions.stated.end() ? stated->second : versions.usual.find(module)->second;
    items.push_back({Value(module), Value::dict({{Value("version"), Value(version)}})});
  }
  return Value::dict(std::move(items));
}

// ---- what the target cannot hold
// ---------------------------------------------------------------------------------------

/// Leaves out what may be, with a word to say so; the rest of what has no place is an error, all of it.
class Losses {
 public:
  Losses(Source const& source, ConvertOptions const& options, Format to)
      : source_(source), options_(options), to_(to) {}

  void values(std::vector<Entry>& entries) {
    std::vector<std::string> left_out;
    entries = keep_if(std::move(entries), [&](Entry const& e) {
      bool const fits =
          e.is_tensor() || to_ == Format::torch || (to_ == Format::ashlar && as_tensor(e.value).has_value());
      if (fits && (e.is_tensor() || !options_.tensors_only)) return true;
      if (options_.tensors_only) left_out.push_back(shown(e.key));
      else problems_.push_back(fmt::format("{} is {}", shown(e.key), e.value.describe()));
      return false;
    });
    advice_ = !problems_.empty();
    if (left_out.empty()) return;
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(left_out.size(), 8); ++i) {
      names += (i == 0 ? "" : ", ") + left_out[i];
    }
    notes.push_back(
        fmt::format("left out {}: {}{}", counted(left_out.size(), "value"), names, left_out.size() > 8 ? ", ..." : ""));
  }
  void versions(Versions const& v) {
    if (to_ == Format::torch) return;
    for (auto const& [module, version] : v.stated) {
      if (v.usual.find(module)->second == version) continue;
      std::string line = fmt::format("version {} of the module '{}'", version, shown(module));
      if (options_.no_metadata) notes.push_back("left out " + line);
      else problems_.push_back(line + ": --no-metadata leaves it out");
    }
  }
  void metadata(Metadata& text) {
    if (options_.no_metadata) {
      if (!text.empty()) notes.push_back(fmt::format("left out {} of metadata", counted(text.size(), "text")));
      text.clear();
    }
    if (to_ == Format::torch) {
      for (auto const& [key, value] : text) {
        if (key == "format") continue;  // that it was made for PyTorch
        problems_.push_back(fmt::format("the metadata '{}': --no-metadata leaves it out", shown(key)));
      }
    }
    for (auto const& [key, value] : options_.metadata) {
      if (to_ == Format::torch) {
        problems_.push_back(fmt::format("--metadata {}: they have no text", shown(key)));
        continue;
      }
      std::erase_if(text, [&](auto const& pair) { return pair.first == key; });
      text.emplace_back(key, value);
    }
  }
  void finish() {
    if (problems_.empty()) return;
    if (advice_) {
      problems_.emplace_back("--tensors-only leaves out what is no tensor; --at takes a part of the file");
    }
    throw Error(Errc::value, fmt::format("{}: holds what {} files do not", source_.path, extension_of(to_)),
                std::move(problems_));
  }

  std::vector<std::string> notes;

 private:
  Source const& source_;
  ConvertOptions const& options_;
  Format to_;
  std::vector<std::string> problems_;
  bool advice_ = false;
};

// ---- writing
// -----------------------------------------------------------------------------------------------------------

/// All entries are what the top dict of the part holds: a state_dict, or a dict of such and numbers.
bool is_flat(Value const& part) {
  if (!part.is_dict()) return false;
  auto const items = part.items();
  return std::all_of(items.begin(), items.end(), [](ValueItem const& item) {
    Value const& v = item.value;
    bool const container = v.is_dict() || v.kind() == Value::Kind::list || v.kind() == Value::Kind::tuple;
    return item.key.kind() == Value::Kind::string && (!container || v.size() == 0 || detail::is_number_list(v));
  });
}

/// A checkpoint for PyTorch that stays as it is: its dicts and lists too.
bool keeps_tree(Source const& source, ConvertOptions const& options) {
  if (source.format != Format::torch && source.format != Format::torch_legacy) return false;
  Value const& part = options.at.empty() ? source.root : part_at(source, options.at);
  bool const changes = !options.only.empty() || !options.strip_prefix.empty() || !options.rename.empty() ||
                       !options.transpose.empty() || !options.dtype.empty() || options.tensors_only;
  if (!changes) return true;
  if (is_flat(part) || part.is_tensor()) return false;
  auto const lines = detail::StateDictList(part).lines();
  throw Error(Errc::mismatch,
              fmt::format("{}: is a nested checkpoint, of which a .pt file is made only as it is; --at takes a part{}",
                          source.path, lines.empty() ? "" : ", as one of"),
              lines);
}

Value torch_tree(Source const& source, std::vector<Entry> const& entries, Versions const& versions) {
  if (source.root.is_tensor() && entries.size() == 1) return entries[0].value;
  std::vector<ValueItem> items;
  for (Entry const& e : entries) items.push_back({Value(e.key), e.value});
  return Value::dict(std::move(items), torch_metadata(versions));
}

void write_ashlar(Source const& source, std::vector<Entry> const& entries, Metadata const& metadata,
                  ConvertOptions const& options) {
  KeyFilter const buffers(options.buffers);
  std::vector<TreeEntry> list;
  for (Entry const& e : entries) {
    Kind kind = e.is_tensor() ? e.kind : Kind::scalar;
    if (kind == Kind::parameter && !options.buffers.empty() && buffers.takes(e.key)) kind = Kind::buffer;
    list.push_back({e.key, *as_tensor(e.value), kind});
  }
  std::string const model = !options.model.empty()   ? options.model
                            : source.flat != nullptr ? std::string(source.flat->model())
                                                     : "state_dict";
  save_tree(options.out, list, {.metadata = metadata, .model = model});
}
/// The file as it is, with another name or metadata: types of layers stay, and offsets.
bool is_copy(Source const& source, ConvertOptions const& options, Format to) {
  return to == Format::ashlar && source.flat != nullptr && options.at.empty() && options.only.empty() &&
         options.strip_prefix.empty() && options.rename.empty() && options.transpose.empty() && options.dtype.empty() &&
         options.buffers.empty();
}
void write_copy(Source const& source, Metadata const& metadata, ConvertOptions const& options) {
  std::string const model = options.model.empty() ? std::string(source.flat->model()) : options.model;
  save_copy(options.out, *source.flat, model, {.metadata = metadata});
}
void write_safetensors(std::vector<Entry> const& entries, Metadata const& metadata, ConvertOptions const& options) {
  std::vector<NamedTensor> list;
  for (Entry const& e : entries) {
    require_reasonable(options.in, e);
    list.push_back({e.key, e.value.tensor()});
  }
  save_safetensors(options.out, list, {.metadata = metadata});
}

DType dtype_named(std::string const& name) {
  for (DType const d : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    if (ashlar::name_of(d) == name) return d;
  }
  throw Error(Errc::value, fmt::format("--dtype: '{}' is none of f64, f32, f16, bf16", shown(name)));
}

}  // namespace

int convert(ConvertOptions const& options) {
  Format const to = target_format(options);
  require_other_file(options);
  Source const source = open_source(options.in, true);
  bool const as_it_is = to == Format::torch && keeps_tree(source, options);
  std::vector<Entry> entries = select_entries(source, options);
  Versions const versions = versions_of(source, entries, options);
  Metadata metadata = source.metadata;
  Losses losses(source, options, to);
  bool const copy = is_copy(source, options, to);
  if (!as_it_is) losses.values(entries);
  if (!copy) losses.versions(versions);
  if (!copy && to == Format::ashlar && source.flat != nullptr && !source.flat->modules().empty()) {
    losses.notes.emplace_back("left out the types of layers");
  }
  losses.metadata(metadata);
  losses.finish();
  if (!options.dtype.empty()) {
    Rounding const r = convert_entries(entries, dtype_named(options.dtype), options.in);
    losses.notes.push_back(fmt::format("{} as {}: {} changed, {} became infinite", counted(r.tensors, "tensor"),
                                       options.dtype, counted(r.changed, "element"), count_text(r.infinite)));
  }
  bool const from_torch = source.format == Format::torch || source.format == Format::torch_legacy;
  if (to == Format::safetensors && from_torch &&
      std::none_of(metadata.begin(), metadata.end(), [](auto const& pair) { return pair.first == "format"; })) {
    metadata.emplace_back("format", "pt");  // without it, Hugging Face's transformers refuse the file
  }
  if (copy) write_copy(source, metadata, options);
  else if (to == Format::ashlar) write_ashlar(source, entries, metadata, options);
  else if (to == Format::safetensors) write_safetensors(entries, metadata, options);
  else if (as_it_is) save_torch(options.out, options.at.empty() ? source.root : part_at(source, options.at));
  else save_torch(options.out, torch_tree(source, entries, versions));

  if (options.quiet) return status_good;
  std::string notes;
  for (std::string const& note : losses.notes) {
    notes += fmt::format("{} {}: {}\n", error_terminal().paint("ashlar:", Style::yellow), shown(options.out), note);
  }
  write_error(notes);
  auto const is_own = [](Entry const& e) { return e.is_tensor() && e.kind != Kind::scalar && e.tied_to < 0; };
  auto const tensors = static_cast<std::uint64_t>(std::count_if(entries.begin(), entries.end(), is_own));
  write_out(fmt::format("{}: {}, {}\n", shown(options.out), counted(tensors, "tensor"),
                        bytes_text(std::filesystem::file_size(options.out))));
  return status_good;
}

}  // namespace ashlar::command
