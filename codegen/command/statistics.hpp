// Ashlar command: what the elements of a tensor are like.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/value.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

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

}  // namespace ashlar::command
