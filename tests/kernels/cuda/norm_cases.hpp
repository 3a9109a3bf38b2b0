// tests/kernels/cuda/norm_cases.hpp: norms, embedding, transpose and PReLU against their oracles.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/batch_norm/cuda.cuh>
#include <ashlar/kernels/embedding/cuda.cuh>
#include <ashlar/kernels/group_norm/cuda.cuh>
#include <ashlar/kernels/layer_norm/cuda.cuh>
#include <ashlar/kernels/prelu/cuda.cuh>
#include <ashlar/kernels/rms_norm/cuda.cuh>
#include <ashlar/kernels/sort/cuda.cuh>
#include <ashlar/kernels/transpose/cuda.cuh>

#include <ashlar/kernels/batch_norm/reference.hpp>
#include <ashlar/kernels/embedding/reference.hpp>
#include <ashlar/kernels/group_norm/reference.hpp>
#include <ashlar/kernels/layer_norm/reference.hpp>
#include <ashlar/kernels/prelu/cpu.hpp>
#include <ashlar/kernels/rms_norm/reference.hpp>
#include <ashlar/kernels/transpose/cpu.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device.hpp"

namespace cuda_test {

namespace kernels = ashlar::kernels;

/// Statistics are in double; what is left are a few float roundings, scaled by 1 / deviation.
template <class Device>
void layer_norm_case(Device& device, Failures& failures, std::size_t rows, std::size_t n) {
  std::string const what = "layer_norm " + std::to_string(rows) + " x " + std::to_string(n) + ": ";
  auto& launcher = device.launcher();
  auto const x = random<float>(rows * n, 1);
  auto const weight = random<float>(n, 2);
  auto const bias = random<float>(n, 3);
  auto const dy = random<float>(rows * n, 4);
  auto const on_x = device.upload(x, 1);
  auto const on_weight = device.upload(weight, 1);
  auto const on_bias = device.upload(bias, 1);
  auto const on_dy = device.upload(dy, 1);
  double const eps = 1e-2;
  for (bool const affine : {true, false}) {
    float const* const w = affine ? weight.data() : nullptr;
    float const* const on_w = affine ? on_weight.data() : nullptr;
    std::vector<float> y(rows * n);
    auto const on_y = device.upload(std::vector<float>(rows * n, NAN), 1);
    kernels::reference::layer_norm(rows, n, x.data(), eps, w, affine ? bias.data() : nullptr, y.data());
    kernels::cuda::layer_norm(launcher, rows, n, on_x.data(), eps, on_w, affine ? on_bias.data() : nullptr,
                              on_y.data());
    failures.expect_close(what + "y", device.download(on_y), y, 4e-6);
    auto dx = random<float>(rows * n, 5), dweight = random<float>(n, 6), dbias = random<float>(n, 7);
    auto const on_dx = device.upload(dx, 1);
    auto const on_dweight = device.upload(dweight, 1);
    auto const on_dbias = device.upload(dbias, 1);
    float* const dw = affine ? dweight.data() : nullptr;
    float* const db = affine ? dbias.data() : nullptr;
    kernels::reference::layer_norm_backward(rows, n, x.data(), eps, w, dy.data(), dx.data(), dw, db);
    kernels::cuda::layer_norm_backward(launcher, rows, n, on_x.data(), eps, on_w, on_dy.data(), on_dx.data(),
                                       affine ? on_dweight.data() : nullptr, affine ? on_dbias.data() : nullptr);
    failures.expect_close(what + "dx", device.download(on_dx), dx, 2e-5);
    failures.expect_close(what + "dweight", device.download(on_dweight), dweight, 4 * rounding<float>(rows));
    failures.expect_close(what + "dbias", device.download(on_dbias), dbias, rounding<float>(rows));
  }
}

template <class Device>
void rms_norm_case(Device& device, Failures& failures, std::size_t rows, std::size_t n) {
  std::string const what = "rms_norm " + std::to_string(rows) + " x " + std::to_string(n) + ": ";
  auto& launcher = device.launcher();
  auto const x = random<float>(rows * n, 1), weight = random<float>(n, 2), dy = random<float>(rows * n, 3);
  auto const on_x = device.upload(x, 1);
  auto const on_weight = device.upload(weight, 1);
  auto const on_dy = device.upload(dy, 1);
  double const eps = 1e-2;
  for (bool const affine : {true, false}) {
    float const* const w = affine ? weight.data() : nullptr;
    float const* const on_w = affine ? on_weight.data() : nullptr;
    std::vector<float> y(rows * n);
    auto const on_y = device.upload(std::vector<float>(rows * n, NAN), 1);
    kernels::reference::rms_norm(rows, n, x.data(), eps, w, y.data());
    kernels::cuda::rms_norm(launcher, rows, n, on_x.data(), eps, on_w, on_y.data());
    failures.expect_close(what + "y", device.download(on_y), y, 4e-6);
    auto dx = random<float>(rows * n, 4), dweight = random<float>(n, 5);
    auto const on_dx = device.upload(dx, 1);
    auto const on_dweight = device.upload(dweight, 1);
    kernels::reference::rms_norm_backward(rows, n, x.data(), eps, w, dy.data(), dx.data(),
                                          affine ? dweight.data() : nullptr);
    kernels::cuda::rms_norm_backward(launcher, rows, n, on_x.data(), eps, on_w, on_dy.data(), on_dx.data(),
                                     affine ? on_dweight.data() : nullptr);
    failures.expect_close(what + "dx", device.download(on_dx), dx, 2e-5);
    failures.expect_close(what + "dweight", device.download(on_dweight), dweight, 4 * rounding<float>(rows));
  }
}

template <class Device>
void group_norm_case(Device& device, Failures& failures, kernels::Planes const& planes, std::size_t groups) {
  std::string const what = "group_norm " + std::to_string(planes.images) + " x " + std::to_string(planes.channels) +
                           " x " + std::to_string(planes.area) + ": ";
  auto& launcher = device.launcher();
  std::size_t const n = planes.per_channel() * planes.channels;
  auto const x = random<float>(n, 1), dy = random<float>(n, 2);
  auto const weight = random<float>(planes.channels, 3), bias = random<float>(planes.channels, 4);
  auto const on_x = device.upload(x, 1);
  auto const on_dy = device.upload(dy, 1);
  auto const on_weight = device.upload(weight, 1);
  auto const on_bias = device.upload(bias, 1);
  double const eps = 1e-2;
  std::vector<float> y(n);
  auto const on_y = device.upload(std::vector<float>(n, NAN), 1);
  kernels::reference::group_norm(planes, groups, x.data(), eps, weight.data(), bias.data(), y.data());
  auto const on_moments = device.upload(std::vector<kernels::cuda::GroupMoments>(planes.images * groups, {NAN, NAN}));
  kernels::cuda::group_norm(launcher, planes, groups, on_x.data(), eps, on_weight.data(), on_bias.data(), on_y.data(),
                            on_moments.data());
  failures.expect_close(what + "y", device.download(on_y), y, 4e-6);
  if (groups == planes.channels) {
    auto mean = random<float>(groups, 8), var = random<float>(groups, 9);
    auto const on_mean = device.upload(mean, 1), on_var = device.upload(var, 1);
    kernels::cuda::take_up_moments(launcher, planes, static_cast<kernels::cuda::GroupMoments const*>(on_moments.data()),
                                   0.1, on_mean.data(), on_var.data());
    auto const images = static_cast<float>(planes.images);
    for (std::size_t c = 0; c < groups; ++c) {
      mean[c] *= 0.9f, var[c] *= 0.9f;
      for (std::size_t i = 0; i < planes.images; ++i) {
        auto const plane = x.begin() + static_cast<std::ptrdiff_t>((i * groups + c) * planes.area);
        double sum = 0, squares = 0;
        for (std::size_t j = 0; j < planes.area; ++j) sum += plane[static_cast<std::ptrdiff_t>(j)];
        double const center = sum / static_cast<double>(planes.area);
        for (std::size_t j = 0; j < planes.area; ++j) {
          double const d = plane[static_cast<std::ptrdiff_t>(j)] - center;
          squares += d * d;
        }
        mean[c] += 0.1f * static_cast<float>(center) / images;
        var[c] += 0.1f * static_cast<float>(squares / static_cast<double>(planes.area - 1)) / images;
      }
    }
    failures.expect_close(what + "running mean", device.download(on_mean), mean, 1e-6);
    failures.expect_close(what + "running variance", device.download(on_var), var, 1e-6);
  }
  auto dx = random<float>(n, 5), dweight = random<float>(planes.channels, 6), dbias = dweight;
  auto const on_dx = device.upload(dx, 1);
  auto const on_dweight = device.upload(dweight, 1);
  auto const on_dbias = device.upload(dbias, 1);
  kernels::reference::group_norm_backward(planes, groups, x.data(), eps, weight.data(), dy.data(), dx.data(),
                                          dweight.data(), dbias.data());
  kernels::cuda::group_norm_backward(launcher, planes, groups, on_x.data(), eps, on_weight.data(), on_dy.data(),
                                     on_dx.data(), on_dweight.data(), on_dbias.data());
  double const bound = 1e-5 + rounding<float>(planes.per_channel());
  failures.expect_close(what + "dx", device.download(on_dx), dx, bound);
  failures.expect_close(what + "dweight", device.download(on_dweight), dweight, bound);
  failures.expect_close(what + "dbias", device.download(on_dbias), dbias, bound);
}

template <class Device>
void batch_norm_case(Device& device, Failures& failures, kernels::Planes const& planes) {
  std::string const what = "batch_norm " + std::to_string(planes.images) + " x " + std::to_string(planes.channels) +
                           " x " + std::to_string(planes.area) + ": ";
  auto& launcher = device.launcher();
  std::size_t const n = planes.per_channel() * planes.channels;
  auto const x = random<float>(n, 1);
  auto const weight = random<float>(planes.channels, 2);
  auto const bias = random<float>(planes.channels, 3);
  auto const dy = random<float>(n, 4);
  auto const on_x = device.upload(x, 1);
  auto const on_weight = device.upload(weight, 1);
  auto const on_bias = device.upload(bias, 1);
  auto const on_dy = device.upload(dy, 1);
  double const eps = 1e-2;

  std::vector<double> mean(planes.channels), variance(planes.channels);
  auto const on_mean = device.upload(std::vector<double>(planes.channels, NAN));
  auto const on_variance = device.upload(std::vector<double>(planes.channels, NAN));
  kernels::reference::channel_moments(planes, x.data(), mean.data(), variance.data());
  kernels::cuda::channel_moments(launcher, planes, on_x.data(), on_mean.data(), on_variance.data());
  failures.expect_close(what + "mean", device.download(on_mean), mean, 1e-12);
  failures.expect_close(what + "variance", device.download(on_variance), variance, 1e-12);

  std::vector<float> y(n);
  auto const on_y = device.upload(std::vector<float>(n, NAN), 1);
  kernels::reference::batch_norm(planes, x.data(), mean.data(), variance.data(), eps, weight.data(), bias.data(),
                                 y.data());
  kernels::cuda::batch_norm(launcher, planes, on_x.data(), on_mean.data(), on_variance.data(), eps, on_weight.data(),
                            on_bias.data(), on_y.data());
  failures.expect_close(what + "y", device.download(on_y), y, 4e-6);

  auto const backward = [&](auto batch, bool all) {
    constexpr bool of_batch = decltype(batch)::value;
    auto dx = random<float>(n, 5), dweight = random<float>(planes.channels, 6), dbias = dweight;
    auto const on_dx = device.upload(dx, 1);
    auto const on_dweight = device.upload(dweight, 1);
    auto const on_dbias = device.upload(dbias, 1);
    float* const none = nullptr;
    kernels::reference::batch_norm_backward<of_batch>(planes, x.data(), mean.data(), variance.data(), eps,
                                                      weight.data(), dy.data(), dx.data(), all ? dweight.data() : none,
                                                      all ? dbias.data() : none);
    kernels::cuda::batch_norm_backward<of_batch>(launcher, planes, on_x.data(), on_mean.data(), on_variance.data(), eps,
                                                 on_weight.data(), on_dy.data(), on_dx.data(),
                                                 all ? on_dweight.data() : none, all ? on_dbias.data() : none);
    double const bound = 1e-5 + rounding<float>(planes.per_channel());
    failures.expect_close(what + "dx", device.download(on_dx), dx, bound);
    failures.expect_close(what + "dweight", device.download(on_dweight), dweight, bound);
    failures.expect_close(what + "dbias", device.download(on_dbias), dbias, bound);
  };
  backward(std::true_type{}, true);
  backward(std::false_type{}, true);
  backward(std::false_type{}, false);
}

/// Keys up to `largest`, many of them equal: the order of those is that of before.
template <class Device>
void sort_case(Device& device, Failures& failures, std::size_t n, std::uint32_t largest) {
  auto const x = random<double>(n, 1);
  std::vector<std::uint32_t> keys(n), values(n), order(n);
  for (std::size_t i = 0; i < n; ++i) {
    keys[i] = static_cast<std::uint32_t>((x[i] + 1) / 2 * (i % 3 == 0 ? 1.0 : 0.01) * (largest + 1.0));
    values[i] = static_cast<std::uint32_t>(7 * i + 1);
    order[i] = static_cast<std::uint32_t>(i);
  }
  auto const on_keys = device.upload(keys, 1), on_values = device.upload(values, 1);
  auto const work = device.upload(std::vector<std::uint32_t>(kernels::cuda::sort_workspace(n), 77));
  auto const sorted = kernels::cuda::sort(device.launcher(), n, largest, on_keys.data(), on_values.data(), work.data());
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return keys[a] != keys[b] ? keys[a] < keys[b] : a < b; });
  std::vector<std::uint32_t> sorted_keys(n), sorted_values(n);
  for (std::size_t i = 0; i < n; ++i) sorted_keys[i] = keys[order[i]], sorted_values[i] = values[order[i]];
  bool const here = sorted.keys == on_keys.data();
  auto const all = device.download(work);
  auto const at = [&](std::size_t first) {
    return std::vector<std::uint32_t>(all.begin() + static_cast<std::ptrdiff_t>(first),
                                      all.begin() + static_cast<std::ptrdiff_t>(first + n));
  };
  std::string const what = "sort of " + std::to_string(n) + " up to " + std::to_string(largest);
  failures.expect_same_bits(what + ": keys", here ? device.download(on_keys) : at(0), sorted_keys);
  failures.expect_same_bits(what + ": values", here ? device.download(on_values) : at(n), sorted_values);
}

/// Copies and sums in the reference's order: its bits.
template <class Device>
void embedding_case(Device& device, Failures& failures, std::size_t count, std::size_t dim, std::size_t shift,
                    std::size_t rows = 13) {
  std::string const what = "embedding of " + std::to_string(count) + " x " + std::to_string(dim) + ": ";
  auto& launcher = device.launcher();
  std::vector<std::int64_t> index(count);
  for (std::size_t i = 0; i < count; ++i) index[i] = static_cast<std::int64_t>(i * i * 5 % rows);
  auto const weight = random<float>(rows * dim, 1);
  auto const dy = random<float>(count * dim, 2);
  auto dweight = random<float>(rows * dim, 3);
  std::vector<float> y(count * dim);
  auto const on_index = device.upload(index);
  auto const on_weight = device.upload(weight, shift);
  auto const on_dy = device.upload(dy, shift);
  auto const on_dweight = device.upload(dweight, shift);
  auto const on_y = device.upload(std::vector<float>(count * dim, NAN), shift);
  kernels::reference::embedding(count, dim, index.data(), weight.data(), y.data());
  kernels::cuda::embedding(launcher, count, rows, dim, on_index.data(), on_weight.data(), on_y.data());
  failures.expect_same_bits(what + "y", device.download(on_y), y);
  kernels::reference::embedding_backward(count, dim, index.data(), 5, dy.data(), dweight.data());
  kernels::cuda::embedding_backward(launcher, count, rows, dim, on_index.data(), 5, on_dy.data(), on_dweight.data());
  failures.expect_same_bits(what + "dweight", device.download(on_dweight), dweight);

  auto const bad = device.upload(std::vector<std::size_t>(1, 77));
  for (std::size_t const at : {count, count / 2}) {
    if (at < count) index[at] = -1;
    auto const on_bad = device.upload(index);
    kernels::cuda::first_bad_index(launcher, count, rows, on_bad.data(), bad.data());
    if (device.download(bad)[0] != at) failures.add(what + "first_bad_index");
  }
}

template <class Device>
void transpose_case(Device& device, Failures& failures, std::size_t batch, std::size_t rows, std::size_t columns) {
  std::string const what = "transpose of " + std::to_string(rows) + " x " + std::to_string(columns) + ": ";
  auto& launcher = device.launcher();
  std::size_t const n = batch * rows * columns;
  auto const x = random<float>(n, 1);
  auto y = random<float>(n, 2);
  auto const on_x = device.upload(x, 1);
  auto const on_y = device.upload(y, 1);
  kernels::cuda::transpose_add(launcher, batch, rows, columns, on_x.data(), on_y.data());
  kernels::transpose_add(batch, rows, columns, x.data(), y.data());
  failures.expect_same_bits(what + "sum", device.download(on_y), y);
  kernels::cuda::transpose(launcher, batch, rows, columns, on_x.data(), on_y.data());
  kernels::transpose(batch, rows, columns, x.data(), y.data());
  failures.expect_same_bits(what + "copy", device.download(on_y), y);
}

template <class Device>
void prelu_case(Device& device, Failures& failures, std::size_t outer, std::size_t channels, std::size_t inner,
                std::size_t shift) {
  std::string const what =
      "prelu " + std::to_string(outer) + " x " + std::to_string(channels) + " x " + std::to_string(inner) + ": ";
  auto& launcher = device.launcher();
  std::size_t const n = outer * channels * inner;
  auto const x = random<float>(n, 1), slope = random<float>(channels, 2), dy = random<float>(n, 3);
  auto dx = random<float>(n, 4), dslope = random<float>(channels, 5);
  std::vector<float> y(n);
  auto const on_x = device.upload(x, shift);
  auto const on_slope = device.upload(slope, shift);
  auto const on_dy = device.upload(dy, shift);
  auto const on_dx = device.upload(dx, shift);
  auto const on_dslope = device.upload(dslope, shift);
  auto const on_y = device.upload(std::vector<float>(n, NAN), shift);
  kernels::cuda::prelu(launcher, outer, channels, inner, on_x.data(), on_slope.data(), on_y.data());
  kernels::prelu(outer, channels, inner, x.data(), slope.data(), y.data());
  failures.expect_same_bits(what + "y", device.download(on_y), y);
  kernels::cuda::prelu_pullback(launcher, outer, channels, inner, on_x.data(), on_slope.data(), on_dy.data(),
                                on_dx.data(), on_dslope.data());
  kernels::prelu_pullback(outer, channels, inner, x.data(), slope.data(), dy.data(), dx.data(), dslope.data());
  failures.expect_close(what + "dx", device.download(on_dx), dx, 2e-7);
  failures.expect_close(what + "dslope", device.download(on_dslope), dslope, rounding<float>(outer * inner));
}

}  // namespace cuda_test
