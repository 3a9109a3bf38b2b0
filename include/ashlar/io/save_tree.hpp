// Ashlar: writing .ashlar files for which there is no C++ type.  SPDX-License-Identifier: BSL-1.0
//
// As in calls.hpp, the code behind these calls is inline unless ASHLAR_IO_COMPILED is defined.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar {

/// A tensor of a file, or a number if the kind is scalar.
struct TreeEntry {
  std::string key;
  ValueTensor tensor;
  Kind kind = Kind::parameter;
};

/// What `save_tree` writes beside the tensors.
struct TreeOptions {
  Metadata metadata = {};  ///< UTF-8; keys unique
  std::string model = "state_dict";  ///< what the file calls what it holds
};

/// What a tensor of a state_dict is, as far as key and dtype tell: a buffer if it is one of PyTorch's running
/// statistics or no floating-point tensor, else a parameter.
inline Kind kind_of_state(std::string_view key, DType dtype) {
  std::size_t const dot = key.rfind('.');
  std::string_view const last = dot == std::string_view::npos ? key : key.substr(dot + 1);
  bool const statistic = last == "running_mean" || last == "running_var" || last == "num_batches_tracked";
  bool const floating = dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 ||
                        dtype == DType::f8_e4m3fn || dtype == DType::f8_e5m2 || dtype == DType::c64 ||
                        dtype == DType::c128;
  return statistic || !floating ? Kind::buffer : Kind::parameter;
}

namespace detail {

ASHLAR_IO_FUNCTION Result<void> save_tree_entries(std::string const& path, std::span<TreeEntry const> entries,
                                                  TreeOptions const& options);
ASHLAR_IO_FUNCTION Result<void> save_tree_value(std::string const& path, Value const& tree, TreeOptions const& options);

}  // namespace detail

/// Writes tensors to an .ashlar file, which replaces what has the path once it is complete and on the disk.
///
/// They lie as in a struct whose members have these keys in this order, so a plain network's file is the one that
/// `save` writes but for the list of modules, and `map` takes it. `load` fills any struct with these keys from it: like
/// a state_dict, the file does not say for sure what is a buffer, and may lack constants and scalars. Entries over the
/// same elements are stored once, under both keys.
///
/// Memory  the manifest, and a copy of the tensors that are not contiguous.
/// Errors  io; value, for keys that no .ashlar file has (empty, of more than 32 parts, twice), dtypes that it lacks
///         (complex, float8), scalars of more than one dimension, bad metadata.
inline Result<void> try_save_tree(std::string const& path, std::span<TreeEntry const> entries,
                                  TreeOptions const& options = {}) {
  return detail::save_tree_entries(path, entries, options);
}
inline void save_tree(std::string const& path, std::span<TreeEntry const> entries, TreeOptions const& options = {}) {
  try_save_tree(path, entries, options).value();
}

/// The same for a tree, as `read` gives it: tensors under their paths, kinds as kind_of_state has them, bools,
/// integers, floats and lists of them as scalars. Metadata that is a dict of strings is written too.
///
/// Errors  as above; value, for anything else in the tree: text, None, empty containers.
inline Result<void> try_save_tree(std::string const& path, Value const& tree, TreeOptions const& options = {}) {
  return detail::save_tree_value(path, tree, options);
}
inline void save_tree(std::string const& path, Value const& tree, TreeOptions const& options = {}) {
  try_save_tree(path, tree, options).value();
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/save_tree_rows.hpp>
#endif
