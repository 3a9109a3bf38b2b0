// Ashlar: reading PyTorch's files (.pt, .pth, .bin).  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/value.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace ashlar {

/// How `read_torch` reads.
struct TorchOptions {
  /// Compare the CRC-32 of every record that is used, for which all of it is read. Without it, only what is deflated is
  /// read, and a flipped bit in a weight is not noticed. (A CRC of 0 says that the writer computed none.)
  bool check_crc = true;
};

namespace detail {

ASHLAR_IO_FUNCTION Result<Value> read_torch_file(std::string const& path, TorchOptions const& options);
ASHLAR_IO_FUNCTION Result<Value> read_torch_image(std::span<std::byte const> bytes, TorchOptions const& options);

}  // namespace detail

/// What torch.save wrote: a state_dict, a checkpoint, a tensor, as plain data. Nothing in the file is run or imported.
///
/// Zip archives (PyTorch 1.6 and later) and the format before. Tensors are views of the mapped file, which they keep
/// mapped; those of deflated records lie on the heap. They may be strided, expanded, and share storages, as in PyTorch.
/// Pickles may be of protocols 2 to 5, of which torch.load(weights_only=True) takes 2; attributes that a program gave a
/// tensor are left out.
///
/// Memory  linear in the pickle; elements are not copied. What is deflated may expand to 16 times the file.
/// Cost    one pass over the file, or without options.check_crc, over the pickle and the zip directory alone.
/// Errors  io; format, with the byte and the name, for damage, for classes and functions that are no plain weights
///         (whole modules, TorchScript, quantized and sparse tensors), and for big-endian files.
inline Result<Value> try_read_torch(std::string const& path, TorchOptions const& options = {}) {
  return detail::read_torch_file(path, options);
}
inline Value read_torch(std::string const& path, TorchOptions const& options = {}) {
  return try_read_torch(path, options).value();
}

/// The same from the bytes of a file in memory, which have to live as long as the tensors.
inline Result<Value> try_read_torch(std::span<std::byte const> bytes, TorchOptions const& options = {}) {
  return detail::read_torch_image(bytes, options);
}
inline Value read_torch(std::span<std::byte const> bytes, TorchOptions const& options = {}) {
  return try_read_torch(bytes, options).value();
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/torch_read.hpp>
#endif
