// Ashlar command: the elements of tensors, whatever their dtype, some at a time.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/convert.hpp>
#include <ashlar/io/value.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar::command {

inline constexpr std::size_t block_size = 1024;

constexpr bool is_complex(DType dtype) { return dtype == DType::c64 || dtype == DType::c128; }
constexpr bool is_floating(DType dtype) { return detail::number_form(dtype).of == detail::NumberForm::Class::floating; }

/// Gives out elements row by row: bools as 0 and 1, complex numbers as their two parts.
///
/// Memory  none but its own: what is not contiguous is gathered block by block.
class BlockReader {
 public:
  explicit BlockReader(ValueTensor const& t)
      : tensor_(t), dtype_(t.dtype()), left_(t.numel() * (is_complex(t.dtype()) ? 2 : 1)) {
    if (dtype_ == DType::c64) dtype_ = DType::f32;
    if (dtype_ == DType::c128) dtype_ = DType::f64;
    if (dtype_ == DType::boolean) dtype_ = DType::u8;
    if (t.is_contiguous()) bytes_ = t.bytes();
  }

  /// The next ones, at most block_size; none at the end. `Wide` is double, std::int64_t, or of u64 std::uint64_t.
  /// Integers can be asked for as doubles, which not all of 64 bits are.
  template <class Wide>
  std::span<Wide const> next(std::array<Wide, block_size>& block) {
    std::size_t const n = std::min(block_size, left_);
    std::byte const* const from = gathered(n * size_of(dtype_));
    if constexpr (std::same_as<Wide, double>) {
      if (is_floating(dtype_)) detail::widen(dtype_, from, n, block.data());
      else if (dtype_ == DType::u64) convert<std::uint64_t>(from, n, block);
      else convert<std::int64_t>(from, n, block);
    } else {
      detail::widen(dtype_, from, n, block.data());
    }
    at_ += n * size_of(dtype_);
    left_ -= n;
    return {block.data(), n};
  }

 private:
  /// The next `count` bytes of the elements.
  std::byte const* gathered(std::size_t count) {
    if (count == 0) return rows_.data();
    if (bytes_.data() != nullptr) return bytes_.data() + at_;
    // Both parts of a complex number lie in one element; a block holds whole ones.
    tensor_.copy_part(at_ / size_of(tensor_.dtype()), {rows_.data(), count});
    return rows_.data();
  }
  template <class Integer>
  void convert(std::byte const* from, std::size_t n, std::array<double, block_size>& block) {
    std::array<Integer, block_size> some;
    detail::widen(dtype_, from, n, some.data());
    std::transform(some.begin(), some.begin() + n, block.begin(), [](Integer x) { return static_cast<double>(x); });
  }

  ValueTensor tensor_;
  DType dtype_;
  std::size_t left_;
  std::size_t at_ = 0;
  std::array<std::byte, block_size * 8> rows_;
  std::span<std::byte const> bytes_;
};

/// Calls `f` with a span of each block of a tensor.
template <class Wide, class F>
void for_each_block(ValueTensor const& tensor, F&& f) {
  BlockReader reader(tensor);
  std::array<Wide, block_size> block;
  for (auto some = reader.next(block); !some.empty(); some = reader.next(block)) f(some);
}
/// Calls `f` with each block of one tensor and of another one of as many elements.
template <class Wide, class F>
void for_each_pair(ValueTensor const& a, ValueTensor const& b, F&& f) {
  BlockReader from_a(a);
  BlockReader from_b(b);
  std::array<Wide, block_size> block_a;
  std::array<Wide, block_size> block_b;
  for (auto some = from_a.next(block_a); !some.empty(); some = from_a.next(block_a)) f(some, from_b.next(block_b));
}

/// Calls `f` with a value of the type in which the elements of a dtype are exact: double, std::int64_t, std::uint64_t.
template <class F>
auto with_wide(DType dtype, F&& f) {
  if (is_floating(dtype) || is_complex(dtype)) return f(double{});
  if (dtype == DType::u64) return f(std::uint64_t{});
  return f(std::int64_t{});
}

}  // namespace ashlar::command
