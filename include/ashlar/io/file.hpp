// Ashlar: .ashlar files, the calls users make.  SPDX-License-Identifier: BSL-1.0
//
// Each call is one line: all work is done by code that knows the type through its Layout only.
#pragma once

#include <ashlar/core/language.hpp>
#include <ashlar/core/owned.hpp>
#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/mapped.hpp>
#include <ashlar/reflect/layout.hpp>
#include <ashlar/reflect/tensor_tree.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ashlar {
namespace detail {

/// True if some member has a content check (bool, enum), so that `map` looks at the data at all. A constant, but for
/// g++ 12 with -fsanitize=undefined, which compares no address with null in one.
template <class T>
bool has_content_checks() {
  static bool const some = [] {
    for (Row const& row : manifest<T>()) {
      if (row.valid != nullptr) return true;
    }
    return false;
  }();
  return some;
}

}  // namespace detail

/// Writes `object` to a file, which replaces what has the path once it is complete and on the disk: an .ashlar file,
/// or, by the extension of its name, one for PyTorch (.pt, .pth) or .safetensors, as save_torch and save_safetensors
/// do. Of these, a program includes <ashlar/io/torch_write.hpp> or <ashlar/io/safetensors.hpp>, or links
/// ashlar::ashlar.
///
/// A crash or an error at any moment leaves the old file; a program that has it mapped keeps it. Equal objects give
/// equal files, whatever lies in the padding between members.
///
/// Memory  the manifest; the data goes from the object to the system without a copy.
/// Cost    one pass over the object, and waiting for the disk.
/// Errors  io; value, for a bool or enum without a valid value, bad metadata, or more than 64 MiB of keys.
template <class T>
  requires(!TensorTree<T>)
Result<void> try_save(std::string const& path, T const& object, SaveOptions const& options = {}) {
  return detail::save_as_named(path, layout_of<T>(), &object, options);
}
/// See try_save. Throws what it returns.
template <class T>
  requires(!TensorTree<T>)
void save(std::string const& path, T const& object, SaveOptions const& options = {}) {
  try_save(path, object, options).value();
}

/// What `save` would write, in memory.
template <class T>
Result<std::vector<std::byte>> try_to_bytes(T const& object, SaveOptions const& options = {}) {
  return detail::save_to_memory(layout_of<T>(), &object, options);
}
template <class T>
std::vector<std::byte> to_bytes(T const& object, SaveOptions const& options = {}) {
  return try_to_bytes(object, options).value();
}

/// Fills `object` from a file, whose format is known by its first bytes: .ashlar, or, in a program that includes
/// <ashlar/io/read.hpp> or links ashlar::ashlar, a state_dict by PyTorch (zip archives and the format before) or
/// .safetensors. Everything is checked first; after an error `object` is as it was.
///
/// An .ashlar file of the same layout is copied at once; all others tensor by tensor by key. Keys and shapes have to
/// agree, or those that `options` make of them, and the dtype has to be the same or one without values that ours lacks
/// (LoadOptions::convert). A tied tensor may stand under any of its keys. A layer that the file holds in an earlier
/// version is read through its Migration. The kinds have to agree too; a state_dict does not say them, and has no
/// constants and scalars: those stay as they are, and so does num_batches_tracked of a BatchNorm older than that.
///
/// A training checkpoint of PyTorch fills a struct whose members have the names of its items, or get them by
/// LoadOptions::rename: networks from state_dicts, optimizers and schedules from what their state_dict() gives, numbers
/// from numbers. What an optimizer remembers goes by position of the parameter, among all or those that are trained; of
/// a parameter that it has nothing of, it is zero. Items without tensors that the struct does not have are listed as
/// unused. SGD's steps are not counted there: step_count is 1 if it has momentum, which is all that it decides.
///
/// Memory  a copy of one tensor at a time, if it is strided in the file and of another dtype.
/// Cost    two passes over the file: checksums, then the copy.
/// Errors  io; format, for damage; mismatch, with every missing, unexpected and differing key and every version without
///         a migration, and for a checkpoint that is no state_dict, which then lists those in it; value, for a bool or
///         enum without a valid value.
template <class T>
Result<LoadReport> try_load(std::string const& path, T& object, LoadOptions const& options = {}) {
  return detail::load_object(path, layout_of<T>(), &object, options);
}
template <class T>
LoadReport load(std::string const& path, T& object, LoadOptions const& options = {}) {
  return try_load(path, object, options).value();
}

/// A T of its own from a file: `auto net = load<MLP>("mlp.ashlar")`. What the file does not have is zero: with
/// `partial` and, of a state_dict, constants and scalars.
template <class T>
  requires(!TensorTree<T>)
Result<Owned<T>> try_load(std::string const& path, LoadOptions const& options = {}) {
  auto object = make_zeros<T>();
  if (auto done = try_load(path, *object, options); !done) return std::move(done).error();
  return object;
}
template <class T>
  requires(!TensorTree<T>)
Owned<T> load(std::string const& path, LoadOptions const& options = {}) {
  return try_load<T>(path, options).value();
}

/// The same from the bytes of a file in memory.
template <class T>
Result<LoadReport> try_from_bytes(std::span<std::byte const> bytes, T& object, LoadOptions const& options = {}) {
  return detail::load_image(layout_of<T>(), &object, bytes, "memory", options);
}
template <class T>
LoadReport from_bytes(std::span<std::byte const> bytes, T& object, LoadOptions const& options = {}) {
  return try_from_bytes(bytes, object, options).value();
}

/// Opens an .ashlar file of exactly T's layout for use in place.
///
/// Cost    the same for every size and number of tensors: 64 bytes are read, the rest when it is used. If T has bools
///         or enums, the pages they lie in are read too.
/// Errors  io; format, for damage in the first 64 bytes or a wrong length; mismatch, with what differs, line by line;
///         value, for a bool or enum without a valid value. Checksums of the data are left to `verify`.
template <class T>
Result<Mapped<T>> try_map(std::string const& path) {
  static_assert(alignof(T) <= 4096, "ashlar: the data segment starts at a multiple of 4096");
  auto mapped = detail::map_object(path, layout_of<T>(), detail::has_content_checks<T>());
  if (!mapped) return std::move(mapped).error();
  return Mapped<T>(std::move(mapped->mapping), static_cast<T const*>(mapped->object));
}
template <class T>
Mapped<T> map(std::string const& path) {
  return try_map<T>(path).value();
}

/// The object in the bytes of a file that lie in memory, aligned as T is: checked as `map` does, nothing is copied.
template <class T>
Result<T const*> try_view(std::span<std::byte const> bytes) {
  auto object = detail::view_object(bytes, layout_of<T>(), alignof(T));
  if (!object) return std::move(object).error();
  return static_cast<T const*>(*object);
}
template <class T>
T const& view(std::span<std::byte const> bytes) {
  return *try_view<T>(bytes).value();
}

/// Checks all of an .ashlar file: structure, the agreement of its two views, every checksum, padding, bools.
/// Never throws for what is in a file.
inline Report verify(std::string const& path) { return detail::verify_file(path, nullptr); }
inline Report verify_bytes(std::span<std::byte const> bytes) {
  return detail::verify_image(bytes, "memory", nullptr, {});
}

/// The same, and whether it can be loaded as a T.
template <class T>
Report verify(std::string const& path) {
  Layout const layout = layout_of<T>();
  return detail::verify_file(path, &layout);
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/load.hpp>
#include <ashlar/io/map.hpp>
#include <ashlar/io/save.hpp>
#endif
#ifdef ASHLAR_IO_IMPLEMENTATION
#include <ashlar/io/read.hpp>
#endif
