// Ashlar: checking files of every format.  SPDX-License-Identifier: BSL-1.0
//
// As in calls.hpp, the code behind these calls is inline unless ASHLAR_IO_COMPILED is defined.
#pragma once

#include <ashlar/io/calls.hpp>

#include <string>

namespace ashlar {
namespace detail {

ASHLAR_IO_FUNCTION Report verify_any_file(std::string const& path, Progress progress);

}  // namespace detail

/// Checks all of a file: of .ashlar as `verify` does; of PyTorch's, the rules of the archive, the CRC-32 of every
/// record, the pickle, and bools; of .safetensors, the header and bools, as the format has no checksums. Never throws
/// for what is in a file.
///
/// Cost  one pass over the file.
inline Report verify_any(std::string const& path, Progress progress = {}) {
  return detail::verify_any_file(path, progress);
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/verify_formats.hpp>
#endif
