// kernels/group_norm/cuda.cuh: normalisation of groups of channels and its pullback on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_norm_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// A group of an image is a row of device/rows.cuh: bandwidth, 8 bytes an element forward and 16 backward, and 8 more
// for the gradients of weight and bias (reduce/channels.cuh). Images times groups should be some hundred at least.
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/layer_norm/cuda.cuh>
#include <ashlar/kernels/reduce/channels.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// Mean and biased variance of a group of an image.
struct GroupMoments {
  double mean;
  double variance;
};

namespace detail {

/// The channel of element i of a row, which has its weight.
struct GroupChannels {
  std::size_t groups;
  std::size_t each;
  std::size_t area;
  ASHLAR_DEVICE std::size_t of(std::size_t row, std::size_t i) const {
    return divide(row, groups).rest * each + divide(i, area).quotient;
  }
};

template <class T>
struct GroupNormRow : RowMoments<T> {
  GroupChannels channels;
  T const* weight;
  T const* bias;
  T* y;
  GroupMoments* moments;  // or null
  ASHLAR_DEVICE void write(std::size_t row, std::size_t at, std::size_t i, double const* result) const {
    std::size_t const c = channels.of(row, i);
    T const scale = static_cast<T>(this->inverse(result)) * (weight != nullptr ? weight[c] : T(1));
    y[at] = (this->x[at] - static_cast<T>(this->mean(result))) * scale + (bias != nullptr ? bias[c] : T(0));
  }
  ASHLAR_DEVICE void finish(std::size_t row, double const* result) const {
    if (moments != nullptr) moments[row] = {this->mean(result), result[1] / static_cast<double>(this->n)};
  }
};

template <class T>
struct TakeUpGroups {
  Planes planes;
  GroupMoments const* moments;
  double momentum;
  T* running_mean;
  T* running_var;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    double const images = static_cast<double>(planes.images);
    double const area = static_cast<double>(planes.area);
    for (std::size_t c = first; c < first + N; ++c) {
      double mean = 0;
      double variance = 0;
      for (std::size_t n = 0; n < planes.images; ++n) {
        GroupMoments const m = moments[n * planes.channels + c];
        mean += m.mean / images;
        variance += m.variance * area / (area - 1) / images;
      }
      running_mean[c] = mixed(running_mean[c], mean);
      running_var[c] = mixed(running_var[c], variance);
    }
  }
  [[nodiscard]] ASHLAR_DEVICE T mixed(T running, double of_batch) const {
    return static_cast<T>((1 - momentum) * static_cast<double>(running) + momentum * of_batch);
  }
};

/// dy times the normalised x.
template <class T>
struct GroupNormWeightTerm {
  T const* x;
  T const* dy;
  RowScale<double> const* scales;
  std::size_t n;
  ASHLAR_DEVICE double operator()(std::size_t at, std::size_t) const {
    RowScale<double> const s = scales[divide(at, n).quotient];
    return static_cast<double>(dy[at]) * (static_cast<double>(x[at]) - s.center) * s.inverse;
  }
};

}  // namespace detail

/// y = (x - mean) / sqrt(variance + eps) * weight + bias, mean and biased variance those of each group of channels of
/// an image: x, y as planes, weight, bias (channels) or null. groups divides planes.channels. moments (images, groups)
/// are stored if not null.
///
/// Before  y overlaps no input.
template <class T, class Launcher>
void group_norm(Launcher& launcher, Planes const& planes, std::size_t groups, T const* x, double eps, T const* weight,
                T const* bias, T* y, GroupMoments* moments = nullptr) {
  std::size_t const each = planes.channels / groups;
  std::size_t const n = each * planes.area;
  device::for_each_row(launcher, planes.images * groups, n,
                       detail::GroupNormRow<T>{{x, n, eps}, {groups, each, planes.area}, weight, bias, y, moments});
}

/// The running statistics (channels) of an InstanceNorm take up the mean over the images of the means, and of the
/// unbiased variances, of each channel: moments (images, channels). planes.images > 0, planes.area > 1.
template <class T, class Launcher>
void take_up_moments(Launcher& launcher, Planes const& planes, GroupMoments const* moments, double momentum,
                     T* running_mean, T* running_var) {
  launcher.launch(device::blocks_for(planes.channels, 256),
                  device::Elementwise<detail::TakeUpGroups<T>>{
                      {planes, moments, momentum, running_mean, running_var}, planes.channels, false});
}

/// Pullback of group_norm; computes the statistics again. Adds to dx, dweight and dbias; any of them may be null, and
/// so may weight.
template <class T, class Launcher>
void group_norm_backward(Launcher& launcher, Planes const& planes, std::size_t groups, T const* x, double eps,
                         T const* weight, T const* dy, T* dx, T* dweight, T* dbias) {
  std::size_t const each = planes.channels / groups;
  std::size_t const n = each * planes.area;
  std::size_t const rows = planes.images * groups;
  if (rows == 0) return;
  auto* const scales = static_cast<detail::RowScale<double>*>(
      launcher.workspace(rows * sizeof(detail::RowScale<double>) + channel_parts(planes) * sizeof(double)));
  auto* const parts = reinterpret_cast<double*>(scales + rows);
  if (dx != nullptr || dweight != nullptr) {
    device::for_each_row(launcher, rows, n,
                         detail::NormPullbackRow<T, detail::GroupChannels, double>{
                             {x, n, eps}, {groups, each, planes.area}, weight, dy, dx, scales});
  }
  if (dweight != nullptr) {
    sum_channels(launcher, planes, detail::GroupNormWeightTerm<T>{x, dy, scales, n}, AddToChannel<T>{dweight}, parts);
  }
  if (dbias != nullptr) sum_channels(launcher, planes, PlaneElement<T>{dy}, AddToChannel<T>{dbias}, parts);
}

}  // namespace ashlar::kernels::cuda
