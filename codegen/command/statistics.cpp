// Ashlar command: see statistics.hpp.  SPDX-License-Identifier: BSL-1.0
#include "statistics.hpp"

#include "blocks.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <span>
#include <string>

namespace ashlar::command {
namespace {

Value value_of(double x) { return Value(x); }
Value value_of(std::int64_t x) { return Value(x); }
Value value_of(std::uint64_t x) {
  if (x <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return Value(static_cast<std::int64_t>(x));
  return Value::text(Value::Kind::big_integer, std::to_string(x));
}

/// Mean and sum of squares of one block after the other, merged as Chan, Golub and LeVeque do (1979): no digits are
/// lost to a mean that is large beside the spread.
template <class Wide>
class Gatherer {
 public:
  void operator()(std::span<Wide const> block) {
    std::size_t n = 0;
    std::size_t zeros = 0;
    double sum = 0;
    for (Wide const x : block) {
      if constexpr (std::floating_point<Wide>) {
        if (!std::isfinite(x)) {
          ++(std::isnan(x) ? nans : infs);
          continue;
        }
      }
      least = std::min(least, x);
      most = std::max(most, x);
      zeros += x == 0 ? 1 : 0;
      sum += static_cast<double>(x);
      ++n;
    }
    zero_count += zeros;
    if (n == 0) return;
    double const average = sum / static_cast<double>(n);
    double squares_here = 0;
    for (Wide const x : block) {
      if constexpr (std::floating_point<Wide>) {
        if (!std::isfinite(x)) continue;
      }
      double const d = static_cast<double>(x) - average;
      squares_here += d * d;
    }
    double const all = static_cast<double>(count + n);
    double const step = average - mean;
    squares += squares_here;
    // Of huge values the squares are infinite, and infinity times 0 is no number.
    if (count != 0) squares += step * step * static_cast<double>(count) * static_cast<double>(n) / all;
    mean += step * static_cast<double>(n) / all;
    count += n;
  }

  Wide least = std::numeric_limits<Wide>::max();
  Wide most = std::numeric_limits<Wide>::lowest();
  double mean = 0;
  double squares = 0;
  std::uint64_t count = 0;
  std::uint64_t zero_count = 0;
  std::uint64_t nans = 0;
  std::uint64_t infs = 0;
};

template <class Wide>
Statistics gather(ValueTensor const& tensor, bool histogram) {
  Gatherer<Wide> g;
  for_each_block<Wide>(tensor, g);
  Statistics out;
  out.finite = g.count;
  out.zeros = g.zero_count;
  out.nans = g.nans;
  out.infs = g.infs;
  if (g.count == 0) return out;
  out.min = value_of(g.least);
  out.max = value_of(g.most);
  out.mean = g.mean;
  out.std = std::sqrt(g.squares / static_cast<double>(g.count));
  if (!histogram) return out;
  // Halves, because the difference of two doubles may be infinite.
  double const low = static_cast<double>(g.least) / 2;
  double const width = static_cast<double>(g.most) / 2 - low;
  for_each_block<Wide>(tensor, [&](std::span<Wide const> block) {
    for (Wide const x : block) {
      if constexpr (std::floating_point<Wide>) {
        if (!std::isfinite(x)) continue;
      }
      double const at = width == 0 ? 0 : (static_cast<double>(x) / 2 - low) / width * histogram_bins;
      ++out.histogram[std::min(static_cast<std::size_t>(at), histogram_bins - 1)];
    }
  });
  return out;
}

}  // namespace

std::optional<Statistics> statistics_of(ValueTensor const& tensor, bool histogram) {
  if (is_complex(tensor.dtype())) return std::nullopt;
  return with_wide(tensor.dtype(), [&]<class Wide>(Wide) { return gather<Wide>(tensor, histogram); });
}

}  // namespace ashlar::command
