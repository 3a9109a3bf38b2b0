// Ashlar: writing .pt files for torch.load.  SPDX-License-Identifier: BSL-1.0
//
// As in calls.hpp, the code behind these calls is inline unless ASHLAR_IO_COMPILED is defined.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/layout.hpp>

#include <string>

namespace ashlar {
namespace detail {

ASHLAR_IO_FUNCTION Result<void> save_torch_object(std::string const& path, Layout const& layout, void const* object);
ASHLAR_IO_FUNCTION Result<void> save_torch_value(std::string const& path, Value const& value);

}  // namespace detail

/// Writes the state_dict of `net`, its parameters and buffers, as torch.save(net.state_dict(), path) does: an
/// OrderedDict in PyTorch's order with the versions of the modules, tied tensors sharing a storage, records aligned to
/// 64 bytes. torch.load(path, weights_only=True) takes it, and a strict load_state_dict, from 1.13 on. Constants and
/// scalars are in no state_dict. The file replaces what has the path once it is complete and on the disk.
///
/// A checkpoint, which is a struct that holds an optimizer, a schedule or a moving average, becomes a dict with an item
/// for each member, as PyTorch's users write it: {"model": state_dict, "optimizer": optimizer.state_dict(), "epoch":
/// 3}. The load_state_dict of PyTorch's classes of the same names goes on from there, and so does `load`.
///
/// Memory  the pickle, about 100 bytes a tensor; the data goes from the object to the system without a copy.
/// Errors  io; value, for a bool or enum without a valid value.
/// Note    u16, u32 and u64 tensors need PyTorch 2.3 to be read.
template <class T>
Result<void> try_save_torch(std::string const& path, T const& net) {
  return detail::save_torch_object(path, layout_of<T>(), &net);
}
template <class T>
void save_torch(std::string const& path, T const& net) {
  try_save_torch(path, net).value();
}

/// Writes any tree: a state_dict, a training checkpoint of dicts, lists, numbers and tensors. Parts that stand in two
/// places are written once, tensors over the same bytes share a storage, strides stay as they are. metadata() is
/// written as `_metadata` of an OrderedDict if it is what PyTorch has there, a dict of dicts.
///
/// Errors  io; value, for text that is not UTF-8 or has 4 GiB, and integers of more than 255 bytes.
/// Note    with weights_only=True, PyTorch 1.13 takes no floats, bytes, devices, sets or complex numbers; 2.15 does.
inline Result<void> try_save_torch(std::string const& path, Value const& value) {
  return detail::save_torch_value(path, value);
}
inline void save_torch(std::string const& path, Value const& value) { try_save_torch(path, value).value(); }

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/torch_save.hpp>
#endif
