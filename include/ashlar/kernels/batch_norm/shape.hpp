// kernels/batch_norm/shape.hpp: planes of channels.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/host_device.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// x (images, channels, area).
struct Planes {
  std::size_t images = 0;
  std::size_t channels = 0;
  std::size_t area = 1;

  /// Values of one channel.
  [[nodiscard]] ASHLAR_HOST_DEVICE constexpr std::size_t per_channel() const { return images * area; }
};

/// Sums over a channel: of x, of (x - center)^2, of dy * (x - center).
enum class Moment { sum, square, product };

}  // namespace ashlar::kernels
