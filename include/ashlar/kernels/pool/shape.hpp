// kernels/pool/shape.hpp: the sizes of a pool, and what its windows hold.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/window.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// x (planes, height, width) -> y (planes, rows.count(height), columns.count(width)). Axis: Window, AverageWindow or
/// AdaptiveWindow.
template <class Axis>
struct PoolShape {
  std::size_t planes = 0;
  Axis rows;
  Axis columns;
  std::size_t height = 1;
  std::size_t width = 1;

  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t out_height() const { return rows.count(height); }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t out_width() const { return columns.count(width); }
};

/// Elements [first, last) of one dimension are averaged, and count for `counted`.
struct Average {
  std::size_t first;
  std::size_t last;
  std::size_t counted;
};

/// A window without dilation that averages.
struct AverageWindow {
  Window window;
  bool count_include_pad = true;

  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t count(std::size_t n) const { return window.count(n); }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr Average at(std::size_t position, std::size_t n) const {
    std::size_t const begin = position * window.stride;  // behind `before` elements of padding, as is all else here
    std::size_t const all = n + window.before + window.after;
    std::size_t const end = begin + window.kernel < all ? begin + window.kernel : all;
    std::size_t const first = begin > window.before ? begin : window.before;
    std::size_t const last = end < n + window.before ? end : n + window.before;
    return {first - window.before, last - window.before, count_include_pad ? end - begin : last - first};
  }
};

/// As many windows as wanted, as even as they can be; neighbours overlap where the extents do not divide.
struct AdaptiveWindow {
  std::size_t wanted = 1;

  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t count(std::size_t) const { return wanted; }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr Average at(std::size_t position, std::size_t n) const {
    std::size_t const first = position * n / wanted;
    std::size_t const last = ((position + 1) * n + wanted - 1) / wanted;
    return {first, last, last - first};
  }
};

}  // namespace ashlar::kernels
