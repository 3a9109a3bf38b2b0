// Ashlar command: what the elements of a tensor are like.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/convert.hpp>
#include <ashlar/io/value.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ashlar::command {

inline constexpr std::size_t histogram_bins = 16;

/// Of the finite elements, and how many others there are.
struct Statistics {
  Value min;  ///< an integer or a float; none if no element is finite
  Value max;
  double mean = 0;
  double std = 0;  ///< of the population: divided by the number of elements
  std::uint64_t finite = 0;
  std::uint64_t zeros = 0;
  std::uint64_t nans = 0;
  std::uint64_t infs = 0;
  std::array<std::uint64_t, histogram_bins> histogram{};  ///< equal steps from min to max
};

/// Nothing for complex numbers. `histogram` takes a second pass.
std::optional<Statistics> statistics_of(ValueTensor const& tensor, bool histogram);

/// Calls `f` with the elements, row by row, a block of at most 1024 at a time, widened: double, std::int64_t, or
/// std::uint64_t for u64; bools as 0 and 1, complex numbers as their two parts.
template <class F>
void for_each_block(ValueTensor const& tensor, F&& f) {
  constexpr std::size_t block = 1024;
  std::vector<std::byte> rows;
  if (!tensor.is_contiguous()) {
    rows.resize(tensor.size_bytes());
    tensor.copy_to(rows);
  }
  std::span<std::byte const> const bytes = rows.empty() ? tensor.bytes() : std::span<std::byte const>(rows);
  DType dtype = tensor.dtype();
  std::size_t n = tensor.numel();
  if (dtype == DType::c64 || dtype == DType::c128) {
    dtype = dtype == DType::c64 ? DType::f32 : DType::f64;
    n *= 2;
  }
  if (dtype == DType::boolean) dtype = DType::u8;
  std::size_t const size = size_of(dtype);
  auto const run = [&]<class Wide>(Wide) {
    std::array<Wide, block> wide;
    for (std::size_t i = 0; i < n; i += block) {
      std::size_t const some = std::min(block, n - i);
      detail::widen(dtype, bytes.data() + i * size, some, wide.data());
      f(std::span<Wide const>(wide.data(), some));
    }
  };
  if (detail::number_form(dtype).of == detail::NumberForm::Class::floating) run(double{});
  else if (dtype == DType::u64) run(std::uint64_t{});
  else run(std::int64_t{});
}

}  // namespace ashlar::command
