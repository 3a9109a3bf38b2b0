// tests/kernels/cuda/product_cases.hpp: matmul, conv and pools against their reference.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/conv/cuda.cuh>
#include <ashlar/kernels/conv/transposed.cuh>
#include <ashlar/kernels/matmul/cuda.cuh>
#include <ashlar/kernels/pool/cuda.cuh>

#include <ashlar/kernels/conv/reference.hpp>
#include <ashlar/kernels/matmul/reference.hpp>
#include <ashlar/kernels/pool/reference.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "device.hpp"

namespace cuda_test {

namespace kernels = ashlar::kernels;

/// Each sum has the reference's order: one rounding a term, that of fused multiply-adds.
template <class Device>
void matmul_case(Device& device, Failures& failures, std::size_t m, std::size_t k, std::size_t n, std::size_t shift) {
  std::string const what = "matmul " + std::to_string(m) + " x " + std::to_string(k) + " x " + std::to_string(n) + ": ";
  auto& launcher = device.launcher();
  auto a = random<float>(m * k, 1);
  auto b = random<float>(k * n, 2);
  auto const c = random<float>(m * n, 3);
  std::vector<float> expected(m * n);
  auto const on_a = device.upload(a, shift);
  auto const on_b = device.upload(b, shift);
  auto const on_c = device.upload(c, shift);
  auto const on_y = device.upload(std::vector<float>(m * n, NAN), shift);
  kernels::cuda::matmul(launcher, m, k, n, on_a.data(), on_b.data(), on_y.data());
  kernels::reference::matmul(m, k, n, a.data(), b.data(), expected.data());
  failures.expect_close(what + "c", device.download(on_y), expected, rounding<float>(k));

  auto const da = device.upload(a, shift);
  auto const db = device.upload(b, shift);
  kernels::cuda::matmul_backward_a(launcher, m, k, n, on_c.data(), on_b.data(), da.data());
  kernels::cuda::matmul_backward_b(launcher, m, k, n, on_a.data(), on_c.data(), db.data());
  auto expected_a = a;
  kernels::reference::matmul_backward_a(m, k, n, c.data(), b.data(), expected_a.data());
  kernels::reference::matmul_backward_b(m, k, n, a.data(), c.data(), b.data());
  failures.expect_close(what + "da", device.download(da), expected_a, rounding<float>(n));
  failures.expect_close(what + "db", device.download(db), b, rounding<float>(m));
}

/// Every tile gives the same bits, whatever the sizes would choose.
template <class Device>
void tile_case(Device& device, Failures& failures, std::size_t m, std::size_t n, std::size_t k, std::size_t shift) {
  namespace cuda = kernels::cuda;
  auto const a = random<float>(m * k, 1);
  auto const b = random<float>(k * n, 2);
  auto const on_a = device.upload(a, shift);
  auto const on_b = device.upload(b, shift);
  std::vector<float> of_first;
  auto const run = [&](auto tile) {
    auto const c = device.upload(std::vector<float>(m * n, NAN), shift);
    cuda::gemm_with<decltype(tile), cuda::at_run_time, cuda::at_run_time>(
        device.launcher(), 1, m, n, k,
        cuda::Matrix<float, true>{on_a.data(), m, ashlar::kernels::device::is_wide(on_a.data(), m)},
        cuda::Matrix<float, false>{on_b.data(), k, ashlar::kernels::device::is_wide(on_b.data(), k)},
        cuda::MatrixResult<float, kernels::Identity>{
            nullptr, 0, c.data(), n, ashlar::kernels::device::is_wide(c.data(), n), {}});
    if (of_first.empty()) of_first = device.download(c);
    failures.expect_same_bits("tiles of " + std::to_string(m) + " x " + std::to_string(n), device.download(c),
                              of_first);
  };
  run(cuda::MiddleTile{});
  run(cuda::SmallTile{});
  run(cuda::TinyTile{});
  run(cuda::NarrowTile{});
  std::vector<float> expected(m * n);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t p = 0; p < k; ++p) expected[i * n + j] += a[p * m + i] * b[j * k + p];
    }
  }
  failures.expect_close("a tile", of_first, expected, rounding<float>(k));
}

/// Another order of sums than the reference's in dweight and dbias: the roundings of a sum of their length.
template <class Device>
void conv_case(Device& device, Failures& failures, kernels::ConvShape const& shape, std::size_t images) {
  std::string const what = "conv of " + std::to_string(shape.in) + " x " + std::to_string(shape.height) + " x " +
                           std::to_string(shape.width) + ", " + std::to_string(shape.groups) + " groups: ";
  auto& launcher = device.launcher();
  auto const x = random<float>(images * shape.x_size(), 1);
  auto weight = random<float>(shape.out * shape.patch(), 2);
  auto bias = random<float>(shape.out, 3);
  auto const dy = random<float>(images * shape.y_size(), 4);
  auto dx = random<float>(x.size(), 5);
  auto const on_x = device.upload(x, 1);
  auto const on_weight = device.upload(weight, 1);
  auto const on_bias = device.upload(bias, 1);
  auto const on_dy = device.upload(dy, 1);
  auto const on_dx = device.upload(dx, 1);
  auto const on_y = device.upload(std::vector<float>(dy.size(), NAN), 1);
  std::vector<float> y(dy.size());
  std::size_t const positions = images * shape.out_height() * shape.out_width();

  for (bool const biased : {true, false}) {
    kernels::cuda::conv(launcher, shape, images, on_x.data(), on_weight.data(), biased ? on_bias.data() : nullptr,
                        on_y.data());
    kernels::reference::conv(shape, images, x.data(), weight.data(), biased ? bias.data() : nullptr, y.data());
    failures.expect_close(what + "y", device.download(on_y), y, rounding<float>(shape.patch()));
  }
  kernels::cuda::conv_backward_input(launcher, shape, images, on_dy.data(), on_weight.data(), on_dx.data());
  kernels::reference::conv_backward_input(shape, images, dy.data(), weight.data(), dx.data());
  failures.expect_close(what + "dx", device.download(on_dx), dx,
                        rounding<float>(shape.out_of_group() * shape.rows.kernel * shape.columns.kernel));
  kernels::cuda::conv_backward_parameters(launcher, shape, images, on_x.data(), on_dy.data(), on_weight.data(),
                                          on_bias.data());
  kernels::reference::conv_backward_parameters(shape, images, x.data(), dy.data(), weight.data(), bias.data());
  failures.expect_close(what + "dweight", device.download(on_weight), weight, rounding<float>(positions));
  failures.expect_close(what + "dbias", device.download(on_bias), bias, rounding<float>(positions));
}

/// The transpose of conv is its pullback for x and has it as its own.
template <class Device>
void conv_transpose_case(Device& device, Failures& failures, kernels::ConvShape const& shape, std::size_t images) {
  std::string const what = "conv_transpose to " + std::to_string(shape.in) + " x " + std::to_string(shape.height) +
                           " x " + std::to_string(shape.width) + ", " + std::to_string(shape.groups) + " groups: ";
  auto& launcher = device.launcher();
  std::size_t const area = shape.height * shape.width;
  auto const x = random<float>(images * shape.y_size(), 1), dy = random<float>(images * shape.x_size(), 4);
  auto weight = random<float>(shape.out * shape.patch(), 2), bias = random<float>(shape.in, 3);
  auto dx = random<float>(x.size(), 5);
  std::vector<float> y(dy.size());
  auto const on_x = device.upload(x, 1), on_weight = device.upload(weight, 1), on_bias = device.upload(bias, 1),
             on_dy = device.upload(dy, 1), on_dx = device.upload(dx, 1),
             on_y = device.upload(std::vector<float>(y.size(), NAN), 1);
  for (bool const biased : {true, false}) {
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = biased ? bias[i / area % shape.in] : 0;
    kernels::cuda::conv_transpose(launcher, shape, images, on_x.data(), on_weight.data(),
                                  biased ? on_bias.data() : nullptr, on_y.data());
    kernels::reference::conv_backward_input(shape, images, x.data(), weight.data(), y.data());
    failures.expect_close(what + "y", device.download(on_y), y,
                          rounding<float>(shape.out_of_group() * shape.rows.kernel * shape.columns.kernel));
  }
  kernels::cuda::conv_transpose_backward_input(launcher, shape, images, on_dy.data(), on_weight.data(), on_dx.data());
  std::vector<float> more(dx.size());
  float const* const none = nullptr;
  kernels::reference::conv(shape, images, dy.data(), weight.data(), none, more.data());
  for (std::size_t i = 0; i < dx.size(); ++i) dx[i] += more[i];
  failures.expect_close(what + "dx", device.download(on_dx), dx, rounding<float>(shape.patch()));
  kernels::cuda::conv_transpose_backward_parameters(launcher, shape, images, on_x.data(), on_dy.data(),
                                                    on_weight.data(), on_bias.data());
  float* const nowhere = nullptr;
  kernels::reference::conv_backward_parameters(shape, images, dy.data(), x.data(), weight.data(), nowhere);
  for (std::size_t i = 0; i < dy.size(); ++i) bias[i / area % shape.in] += dy[i];
  std::size_t const positions = images * shape.out_height() * shape.out_width();
  failures.expect_close(what + "dweight", device.download(on_weight), weight, rounding<float>(positions));
  failures.expect_close(what + "dbias", device.download(on_bias), bias, rounding<float>(images * area));
}

inline kernels::Window window(std::size_t kernel, std::size_t stride, std::size_t dilation, std::size_t padding,
                              bool ceil_mode = false) {
  return {kernel, stride, dilation, padding, padding, ceil_mode};
}

/// Shapes of every kind: pointwise, strides, dilation, padding on one side, groups, depthwise; images around a tile.
template <class Device>
void conv_cases(Device& device, Failures& failures) {
  conv_case(device, failures, {3, 5, 1, window(1, 1, 1, 0), window(1, 1, 1, 0), 7, 9}, 2);
  conv_case(device, failures, {3, 65, 1, window(3, 1, 1, 1), window(5, 1, 1, 2), 9, 8}, 1);
  conv_case(device, failures, {4, 6, 2, window(3, 2, 1, 1), window(2, 3, 2, 0), 11, 13}, 3);
  conv_case(device, failures, {5, 5, 5, window(3, 1, 2, 2), window(3, 2, 1, 1), 6, 7}, 2);
  conv_case(device, failures, {2, 3, 1, {4, 3, 1, 2, 0}, {1, 1, 1, 0, 3}, 10, 5}, 1);
  conv_case(device, failures, {2, 4, 2, window(3, 1, 1, 1), window(3, 1, 1, 1), 13, 12}, 5);  // dweight is split
  conv_transpose_case(device, failures, {3, 65, 1, window(3, 1, 1, 1), window(5, 1, 1, 2), 9, 8}, 1);
  conv_transpose_case(device, failures, {4, 6, 2, window(3, 2, 1, 1), window(2, 3, 2, 0), 11, 13}, 3);
}

/// Max pools have the reference's bits: they choose. Means have its sums and one division each.
template <class Device>
void pool_cases(Device& device, Failures& failures) {
  auto& launcher = device.launcher();
  auto const check = [&](char const* what, auto const& shape, auto const& forward, auto const& backward) {
    std::size_t const n = shape.planes * shape.height * shape.width;
    std::size_t const outs = shape.planes * shape.out_height() * shape.out_width();
    auto x = random<float>(n, 1);
    for (float& v : x) v = std::round(4 * v);  // equals among them
    x[n / 2] = NAN;
    auto const dy = random<float>(outs, 2);
    auto dx = random<float>(n, 3);
    std::vector<float> y(outs);
    auto const on_x = device.upload(x, 1);
    auto const on_dy = device.upload(dy, 1);
    auto const on_dx = device.upload(dx, 1);
    auto const on_y = device.upload(std::vector<float>(outs, NAN), 1);
    forward(shape, x.data(), y.data(), on_x.data(), on_y.data());
    backward(shape, x.data(), dy.data(), dx.data(), on_x.data(), on_dy.data(), on_dx.data());
    std::string const name =
        std::string(what) + " of " + std::to_string(shape.height) + " x " + std::to_string(shape.width) + ": ";
    failures.expect_close(name + "y", device.download(on_y), y, 4e-6);
    failures.expect_close(name + "dx", device.download(on_dx), dx, 4e-6);
  };
  auto const max_pool = [&](kernels::PoolShape<kernels::Window> const& shape) {
    check(
        "max_pool", shape,
        [&](auto const& s, float const* x, float* y, float const* on_x, float* on_y) {
          kernels::reference::max_pool(s, x, y);
          kernels::cuda::max_pool(launcher, s, on_x, on_y);
        },
        [&](auto const& s, float const* x, float const* dy, float* dx, float const* on_x, float const* on_dy,
            float* on_dx) {
          kernels::reference::max_pool_backward(s, x, dy, dx);
          kernels::cuda::max_pool_backward(launcher, s, on_x, on_dy, on_dx);
        });
  };
  auto const avg_pool = [&](auto const& shape) {
    check(
        "avg_pool", shape,
        [&](auto const& s, float const* x, float* y, float const* on_x, float* on_y) {
          kernels::reference::avg_pool(s, x, y);
          kernels::cuda::avg_pool(launcher, s, on_x, on_y);
        },
        [&](auto const& s, float const*, float const* dy, float* dx, float const*, float const* on_dy, float* on_dx) {
          kernels::reference::avg_pool_backward(s, dy, dx);
          kernels::cuda::avg_pool_backward(launcher, s, on_dy, on_dx);
        });
  };
  max_pool({3, window(2, 2, 1, 0), window(2, 2, 1, 0), 8, 8});
  max_pool({2, window(3, 2, 1, 1), window(3, 1, 2, 1, true), 9, 11});
  max_pool({1, window(3, 2, 1, 1, true), window(2, 3, 1, 0, true), 10, 7});
  avg_pool(kernels::PoolShape<kernels::AverageWindow>{3, {window(2, 2, 1, 0)}, {window(3, 1, 1, 1)}, 8, 7});
  avg_pool(kernels::PoolShape<kernels::AverageWindow>{
      2, {window(3, 2, 1, 1, true), false}, {window(4, 3, 1, 2), false}, 9, 11});
  avg_pool(kernels::PoolShape<kernels::AdaptiveWindow>{3, {5}, {3}, 7, 11});
  avg_pool(kernels::PoolShape<kernels::AdaptiveWindow>{2, {1}, {9}, 6, 4});
}

}  // namespace cuda_test
