// tests/kernels/cuda/linear_cases.hpp: linear and its pullbacks against reference.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/linear/cuda.cuh>
#include <ashlar/kernels/linear/mlp.cuh>
#include <ashlar/kernels/linear/tensor_cores.cuh>

#include <ashlar/kernels/convert/reference.hpp>
#include <ashlar/kernels/linear/reference.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "device.hpp"

namespace cuda_test {

namespace kernels = ashlar::kernels;

/// Each sum has the reference's order, so the difference is that of fused multiply-adds: one rounding a term.
template <std::size_t In, std::size_t Out, class T, class Device>
void linear_case(Device& device, Failures& failures, std::size_t rows, std::size_t shift) {
  std::string const what = "linear<" + std::to_string(In) + ", " + std::to_string(Out) + "> of " +
                           std::to_string(rows) + " rows, shift " + std::to_string(shift) + ": ";
  auto const x = random<T>(rows * In, 1);
  auto const weight = random<T>(Out * In, 2);
  auto const bias = random<T>(Out, 3);
  auto const dy = random<T>(rows * Out, 4);
  auto const on_x = device.upload(x, shift);
  auto const on_weight = device.upload(weight, shift);
  auto const on_bias = device.upload(bias, shift);
  auto const on_dy = device.upload(dy, shift);
  auto const nan = std::vector<T>(rows * Out, std::numeric_limits<T>::quiet_NaN());
  auto& launcher = device.launcher();

  std::vector<T> expected(rows * Out);
  auto const y = device.upload(nan, shift);
  kernels::cuda::linear<In, Out>(launcher, rows, on_x.data(), on_weight.data(), on_bias.data(), y.data());
  kernels::reference::linear<In, Out>(rows, x.data(), weight.data(), bias.data(), expected.data());
  failures.expect_close(what + "y", device.download(y), expected, rounding<T>(In));

  auto const z = device.upload(nan, shift);
  kernels::cuda::linear<In, Out, T, kernels::ReLU>(launcher, rows, on_x.data(), on_weight.data(), nullptr, z.data());
  kernels::reference::linear<In, Out>(rows, x.data(), weight.data(), static_cast<T const*>(nullptr), expected.data());
  for (T& e : expected) e = kernels::ReLU{}(e);
  failures.expect_close(what + "relu", device.download(z), expected, rounding<T>(In));

  auto dx = random<T>(rows * In, 5);
  auto const on_dx = device.upload(dx, shift);
  kernels::cuda::linear_backward_input<In, Out>(launcher, rows, on_dy.data(), on_weight.data(), on_dx.data());
  kernels::reference::linear_backward_input<In, Out>(rows, dy.data(), weight.data(), dx.data());
  failures.expect_close(what + "dx", device.download(on_dx), dx, rounding<T>(Out));

  auto dweight = random<T>(Out * In, 6);
  auto dbias = random<T>(Out, 7);
  auto const on_dweight = device.upload(dweight, shift);
  auto const on_dbias = device.upload(dbias, shift);
  kernels::cuda::linear_backward_parameters<In, Out>(launcher, rows, on_x.data(), on_dy.data(), on_dweight.data(),
                                                     on_dbias.data());
  kernels::reference::linear_backward_parameters<In, Out>(rows, x.data(), dy.data(), dweight.data(), dbias.data());
  failures.expect_close(what + "dweight", device.download(on_dweight), dweight, rounding<T>(rows));
  failures.expect_close(what + "dbias", device.download(on_dbias), dbias, rounding<T>(rows));
}

/// Two layers at once have the bits of one after the other.
template <std::size_t In, std::size_t Hidden, std::size_t Out, class Device>
void mlp_case(Device& device, Failures& failures, std::size_t rows, std::size_t shift) {
  auto& launcher = device.launcher();
  auto const on_x = device.upload(random<float>(rows * In, 1), shift);
  auto const weight1 = device.upload(random<float>(Hidden * In, 2), shift);
  auto const bias1 = device.upload(random<float>(Hidden, 3), shift);
  auto const weight2 = device.upload(random<float>(Out * Hidden, 4), shift);
  auto const bias2 = device.upload(random<float>(Out, 5), shift);
  auto const hidden = device.upload(std::vector<float>(rows * Hidden, NAN), shift);
  auto const expected = device.upload(std::vector<float>(rows * Out, NAN), shift);
  auto const y = device.upload(std::vector<float>(rows * Out, NAN), shift);
  float const* const between = hidden.data();
  kernels::cuda::linear<In, Hidden, float, kernels::ReLU>(launcher, rows, on_x.data(), weight1.data(), bias1.data(),
                                                          hidden.data());
  kernels::cuda::linear<Hidden, Out, float>(launcher, rows, between, weight2.data(), bias2.data(), expected.data());
  kernels::cuda::mlp<float, std::tuple<kernels::ReLU>, In, Hidden, Out>(
      launcher, rows, on_x.data(), {weight1.data(), weight2.data()}, {bias1.data(), bias2.data()}, y.data());
  failures.expect_same_bits("mlp of " + std::to_string(rows) + " rows", device.download(y), device.download(expected));
}

/// x as tensor cores see it.
template <kernels::cuda::TensorCores Kind>
std::vector<float> rounded(std::vector<float> x) {
  for (float& v : x) {
    if constexpr (Kind == kernels::cuda::TensorCores::bf16) {
      v = kernels::bf16_to_f32(kernels::f32_to_bf16(v));
    } else {
      v = __builtin_bit_cast(float, (__builtin_bit_cast(std::uint32_t, v) + 0x1000u) & 0xffffe000u);
    }
  }
  return x;
}

/// The reference of rounded operands: what is left is the rounding of sums in some order, which on the GPU may cut
/// where others round.
template <kernels::cuda::TensorCores Kind, std::size_t In, std::size_t Out, class Device>
void tensor_case(Device& device, Failures& failures, std::size_t rows, std::size_t shift) {
  std::string const what = std::string(Kind == kernels::cuda::TensorCores::bf16 ? "bf16" : "tf32") + " linear<" +
                           std::to_string(In) + ", " + std::to_string(Out) + "> of " + std::to_string(rows) + " rows: ";
  auto& launcher = device.launcher();
  auto x = random<float>(rows * In, 1);
  auto weight = random<float>(Out * In, 2);
  auto const bias = random<float>(Out, 3);
  auto dy = random<float>(rows * Out, 4);
  auto const on_x = device.upload(x, shift);
  auto const on_weight = device.upload(weight, shift);
  auto const on_bias = device.upload(bias, shift);
  auto const on_dy = device.upload(dy, shift);
  auto const on_y = device.upload(std::vector<float>(rows * Out, NAN), shift);
  auto dx = random<float>(rows * In, 5);
  auto dweight = random<float>(Out * In, 6);
  auto const on_dx = device.upload(dx, shift);
  auto const on_dweight = device.upload(dweight, shift);
  kernels::cuda::linear<Kind, In, Out>(launcher, rows, on_x.data(), on_weight.data(), on_bias.data(), on_y.data());
  kernels::cuda::linear_backward_input<Kind, In, Out>(launcher, rows, on_dy.data(), on_weight.data(), on_dx.data());
  kernels::cuda::linear_backward_parameters<Kind, In, Out>(launcher, rows, on_x.data(), on_dy.data(), on_dweight.data(),
                                                           nullptr);
  x = rounded<Kind>(x);
  weight = rounded<Kind>(weight);
  dy = rounded<Kind>(dy);
  std::vector<float> y(rows * Out);
  kernels::reference::linear<In, Out>(rows, x.data(), weight.data(), bias.data(), y.data());
  kernels::reference::linear_backward_input<In, Out>(rows, dy.data(), weight.data(), dx.data());
  kernels::reference::linear_backward_parameters<In, Out>(rows, x.data(), dy.data(), dweight.data(),
                                                          static_cast<float*>(nullptr));
  failures.expect_close(what + "y", device.download(on_y), y, 4 * rounding<float>(In));
  failures.expect_close(what + "dx", device.download(on_dx), dx, 4 * rounding<float>(Out));
  failures.expect_close(what + "dweight", device.download(on_dweight), dweight, 4 * rounding<float>(rows));
}

/// Every tile of tensor cores gives the same bits, whatever the sizes would choose, along both ways of memory.
template <kernels::cuda::TensorCores Kind, class Device>
void tensor_tile_case(Device& device, Failures& failures, std::size_t m, std::size_t n, std::size_t k) {
  namespace cuda = kernels::cuda;
  auto const a = random<float>(m * k, 1);
  auto const b = random<float>(k * n, 2);
  auto const on_a = device.upload(a, 0);
  auto const on_b = device.upload(b, 0);
  std::vector<float> of_first;
  auto const run = [&](auto tile) {
    auto const c = device.upload(std::vector<float>(m * n, NAN), 0);
    cuda::tensor_gemm<Kind, true, false, decltype(tile)>(device.launcher(), m, n, k, on_a.data(), m, on_b.data(), k,
                                                         nullptr, 0, c.data(), n, kernels::Identity{});
    if (of_first.empty()) of_first = device.download(c);
    failures.expect_same_bits("tiles of tensor cores", device.download(c), of_first);
  };
  run(cuda::TensorTile64{});
  run(cuda::TensorTile<32, 32, 1, 2>{});
  run(cuda::TensorTile<64, 32, 2, 2>{});
  auto const x = rounded<Kind>(a);
  auto const y = rounded<Kind>(b);
  std::vector<float> expected(m * n);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t p = 0; p < k; ++p) expected[i * n + j] += x[p * m + i] * y[j * k + p];
    }
  }
  failures.expect_close("tensor cores", of_first, expected, 4 * rounding<float>(k));
}

}  // namespace cuda_test
