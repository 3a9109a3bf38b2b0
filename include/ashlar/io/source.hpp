// Ashlar: what an object is filled from, whatever the format.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/expected.hpp>
#include <ashlar/io/value_tensor.hpp>
#include <ashlar/reflect/row.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The tensors of a file as rows, and where each of them lies.
struct Source {
  std::span<Row const> rows;           ///< of which dtype, shape, key and alias_of count, and the kind as below
  std::vector<LayerVersion> versions;  ///< sorted by key
  std::vector<std::string> problems;   ///< what is in the file and no tensor: unexpected, if the load is not partial
  bool is_state_dict = false;  ///< of PyTorch: without kinds, constants and scalars, and with versions of its own
  void const* context = nullptr;
  /// The tensor of a row that is no alias.
  ValueTensor (*tensor)(void const* context, std::size_t row) = nullptr;
  // Of a checkpoint, which is more than a state_dict; by keys of the object:
  std::vector<std::string> required{};   ///< numbers that the file has to have
  std::vector<std::string> mistakes{};   ///< of parts that are something else than the object has: also if partial
  std::vector<std::string> explained{};  ///< parts of which a problem says all there is to say
  std::vector<std::string> unused{};     ///< what the file has beside tensors, and the object does not
};

/// With its two dimensions exchanged.
inline ValueTensor transposed(ValueTensor const& t) {
  Extents shape = t.shape();
  ValueTensor::Strides strides = t.strides();
  std::swap(shape[0], shape[1]);
  std::swap(strides[0], strides[1]);
  return {t.dtype(), shape, strides, t.storage(), t.storage_offset(), t.owner()};
}

/// True if two tensors of a file have the same bytes. One that repeats its elements is the same as itself only: what it
/// stands for may be larger than any memory.
ASHLAR_COLD inline bool same_elements(ValueTensor const& a, ValueTensor const& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) return false;
  if (a.numel() == 0) return true;
  if (a.storage().data() == b.storage().data() && a.storage_offset() == b.storage_offset() &&
      a.strides() == b.strides()) {
    return true;
  }
  if (a.size_bytes() > a.storage().size() || b.size_bytes() > b.storage().size()) return false;
  auto const dense = [](ValueTensor const& t, std::vector<std::byte>& copy) {
    if (t.is_contiguous()) return t.bytes();
    copy.resize(t.size_bytes());
    t.copy_to(copy);
    return std::span<std::byte const>(copy);
  };
  std::vector<std::byte> x;
  std::vector<std::byte> y;
  return std::memcmp(dense(a, x).data(), dense(b, y).data(), a.size_bytes()) == 0;
}

}  // namespace ashlar::detail
