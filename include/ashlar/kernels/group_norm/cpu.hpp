// kernels/group_norm/cpu.hpp: normalisation of groups of channels and its pullback on the host, one thread.
// Must agree with reference.hpp; tests/kernels/group_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that the shape alone fixes: same input, same bits.
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/layer_norm/cpu.hpp>

#include <cstddef>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, mean and biased variance those of each group of channels of
/// an image: x, y as planes, weight, bias (channels) or null. groups divides planes.channels.
///
/// Before  y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T>
void group_norm(Planes const& planes, std::size_t groups, T const* x, double eps, T const* weight, T const* bias,
                T* y) noexcept {
  std::size_t const each = planes.channels / groups;
  std::size_t const n = each * planes.area;
  for (std::size_t g = 0; g < planes.images * groups; ++g) {
    detail::RowScale const s = detail::row_scale(n, x, eps);
    for (std::size_t k = 0; k < each; ++k, x += planes.area, y += planes.area) {
      std::size_t const c = g % groups * each + k;
      T const center = static_cast<T>(s.mean);
      T const scale = static_cast<T>(s.inverse) * (weight != nullptr ? weight[c] : T(1));
      T const shift = bias != nullptr ? bias[c] : T(0);
      detail::plane_scaled(planes.area, x, center, scale, shift, y);
    }
  }
}

/// Pullback of group_norm; computes the statistics again. Adds to dx, dweight and dbias; any of them may be null, and
/// so may weight.
template <class T>
void group_norm_backward(Planes const& planes, std::size_t groups, T const* x, double eps, T const* weight, T const* dy,
                         T* dx, T* dweight, T* dbias) noexcept {
  std::size_t const each = planes.channels / groups;
  std::size_t const n = each * planes.area;
  if (n == 0) return;  // the mean of nothing is NaN
  for (std::size_t g = 0; g < planes.images * groups; ++g) {
    detail::RowScale const s = detail::row_scale(n, x + g * n, eps);
    double sum = 0;      // of dy * weight
    double product = 0;  // of dy * weight * (x - mean)
    for (std::size_t k = 0; k < each; ++k) {
      std::size_t const c = g % groups * each + k;
      T const* const xs = x + g * n + k * planes.area;
      T const* const ds = dy + g * n + k * planes.area;
      T const* const no_weight = nullptr;
      auto const [plain, by_x] = detail::row_sums(planes.area, xs, ds, no_weight, s.mean);
      double const w = weight != nullptr ? static_cast<double>(weight[c]) : 1;
      sum += w * plain;
      product += w * by_x;
      if (dweight != nullptr) dweight[c] += static_cast<T>(by_x * s.inverse);
      if (dbias != nullptr) dbias[c] += static_cast<T>(plain);
    }
    if (dx == nullptr) continue;
    T const center = static_cast<T>(s.mean);
    T const inverse = static_cast<T>(s.inverse);
    T const offset = static_cast<T>(sum / static_cast<double>(n));
    T const slope = static_cast<T>(s.inverse * s.inverse * product / static_cast<double>(n));
    for (std::size_t k = 0; k < each; ++k) {  // dx += inverse * (dy * w - offset - (x - center) * slope)
      T const w = weight != nullptr ? weight[g % groups * each + k] : T(1);
      std::size_t const at = g * n + k * planes.area;
      detail::plane_sloped(planes.area, x + at, dy + at, center, inverse * w, -inverse * slope, -inverse * offset,
                           dx + at);
    }
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
