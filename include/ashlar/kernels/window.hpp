// kernels/window.hpp: how a window moves along one dimension.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/host_device.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// A window of `kernel` elements, `dilation` apart, that moves by `stride` over a dimension with `before` and `after`
/// elements of padding. Its elements at position p are p * stride + k * dilation - before, k < kernel.
struct Window {
  std::size_t kernel = 1;
  std::size_t stride = 1;
  std::size_t dilation = 1;
  std::size_t before = 0;
  std::size_t after = 0;
  bool ceil_mode = false;  ///< a last position that reaches past the end counts, if it begins before the end

  /// From the first element of the window to its last.
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t span() const { return dilation * (kernel - 1) + 1; }
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr bool fits(std::size_t n) const { return n + before + after >= span(); }
  /// Positions on n elements; fits(n).
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t count(std::size_t n) const {
    std::size_t const room = n + before + after - span();
    if (!ceil_mode) return room / stride + 1;
    std::size_t const count = (room + stride - 1) / stride + 1;
    return (count - 1) * stride >= n + before ? count - 1 : count;
  }
  /// First of the `count` positions at which element k of the window does not lie before the n elements, ...
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t first(std::size_t k, std::size_t count) const {
    std::size_t const at = k * dilation;
    std::size_t const p = at >= before ? 0 : (before - at + stride - 1) / stride;
    return p < count ? p : count;
  }
  /// ... and the first after these at which it lies behind them.
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t last(std::size_t k, std::size_t n, std::size_t count) const {
    std::size_t const at = k * dilation;
    std::size_t const end = at >= n + before ? 0 : (n + before - at + stride - 1) / stride;
    std::size_t const begin = first(k, count);
    return end < begin ? begin : end < count ? end : count;
  }
  /// The window has one element and stays within the n.
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr bool is_identity() const {
    return kernel == 1 && stride == 1 && before == 0 && after == 0;
  }
};

}  // namespace ashlar::kernels
