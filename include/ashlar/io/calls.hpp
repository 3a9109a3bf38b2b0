// Ashlar: the functions behind save, load, map and verify, which know a type through its Layout.
// SPDX-License-Identifier: BSL-1.0
//
// Their definitions (io/*.hpp, FlatBuffers among them) are most of what a unit that saves or loads costs to compile.
// They are inline, and come with file.hpp, unless ASHLAR_IO_COMPILED is defined: then one unit of the program has to
// say
//   #define ASHLAR_IO_IMPLEMENTATION
//   #include <ashlar/io/file.hpp>
// and all others only see the declarations below.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/mapped_bytes.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/reflect/row.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
class ValueTensor;
}

#ifdef ASHLAR_IO_COMPILED
#define ASHLAR_IO_FUNCTION __attribute__((cold))
#else
#define ASHLAR_IO_FUNCTION __attribute__((cold)) inline
#endif

namespace ashlar {

/// Free-form text that a file carries: where the data came from, a licence, a score.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// What `save` writes beside the object.
struct SaveOptions {
  Metadata metadata = {};  ///< UTF-8; keys unique
};

/// How `load` matches the tensors of a file with those of an object. Rules are applied to the keys of the file: first
/// `at`, then all prefixes are taken off, then the first rename that fits is made.
struct LoadOptions {
  /// What only the file or only the object has is no error: it stays as it is, and is listed in the LoadReport. Other
  /// shapes and dtypes are errors still.
  bool partial = false;
  /// Taken off the front of every key, for as long as one of them fits: {"module.", "_orig_mod."}.
  std::vector<std::string> strip_prefix = {};
  /// What is or lies under the first key lies under the second: {"fc", "head"} makes fc.weight head.weight. An empty
  /// first key stands for everything, an empty second one for nothing: {"encoder", ""}, {"", "encoder"}.
  std::vector<std::pair<std::string, std::string>> rename = {};
  /// Where in the file the object lies: "model" for a checkpoint {model, optimizer, epoch}, "models.0" for a list.
  std::string at = {};
  /// Keys of the object whose matrices stand in the file with rows and columns exchanged: {"head.weight"}.
  std::vector<std::string> transpose = {};
  /// Also takes dtypes whose values may change: floats are rounded to narrower ones, integers become floats, or
  /// narrower integers if all values fit. Without it, only dtypes that have every value are taken: f16 or bf16 as f32,
  /// f32 as f64, integers as wider ones.
  bool convert = false;
};

/// What a `load` did.
struct LoadReport {
  std::vector<std::string> loaded;  ///< keys of the object that were filled, tied ones once
  std::vector<std::string> kept;  ///< keys of the object that the file does not have: as they were
  std::vector<std::string> unused;  ///< keys of the file that the object does not have, after renaming
  std::vector<std::string> migrated;  ///< layers read from an earlier version: "bn: Norm 1 -> 2"
};

/// The result of `verify`: what the file is, and everything that is wrong with it.
struct Report {
  std::string where;  ///< the path
  std::string model;  ///< the type that was saved: "MLP"
  std::string library_version;  ///< that wrote the file
  std::size_t tensors = 0;  ///< tensors and scalars stored
  std::uint64_t bytes = 0;  ///< length of the file
  Errc code = Errc::format;  ///< the kind of the first problem
  std::string headline;  ///< the first problem, or what all have in common; empty if there is none
  std::vector<std::string> problems;

  [[nodiscard]] bool ok() const { return headline.empty(); }
  explicit operator bool() const { return ok(); }
  /// The problems as one Error. Only if !ok().
  [[nodiscard]] Error error() const { return Error(code, headline, problems); }
};

/// Told now and then how many bytes of a file a long check has seen.
struct Progress {
  void (*tell)(void* context, std::uint64_t bytes) = nullptr;
  void* context = nullptr;

  void operator()(std::uint64_t bytes) const {
    if (tell != nullptr) tell(context, bytes);
  }
};

namespace detail {

enum class Content : std::uint8_t { unknown, ashlar, torch, safetensors };

/// Where the elements of rows lie in memory: at their offsets in an object, or each somewhere else.
struct Places {
  void const* object = nullptr;
  std::span<void const* const> of_row{};  ///< used if there is no object
  std::span<ValueTensor const* const> views{};  ///< of rows that have no place: tensors that are gathered when written

  [[nodiscard]] std::byte const* row(Row const& row, std::size_t index) const {
    return object != nullptr ? static_cast<std::byte const*>(object) + row.offset
                             : static_cast<std::byte const*>(of_row[index]);
  }
  /// What memory holds between two tensors; null if they are no neighbours.
  [[nodiscard]] std::byte const* padding(std::size_t offset) const {
    return object != nullptr ? static_cast<std::byte const*>(object) + offset : nullptr;
  }
};

/// A file that has been checked in every part, for code that looks tensors up by key.
struct CheckedFile {
  Mapping mapping;
  std::vector<Row> rows;  // all keys in the order of the file; text points into the mapping
  std::span<std::byte const> data;
};

struct MappedObject {
  Mapping mapping;
  void const* object;
};

/// Writes the file for the object at `object`, which `layout` describes.
ASHLAR_IO_FUNCTION Result<void> save_object(std::string const& path, Layout const& layout, void const* object,
                                            SaveOptions const& options);
/// Writes a file for rows that lie anywhere.
ASHLAR_IO_FUNCTION Result<void> save_places(std::string const& path, Layout const& layout, Places const& places,
                                            SaveOptions const& options);
/// The same bytes, in memory.
ASHLAR_IO_FUNCTION Result<std::vector<std::byte>> save_to_memory(Layout const& layout, void const* object,
                                                                 SaveOptions const& options);
/// Fills `object` from a file. On any error it is left as it was.
ASHLAR_IO_FUNCTION Result<LoadReport> load_object(std::string const& path, Layout const& layout, void* object,
                                                  LoadOptions const& options);
/// Fills `object` from a file in memory. On any error it is left as it was.
ASHLAR_IO_FUNCTION Result<LoadReport> load_image(Layout const& layout, void* object, std::span<std::byte const> bytes,
                                                 std::string_view where, LoadOptions const& options);
/// Opens a file and checks all of it.
ASHLAR_IO_FUNCTION Result<CheckedFile> open_checked(std::string const& path);
/// Everything there is to say about a file; with a layout, also whether it can be loaded.
ASHLAR_IO_FUNCTION Report verify_file(std::string const& path, Layout const* layout);
ASHLAR_IO_FUNCTION Report verify_image(std::span<std::byte const> bytes, std::string_view where, Layout const* layout,
                                       Progress progress);
/// load_image for PyTorch's files and .safetensors, of which `load` knows through the pointer below: a unit that loads
/// .ashlar files only is spared the unpickler. Without ASHLAR_IO_COMPILED, <ashlar/io/read.hpp> sets it, before main
/// and for the whole program.
ASHLAR_IO_FUNCTION Result<LoadReport> load_foreign(Layout const& layout, void* object, std::span<std::byte const> bytes,
                                                   std::string_view where, LoadOptions const& options);
#ifdef ASHLAR_IO_COMPILED
inline constinit auto* foreign_loader = &load_foreign;
#else
inline constinit decltype(&load_foreign) foreign_loader = nullptr;
#endif
/// save_object, or what the name's extension asks for: .pt and .pth, .safetensors. The writers are known as the reader
/// above is; <ashlar/io/torch_write.hpp> and <ashlar/io/safetensors.hpp> set them.
ASHLAR_IO_FUNCTION Result<void> save_as_named(std::string const& path, Layout const& layout, void const* object,
                                              SaveOptions const& options);
ASHLAR_IO_FUNCTION Result<void> save_named_torch(std::string const& path, Layout const& layout, void const* object,
                                                 SaveOptions const& options);
ASHLAR_IO_FUNCTION Result<void> save_named_safetensors(std::string const& path, Layout const& layout,
                                                       void const* object, SaveOptions const& options);
#ifdef ASHLAR_IO_COMPILED
inline constinit auto* torch_saver = &save_named_torch;
inline constinit auto* safetensors_saver = &save_named_safetensors;
#else
inline constinit decltype(&save_named_torch) torch_saver = nullptr;
inline constinit decltype(&save_named_safetensors) safetensors_saver = nullptr;
#endif
/// The format that a name's extension says.
inline Content content_named(std::string_view path) {
  if (path.ends_with(".pt") || path.ends_with(".pth")) return Content::torch;
  return path.ends_with(".safetensors") ? Content::safetensors : Content::ashlar;
}
/// Maps the object that `layout` describes. `content`: some rows have a check.
ASHLAR_IO_FUNCTION Result<MappedObject> map_object(std::string const& path, Layout const& layout, bool content);
/// The same for a file in memory.
ASHLAR_IO_FUNCTION Result<void const*> view_object(std::span<std::byte const> bytes, Layout const& layout,
                                                   std::size_t alignment);

}  // namespace detail
}  // namespace ashlar
