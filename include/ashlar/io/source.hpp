// Ashlar: what an object is filled from, whatever the format.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/expected.hpp>
#include <ashlar/io/value_tensor.hpp>
#include <ashlar/reflect/row.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
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

/// The same view of the same bytes under several names is one tensor.
using TensorIdentity =
    std::tuple<std::byte const*, DType, std::size_t, std::array<std::size_t, max_rank>, ValueTensor::Strides>;
ASHLAR_COLD inline TensorIdentity identity_of(ValueTensor const& t) {
  auto const* const first = t.storage().data() + t.storage_offset() * size_of(t.dtype());
  return {first, t.dtype(), t.shape().rank, t.shape().extent, t.is_contiguous() ? ValueTensor::Strides{} : t.strides()};
}

/// What views that repeat their elements may stand for, all that are written together: a file of a few bytes can hold
/// any number of them, each of 2^62 bytes.
class RepeatBudget {
 public:
  /// False if a tensor stands for more than is left.
  bool take(ValueTensor const& t) {
    if (t.size_bytes() <= t.storage().size()) return true;
    if (t.size_bytes() > left_) return false;
    left_ -= t.size_bytes();
    return true;
  }

 private:
  std::size_t left_ = std::size_t{1} << 30;
};

/// The first element that is no bool, of a tensor of bools; their number if all are.
ASHLAR_COLD inline std::size_t first_not_bool(ValueTensor const& t) {
  std::byte block[4096];
  for (std::size_t at = 0; at < t.numel();) {
    std::span<std::byte> const part(block, t.numel() - at < sizeof block ? t.numel() - at : sizeof block);
    t.copy_part(at, part);
    for (std::byte const b : part) {
      if (b > std::byte{1}) return at;
      ++at;
    }
  }
  return t.numel();
}

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
