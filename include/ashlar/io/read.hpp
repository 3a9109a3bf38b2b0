// Ashlar: reading files of any format.  SPDX-License-Identifier: BSL-1.0
//
// Including this, anywhere in a program, also makes `load` take PyTorch's files and .safetensors. As in calls.hpp, the
// code is inline unless ASHLAR_IO_COMPILED is defined.
#pragma once

#include <ashlar/core/language.hpp>
#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/io/value.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace ashlar {

/// How `read` reads.
struct ReadOptions {
  /// Compare the checksums of all content. Without it, of an .ashlar or PyTorch file only what describes it is read, so
  /// that it opens at once whatever its size, and a flipped bit in a weight is not noticed.
  bool check_content = true;
};

namespace detail {

ASHLAR_IO_FUNCTION Result<Value> read_file(std::string const& path, ReadOptions const& options);
ASHLAR_IO_FUNCTION Result<Value> read_bytes(std::span<std::byte const> bytes, ReadOptions const& options);

}  // namespace detail

/// What a file holds, whatever it is for: .ashlar, PyTorch's .pt, .pth and .bin (zip archives and the format before),
/// or .safetensors. The format is known by the first bytes; the name does not count.
///
/// An .ashlar file gives a dict of its tensors and scalars by key, in the order of the state_dict; tied keys share the
/// storage, and metadata() is the file's, a dict of strings, or none. For the others see read_torch and
/// read_safetensors. Tensors are views of the mapped file, which they keep mapped.
///
/// Cost    one pass over an .ashlar or PyTorch file for its checksums, unless options.check_content is off; of
///         .safetensors, which has none, the header.
/// Errors  io; format, for damage, for what its reader refuses, and for a file of none of these formats.
inline Result<Value> try_read(std::string const& path, ReadOptions const& options = {}) {
  return detail::read_file(path, options);
}
inline Value read(std::string const& path, ReadOptions const& options = {}) { return try_read(path, options).value(); }

/// The same from the bytes of a file in memory, which have to live as long as the tensors.
inline Result<Value> try_read(std::span<std::byte const> bytes, ReadOptions const& options = {}) {
  return detail::read_bytes(bytes, options);
}
inline Value read(std::span<std::byte const> bytes, ReadOptions const& options = {}) {
  return try_read(bytes, options).value();
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/read_any.hpp>
#endif
