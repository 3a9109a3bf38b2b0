// Ashlar: .safetensors files, in and out.  SPDX-License-Identifier: BSL-1.0
//
// As in calls.hpp, the code behind these calls is inline unless ASHLAR_IO_COMPILED is defined.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/layout.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// What `save_safetensors` writes beside the tensors.
struct SafetensorsOptions {
  Metadata metadata = {};  ///< UTF-8; keys unique. Hugging Face's transformers want {"format", "pt"}
  /// A tensor of several names is written once, under the first of them in the order of their bytes, and each other
  /// name stands in the metadata with that one as its value: what safetensors' save_model does and load_model takes.
  /// False: every name has a copy, for readers that know of no ties.
  bool ties_once = true;
};

namespace detail {

ASHLAR_IO_FUNCTION Result<Value> read_safetensors_file(std::string const& path);
ASHLAR_IO_FUNCTION Result<Value> read_safetensors_image(std::span<std::byte const> bytes, std::string_view where);
ASHLAR_IO_FUNCTION Result<void> save_safetensors_object(std::string const& path, Layout const& layout,
                                                        void const* object, SafetensorsOptions const& options);
ASHLAR_IO_FUNCTION Result<void> save_safetensors_list(std::string const& path, std::span<NamedTensor const> tensors,
                                                      SafetensorsOptions const& options);
ASHLAR_IO_FUNCTION Result<void> save_safetensors_value(std::string const& path, Value const& value,
                                                       SafetensorsOptions const& options);

}  // namespace detail

/// The tensors of a .safetensors file: a dict by name, in the order of the header. They lie in the file's own pages,
/// which stay mapped as long as one of them is there; metadata() is the file's, a dict of strings, or none.
///
/// Cost    linear in the header; the data is not touched.
/// Errors  io; format, for whatever the format does not allow: overlaps, gaps, trailing bytes, duplicate names,
///         unknown fields, sizes that do not fit; also for more than 8 dimensions, and for dtypes that DType lacks.
///         A view may hold bools that are neither 0 nor 1, as one of a .pt file may: who takes them as bool is refused.
/// Note    the format has no alignment: a tensor may begin at any byte. ValueTensor::as says so; copies work.
inline Result<Value> try_read_safetensors(std::string const& path) { return detail::read_safetensors_file(path); }
inline Value read_safetensors(std::string const& path) { return try_read_safetensors(path).value(); }

/// The same from the bytes of a file in memory, which stay the caller's and have to outlive the tensors.
inline Result<Value> try_read_safetensors(std::span<std::byte const> bytes) {
  return detail::read_safetensors_image(bytes, "memory");
}
inline Value read_safetensors(std::span<std::byte const> bytes) { return try_read_safetensors(bytes).value(); }

/// Writes the state_dict of `net`, its parameters and buffers under PyTorch's keys, to a .safetensors file, which
/// replaces what has the path once it is complete and on the disk. Constants and scalars are in no state_dict.
///
/// The header and the order of the tensors are those of safetensors' own writer, but that the data begins at a multiple
/// of 64: equal objects give equal files.
///
/// Memory  the header; the data goes from the object to the system without a copy.
/// Errors  io; value, for a bool or enum without a valid value, and for bad metadata.
template <class T>
  requires(!std::is_convertible_v<T const&, std::span<NamedTensor const>>)
Result<void> try_save_safetensors(std::string const& path, T const& net, SafetensorsOptions const& options = {}) {
  return detail::save_safetensors_object(path, layout_of<T>(), &net, options);
}
template <class T>
  requires(!std::is_convertible_v<T const&, std::span<NamedTensor const>>)
void save_safetensors(std::string const& path, T const& net, SafetensorsOptions const& options = {}) {
  try_save_safetensors(path, net, options).value();
}

/// Writes tensors under the names that are their paths. Views that are not contiguous are copied, one at a time.
///
/// Errors  io; value, for names that are not UTF-8 or stand twice, and for c128, which the format does not have.
inline Result<void> try_save_safetensors(std::string const& path, std::span<NamedTensor const> tensors,
                                         SafetensorsOptions const& options = {}) {
  return detail::save_safetensors_list(path, tensors, options);
}
inline void save_safetensors(std::string const& path, std::span<NamedTensor const> tensors,
                             SafetensorsOptions const& options = {}) {
  try_save_safetensors(path, tensors, options).value();
}

/// The same for a flat dict of tensors, as the readers give it. Metadata that is a dict of strings is written too, as
/// far as the options have no other value.
///
/// Errors  as above; value, for anything else in the tree: a nested one is written by its tensors().
inline Result<void> try_save_safetensors(std::string const& path, Value const& value,
                                         SafetensorsOptions const& options = {}) {
  return detail::save_safetensors_value(path, value, options);
}
inline void save_safetensors(std::string const& path, Value const& value, SafetensorsOptions const& options = {}) {
  try_save_safetensors(path, value, options).value();
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/safetensors_read.hpp>
#include <ashlar/io/safetensors_write.hpp>
#endif
