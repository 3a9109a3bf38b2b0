// kernels/batch_norm/cpu.hpp: normalisation of channels and its pullbacks on the host, one thread.
// Must agree with reference.hpp; tests/kernels/batch_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that the shape and the level fix: same input, same bits. Zen 5, g++ 12 -O2, AVX-512,
// bench/conv.cpp, us by plain loops and now: 8 x 64 x 28 x 28, y 108, 60, moments 177, 154, pullback 725, 418 (the
// cache behind is the limit); 64 x 128, y 22.3, 1.1, moments 17.4, 1.6, pullback 27.1, 3.7.
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/simd/simd.hpp>

#include <cmath>
#include <cstddef>
#include <utility>

#define ASHLAR_BODY <ashlar/kernels/batch_norm/body.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

template <Moment M, class T>
double plane_sum(Planes const& planes, std::size_t c, T const* x, T const* dy, double center) noexcept {
  ASHLAR_DISPATCH(sum_of_plane<M>(planes, c, x, dy, center));
}
template <Moment M, class T>
void column_sums(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* dy,
                 double const* center, double* out) noexcept {
  ASHLAR_DISPATCH(sums_of_columns<M>(images, channels, count, x, dy, center, out));
}
template <class T>
void plane_scaled(std::size_t n, T const* x, T center, T scale, T shift, T* y) noexcept {
  ASHLAR_DISPATCH(scale_plane(n, x, center, scale, shift, y));
}
template <class T>
void columns_scaled(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* center,
                    T const* scale, T const* shift, T* y) noexcept {
  ASHLAR_DISPATCH(scale_columns(images, channels, count, x, center, scale, shift, y));
}
template <class T>
void plane_sloped(std::size_t n, T const* x, T const* dy, T center, T by_dy, T by_x, T offset, T* dx) noexcept {
  ASHLAR_DISPATCH(slope_plane(n, x, dy, center, by_dy, by_x, offset, dx));
}
template <class T>
void columns_sloped(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* dy,
                    T const* center, T const* by_dy, T const* by_x, T const* offset, T* dx) noexcept {
  ASHLAR_DISPATCH(slope_columns(images, channels, count, x, dy, center, by_dy, by_x, offset, dx));
}

/// Channels whose numbers are at hand at a time where a plane is one value: up to six arrays of them lie on the stack.
inline constexpr std::size_t column_block = 64;

/// 1 / sqrt(variance + eps), in double.
template <class S>
double inverse_deviation(S variance, double eps) noexcept {
  return 1 / std::sqrt(static_cast<double>(variance) + eps);
}

}  // namespace detail

/// Mean and biased variance of each channel of x, as planes; planes.per_channel() > 0.
template <class T>
void channel_moments(Planes const& planes, T const* x, double* mean, double* variance) noexcept {
  double const n = static_cast<double>(planes.per_channel());
  T const* const none = nullptr;
  if (planes.area == 1) {
    std::size_t const channels = planes.channels;
    detail::column_sums<Moment::sum>(planes.images, channels, channels, x, none, mean, mean);
    for (std::size_t c = 0; c < channels; ++c) mean[c] /= n;
    detail::column_sums<Moment::square>(planes.images, channels, channels, x, none, mean, variance);
    for (std::size_t c = 0; c < channels; ++c) variance[c] /= n;
    return;
  }
  for (std::size_t c = 0; c < planes.channels; ++c) {
    mean[c] = detail::plane_sum<Moment::sum>(planes, c, x, none, 0.0) / n;
    variance[c] = detail::plane_sum<Moment::square>(planes, c, x, none, mean[c]) / n;
  }
}

/// y = (x - mean) / sqrt(variance + eps) * weight + bias; x, y as planes, the others (channels). weight and bias may be
/// null. S is T or double.
///
/// Before  y overlaps no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T, class S>
void batch_norm(Planes const& planes, T const* x, S const* mean, S const* variance, double eps, T const* weight,
                T const* bias, T* y) noexcept {
  for (std::size_t first = 0; first < planes.channels; first += detail::column_block) {
    std::size_t const left = planes.channels - first;
    std::size_t const count = left < detail::column_block ? left : detail::column_block;
    T center[detail::column_block];
    T scale[detail::column_block];
    T shift[detail::column_block];
    for (std::size_t j = 0; j < count; ++j) {
      std::size_t const c = first + j;
      double const inverse = detail::inverse_deviation(variance[c], eps);
      center[j] = static_cast<T>(mean[c]);
      scale[j] = static_cast<T>(weight != nullptr ? inverse * static_cast<double>(weight[c]) : inverse);
      shift[j] = bias != nullptr ? bias[c] : T(0);
    }
    if (planes.area == 1) {
      detail::columns_scaled<T>(planes.images, planes.channels, count, x + first, center, scale, shift, y + first);
      continue;
    }
    for (std::size_t n = 0; n < planes.images; ++n) {
      for (std::size_t j = 0; j < count; ++j) {
        std::size_t const at = (n * planes.channels + first + j) * planes.area;
        detail::plane_scaled(planes.area, x + at, center[j], scale[j], shift[j], y + at);
      }
    }
  }
}

/// Pullback of batch_norm. Batch: mean and variance are channel_moments of x, and depend on it. Adds to dx, dweight and
/// dbias; any of them may be null, and so may weight.
template <bool Batch, class T, class S>
void batch_norm_backward(Planes const& planes, T const* x, S const* mean, S const* variance, double eps,
                         T const* weight, T const* dy, T* dx, T* dweight, T* dbias) noexcept {
  double const n = static_cast<double>(planes.per_channel());
  bool const sums = Batch || dweight != nullptr || dbias != nullptr;
  for (std::size_t first = 0; first < planes.channels; first += detail::column_block) {
    std::size_t const left = planes.channels - first;
    std::size_t const count = left < detail::column_block ? left : detail::column_block;
    double exact_center[detail::column_block];
    double sum[detail::column_block] = {};
    double product[detail::column_block] = {};  // of dy and x - mean
    for (std::size_t j = 0; j < count; ++j) exact_center[j] = static_cast<double>(mean[first + j]);
    if (sums && planes.area == 1) {
      T const* const d = dy + first;
      detail::column_sums<Moment::sum>(planes.images, planes.channels, count, d, d, exact_center, sum);
      detail::column_sums<Moment::product>(planes.images, planes.channels, count, x + first, d, exact_center, product);
    }
    T center[detail::column_block];
    T by_dy[detail::column_block];
    T by_x[detail::column_block];
    T offset[detail::column_block];
    for (std::size_t j = 0; j < count; ++j) {
      std::size_t const c = first + j;
      if (sums && planes.area != 1) {
        sum[j] = detail::plane_sum<Moment::sum>(planes, c, dy, dy, 0.0);
        product[j] = detail::plane_sum<Moment::product>(planes, c, x, dy, exact_center[j]);
      }
      double const inverse = detail::inverse_deviation(variance[c], eps);
      double const normalised = inverse * product[j];  // the sum of dy and h = (x - mean) * inverse
      if (dweight != nullptr) dweight[c] += static_cast<T>(normalised);
      if (dbias != nullptr) dbias[c] += static_cast<T>(sum[j]);
      // dx += scale * (dy - sum / n - h * normalised / n)
      double const scale = weight != nullptr ? inverse * static_cast<double>(weight[c]) : inverse;
      center[j] = static_cast<T>(exact_center[j]);
      by_dy[j] = static_cast<T>(scale);
      by_x[j] = static_cast<T>(Batch ? -scale * inverse * normalised / n : 0);
      offset[j] = static_cast<T>(Batch ? -scale * sum[j] / n : 0);
      if (dx == nullptr || planes.area == 1) continue;
      for (std::size_t image = 0; image < planes.images; ++image) {
        std::size_t const at = (image * planes.channels + c) * planes.area;
        detail::plane_sloped(planes.area, x + at, dy + at, center[j], by_dy[j], by_x[j], offset[j], dx + at);
      }
    }
    if (dx != nullptr && planes.area == 1) {
      detail::columns_sloped<T>(planes.images, planes.channels, count, x + first, dy + first, center, by_dy, by_x,
                                offset, dx + first);
    }
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
