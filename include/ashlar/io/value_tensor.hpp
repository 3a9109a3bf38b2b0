// Ashlar: a tensor of a file whose type is not known.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/error.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/io/message.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {
struct ValueBuilder;
}

/// A view of the elements of one tensor, as they lie in a file or on the heap, and a share in what keeps them there.
///
/// Copies are cheap and show the same bytes. Strides count elements and are never negative; stride 0 repeats.
/// Who makes one has checked that every element lies in `storage`, and that shape x element size fits 62 bits.
class ValueTensor {
 public:
  using Strides = std::array<std::size_t, max_rank>;

  /// No elements: f32 (0,).
  ValueTensor() = default;
  /// A row-major tensor over all of `storage`, which has exactly the bytes for it. `owner` keeps them alive; with none
  /// they are the caller's.
  ValueTensor(DType dtype, Extents const& shape, std::span<std::byte const> storage,
              std::shared_ptr<void const> owner = nullptr)
      : ValueTensor(dtype, shape, row_major(shape), storage, 0, std::move(owner)) {}
  /// A strided view of `storage`, from its element `offset` on.
  ValueTensor(DType dtype, Extents const& shape, Strides const& strides, std::span<std::byte const> storage,
              std::size_t offset, std::shared_ptr<void const> owner = nullptr)
      : shape_(shape),
        strides_(strides),
        storage_(storage),
        offset_(offset),
        numel_(shape.numel()),
        owner_(std::move(owner)),
        dtype_(dtype) {}

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] Extents const& shape() const { return shape_; }
  /// In elements; of the first shape().rank dimensions.
  [[nodiscard]] Strides const& strides() const { return strides_; }
  [[nodiscard]] std::size_t numel() const { return numel_; }
  /// Bytes of the elements when written out row by row; more than the storage has if some are repeated.
  [[nodiscard]] std::size_t size_bytes() const { return numel_ * size_of(dtype_); }
  /// All bytes of the storage, of which other tensors may be views too, and the first element's place in it.
  [[nodiscard]] std::span<std::byte const> storage() const { return storage_; }
  [[nodiscard]] std::size_t storage_offset() const { return offset_; }
  [[nodiscard]] std::shared_ptr<void const> const& owner() const { return owner_; }

  /// torch.nn.Parameter, as the file has it. A state_dict's tensors are plain ones.
  [[nodiscard]] bool is_parameter() const { return is_parameter_; }
  [[nodiscard]] bool requires_grad() const { return requires_grad_; }
  void set_flags(bool is_parameter, bool requires_grad) {
    is_parameter_ = is_parameter;
    requires_grad_ = requires_grad;
  }

  /// True if the elements lie one behind the other in row-major order; strides of dimensions of extent 1 do not count.
  [[nodiscard]] bool is_contiguous() const {
    std::size_t expected = 1;
    for (std::size_t d = numel_ == 0 ? 0 : shape_.rank; d-- != 0;) {
      if (shape_[d] == 1) continue;
      if (strides_[d] != expected) return false;
      expected *= shape_[d];
    }
    return true;
  }
  /// Views of one storage, as tied weights are.
  [[nodiscard]] bool shares_storage_with(ValueTensor const& other) const {
    return !storage_.empty() && storage_.data() == other.storage_.data();
  }

  /// The elements' bytes. Error: value, if they are not contiguous.
  [[nodiscard]] std::span<std::byte const> bytes() const {
    if (!is_contiguous()) throw error("has strides and is not contiguous: use copy_to or to_vector");
    return numel_ == 0 ? std::span<std::byte const>{} : storage_.subspan(offset_ * size_of(dtype_), size_bytes());
  }
  /// The elements in place. Error: value, if they are of another type, not contiguous, or not aligned for a T, or if T
  /// is bool and a byte is neither 0 nor 1.
  template <Element T>
  [[nodiscard]] std::span<T const> as() const {
    check_dtype(dtype_of<T>);
    std::span<std::byte const> const raw = bytes();
    if (reinterpret_cast<std::uintptr_t>(raw.data()) % alignof(T) != 0) {
      throw error("is not aligned in the file: use copy_to or to_vector");
    }
    if constexpr (std::is_same_v<T, bool>) check_bools(raw);
    return {reinterpret_cast<T const*>(raw.data()), numel_};
  }

  /// Writes the elements row by row. Error: value, if `to` has not exactly size_bytes().
  void copy_to(std::span<std::byte> to) const {
    if (to.size() != size_bytes()) {
      throw error(detail::message({"takes ", size_bytes(), " bytes, but there is room for ", to.size()}));
    }
    copy_part(0, to);
  }
  /// Writes a part of the elements, counted row by row from `first` on: as many as `to` has room for, which there are.
  void copy_part(std::size_t first, std::span<std::byte> to) const {
    // The dimensions at the end that are contiguous are one run.
    std::size_t outer = shape_.rank;
    std::size_t run = 1;
    while (outer != 0 && (shape_[outer - 1] == 1 || strides_[outer - 1] == run)) run *= shape_[--outer];
    if (!to.empty()) gather(outer, run, first, to.data(), to.size());
  }
  /// A copy of the elements, row by row. Error: value, if they are of another type, or as `as` has it for bool.
  template <Element T>
  [[nodiscard]] std::vector<T> to_vector() const {
    check_dtype(dtype_of<T>);
    if constexpr (std::is_same_v<T, bool>) {  // a std::vector<bool> has no bytes to copy to
      std::vector<std::byte> raw(numel_);
      copy_to(raw);
      check_bools(raw);
      std::vector<bool> out(numel_);
      for (std::size_t i = 0; i < numel_; ++i) out[i] = raw[i] != std::byte{0};
      return out;
    } else {
      std::vector<T> out(numel_);
      copy_to(std::as_writable_bytes(std::span(out)));
      return out;
    }
  }

  /// "f32 (256, 20)"
  [[nodiscard]] std::string describe() const { return detail::message({name_of(dtype_), " ", to_string(shape_)}); }

 private:
  friend struct detail::ValueBuilder;
  static constexpr Strides row_major(Extents const& shape) {
    Strides strides{};
    std::size_t stride = 1;
    for (std::size_t d = shape.rank; d-- != 0; stride *= shape[d]) strides[d] = stride;
    return strides;
  }

  /// Copies `left` bytes from element `first` on, of runs of `run` elements that the first `outer` dimensions count.
  __attribute__((noinline)) void gather(std::size_t outer, std::size_t run, std::size_t first, std::byte* to,
                                        std::size_t left) const {
    std::size_t const size = size_of(dtype_);
    std::array<std::size_t, max_rank> index{};
    std::byte const* from = storage_.data() + offset_ * size;  // where the run begins
    for (std::size_t d = outer, rest = first / run; d-- != 0; rest /= shape_[d]) {
      index[d] = rest % shape_[d];
      from += index[d] * strides_[d] * size;
    }
    for (std::size_t skip = first % run * size;; skip = 0) {
      std::size_t const bytes = run * size - skip < left ? run * size - skip : left;
      switch (bytes) {  // one element, mostly: a call for each would be most of the time
        case 1: std::memcpy(to, from + skip, 1); break;
        case 2: std::memcpy(to, from + skip, 2); break;
        case 4: std::memcpy(to, from + skip, 4); break;
        case 8: std::memcpy(to, from + skip, 8); break;
        default: std::memcpy(to, from + skip, bytes);
      }
      to += bytes;
      if ((left -= bytes) == 0) return;
      std::size_t d = outer;
      for (;; index[d] = 0) {
        --d;  // there are more elements, so some dimension is not at its end
        std::size_t const step = strides_[d] * size;
        if (++index[d] < shape_[d]) {
          from += step;
          break;
        }
        from -= step * (shape_[d] - 1);
      }
    }
  }

  ASHLAR_COLD Error error(std::string const& problem) const {
    return detail::error(Errc::value, {"the tensor ", describe(), " ", problem});
  }
  void check_dtype(DType asked) const {
    if (asked != dtype_) throw error(detail::message({"was asked for as ", name_of(asked)}));
  }
  void check_bools(std::span<std::byte const> raw) const {
    for (std::byte const b : raw) {
      if (b > std::byte{1}) throw error("has a bool that is neither 0 nor 1");
    }
  }

  Extents shape_{1, {}};
  Strides strides_{};
  std::span<std::byte const> storage_;
  std::size_t offset_ = 0;
  std::size_t numel_ = 0;
  std::shared_ptr<void const> owner_;
  DType dtype_ = DType::f32;
  bool is_parameter_ = false;
  bool requires_grad_ = false;
};

}  // namespace ashlar
