// kernels/batch_norm/cuda.cuh: normalisation of channels and its pullbacks on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Sums run in double (reduce/channels.cuh). Bytes an element, float: moments 8 (mean first, then squares about it),
// forward 8, backward 8 for the sums and 16 for dx. Elementwise passes read three numbers a channel, computed once.
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/reduce/channels.cuh>
#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels::cuda {
namespace detail {

template <class T>
struct SquareAbout {
  T const* x;
  double const* mean;
  ASHLAR_DEVICE double operator()(std::size_t at, std::size_t c) const {
    double const d = static_cast<double>(x[at]) - mean[c];
    return d * d;
  }
};

template <class T, class S>
struct ProductAbout {
  T const* x;
  T const* dy;
  S const* mean;
  ASHLAR_DEVICE double operator()(std::size_t at, std::size_t c) const {
    return static_cast<double>(dy[at]) * (static_cast<double>(x[at]) - static_cast<double>(mean[c]));
  }
};

/// y = (x - center) * scale + shift, or dx += dy * by_dy + ((x - center) * by_x + offset), of a channel.
template <class T>
struct ChannelMap {
  T center;
  T by_dy;  // scale
  T by_x;
  T offset;  // shift
};

template <class T, class S>
struct PrepareForward {
  S const* mean;
  S const* variance;
  double eps;
  T const* weight;
  T const* bias;
  ChannelMap<T>* out;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t c = first; c < first + N; ++c) {
      double const inverse = 1 / scalar::sqrt(static_cast<double>(variance[c]) + eps);
      double const scale = weight != nullptr ? inverse * static_cast<double>(weight[c]) : inverse;
      out[c] = {static_cast<T>(mean[c]), static_cast<T>(scale), T(0), bias != nullptr ? bias[c] : T(0)};
    }
  }
};

template <bool Batch, class T, class S>
struct PrepareBackward {
  S const* mean;
  S const* variance;
  double eps;
  double n;
  T const* weight;
  double const* sum;      // of dy; null if neither Batch nor dbias needs it
  double const* product;  // of dy and x - mean
  T* dweight;
  T* dbias;
  ChannelMap<T>* out;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t c = first; c < first + N; ++c) {
      double const inverse = 1 / scalar::sqrt(static_cast<double>(variance[c]) + eps);
      double const scale = weight != nullptr ? inverse * static_cast<double>(weight[c]) : inverse;
      if (dweight != nullptr) dweight[c] += static_cast<T>(inverse * product[c]);
      if (dbias != nullptr) dbias[c] += static_cast<T>(sum[c]);
      T by_x = T(0);
      T offset = T(0);
      if constexpr (Batch) {
        by_x = static_cast<T>(-scale * inverse * inverse * product[c] / n);
        offset = static_cast<T>(-scale * sum[c] / n);
      }
      out[c] = {static_cast<T>(mean[c]), static_cast<T>(scale), by_x, offset};
    }
  }
};

template <class T>
struct TakeUpMoments {
  double const* mean;
  double const* variance;
  double momentum;
  double unbiased;  // n / (n - 1)
  T* running_mean;
  T* running_var;
  std::int64_t* batches;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t c = first; c < first + N; ++c) {
      running_mean[c] = mixed(running_mean[c], mean[c]);
      running_var[c] = mixed(running_var[c], variance[c] * unbiased);
      if (c == 0) ++*batches;
    }
  }
  [[nodiscard]] ASHLAR_DEVICE T mixed(T running, double of_batch) const {
    return static_cast<T>((1 - momentum) * static_cast<double>(running) + momentum * of_batch);
  }
};

template <bool Backward, class T>
struct ApplyChannelMap {
  Planes planes;
  ChannelMap<T> const* maps;
  T const* x;
  T const* dy;
  T* out;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto const v = device::load<N>(x + i);
    device::Pack<T, N> d{};
    device::Pack<T, N> result{};
    if constexpr (Backward) {
      d = device::load<N>(dy + i);
      result = device::load<N>(out + i);
    }
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      ChannelMap<T> const map = maps[divide(divide(i + j, planes.area).quotient, planes.channels).rest];
      if constexpr (Backward) {
        result.v[j] += map.by_dy * d.v[j] + (map.by_x * (v.v[j] - map.center) + map.offset);
      } else {
        result.v[j] = (v.v[j] - map.center) * map.by_dy + map.offset;
      }
    }
    device::store(out + i, result);
  }
};

}  // namespace detail

/// Mean and biased variance of each channel of x, as planes; planes.per_channel() > 0.
template <class T, class Launcher>
void channel_moments(Launcher& launcher, Planes const& planes, T const* x, double* mean, double* variance) {
  double const by = 1 / static_cast<double>(planes.per_channel());
  sum_channels(launcher, planes, PlaneElement<T>{x}, StoreOfChannel{by, mean});
  sum_channels(launcher, planes, detail::SquareAbout<T>{x, mean}, StoreOfChannel{by, variance});
}

/// The running statistics (channels) take up channel_moments of a batch, and `batches` is counted up. The variance is
/// taken up unbiased; planes.per_channel() > 1.
template <class T, class Launcher>
void take_up_moments(Launcher& launcher, Planes const& planes, double const* mean, double const* variance,
                     double momentum, T* running_mean, T* running_var, std::int64_t* batches) {
  double const n = static_cast<double>(planes.per_channel());
  launcher.launch(
      device::blocks_for(planes.channels, 256),
      device::Elementwise<detail::TakeUpMoments<T>>{
          {mean, variance, momentum, n / (n - 1), running_mean, running_var, batches}, planes.channels, false});
}

/// y = (x - mean) / sqrt(variance + eps) * weight + bias; x, y as planes, the others (channels). weight and bias may be
/// null. S is T or double.
///
/// Before  y overlaps no input.
template <class T, class S, class Launcher>
void batch_norm(Launcher& launcher, Planes const& planes, T const* x, S const* mean, S const* variance, double eps,
                T const* weight, T const* bias, T* y) {
  std::size_t const n = planes.per_channel() * planes.channels;
  if (n == 0) return;
  auto* const maps =
      static_cast<detail::ChannelMap<T>*>(launcher.workspace(planes.channels * sizeof(detail::ChannelMap<T>)));
  launcher.launch(device::blocks_for(planes.channels, 256),
                  device::Elementwise<detail::PrepareForward<T, S>>{
                      {mean, variance, eps, weight, bias, maps}, planes.channels, false});
  device::for_each(launcher, n, detail::ApplyChannelMap<false, T>{planes, maps, x, nullptr, y}, x, y);
}

/// Pullback of batch_norm. Batch: mean and variance are channel_moments of x, and depend on it. Adds to dx, dweight and
/// dbias; any of them may be null, and so may weight.
template <bool Batch, class T, class S, class Launcher>
void batch_norm_backward(Launcher& launcher, Planes const& planes, T const* x, S const* mean, S const* variance,
                         double eps, T const* weight, T const* dy, T* dx, T* dweight, T* dbias) {
  std::size_t const n = planes.per_channel() * planes.channels;
  if (n == 0) return;
  std::size_t const doubles = 2 * planes.channels + channel_parts(planes);
  auto* const sum = static_cast<double*>(
      launcher.workspace(doubles * sizeof(double) + planes.channels * sizeof(detail::ChannelMap<T>)));
  double* const product = sum + planes.channels;
  double* const parts = product + planes.channels;
  auto* const maps = reinterpret_cast<detail::ChannelMap<T>*>(sum + doubles);
  if (Batch || dweight != nullptr || dbias != nullptr) {
    sum_channels(launcher, planes, PlaneElement<T>{dy}, StoreOfChannel{1, sum}, parts);
    sum_channels(launcher, planes, detail::ProductAbout<T, S>{x, dy, mean}, StoreOfChannel{1, product}, parts);
  }
  launcher.launch(
      device::blocks_for(planes.channels, 256),
      device::Elementwise<detail::PrepareBackward<Batch, T, S>>{
          {mean, variance, eps, static_cast<double>(planes.per_channel()), weight, sum, product, dweight, dbias, maps},
          planes.channels,
          false});
  if (dx != nullptr) {
    device::for_each(launcher, n, detail::ApplyChannelMap<true, T>{planes, maps, x, dy, dx}, x, dy, dx);
  }
}

}  // namespace ashlar::kernels::cuda
