// tests/kernels/cuda_product_test.cpp: matmul, conv and pools for the GPU, on the executors of the CPU.
// SPDX-License-Identifier: BSL-1.0
#include "cuda/attention_cases.hpp"
#include "cuda/product_cases.hpp"

#include <ashlar/kernels/gemm/tensor_cores.cuh>

#include <catch2/catch.hpp>

#include <cstddef>

#include "cuda/checked_device.hpp"

namespace {

template <class Case>
void check(Case const& run) {
  cuda_test::CheckedDevice device;
  cuda_test::Failures failures;
  run(device, failures);
  device.finish(failures);
  CAPTURE(failures.text());
  CHECK(failures.none());
}

}  // namespace

TEST_CASE("matmul for the GPU agrees with the reference, in every order of threads") {
  std::size_t const sizes[][3] = {{1, 1, 1}, {7, 31, 33}, {33, 7, 65}, {63, 16, 64}, {65, 17, 127}, {2, 300, 1}};
  for (auto const& s : sizes) {
    for (std::size_t const shift : {0u, 1u}) {
      check([&](auto& device, auto& failures) { cuda_test::matmul_case(device, failures, s[0], s[1], s[2], shift); });
    }
  }
  for (std::size_t const shift : {0u, 1u}) {
    check([&](auto& device, auto& failures) { cuda_test::tile_case(device, failures, 132, 260, 20, shift); });
    check([&](auto& device, auto& failures) { cuda_test::tile_case(device, failures, 127, 129, 17, shift); });
  }
}

TEST_CASE("a product of more than 2^32 rows is refused, and nothing is launched") {
  cuda_test::CheckedDevice device;
  float* const none = nullptr;
  std::size_t const many = std::size_t{1} << 32;
  CHECK_THROWS_WITH(ashlar::kernels::cuda::matmul(device.launcher(), many, 3, 2, none, none, none),
                    "a product of matrices on cuda takes extents below 2^32 - 128, but (4294967296, 3) * (3, 2) has "
                    "more");
  CHECK_THROWS_AS(
      (ashlar::kernels::cuda::tensor_gemm<ashlar::kernels::cuda::TensorCores::tf32, false, false>(
          device.launcher(), 3, many, 2, none, 2, none, 2, none, 0, none, many, ashlar::kernels::Identity{})),
      ashlar::Error);
  CHECK(device.launcher().launches() == 0);
}

TEST_CASE("convolutions for the GPU agree with the reference, in every order of threads") {
  check([](auto& device, auto& failures) { cuda_test::conv_cases(device, failures); });
}

TEST_CASE("pools for the GPU agree with the reference") {
  check([](auto& device, auto& failures) { cuda_test::pool_cases(device, failures); });
}

TEST_CASE("attention for the GPU agrees with the reference, in every order of threads") {
  check([](auto& device, auto& failures) { cuda_test::attention_cases(device, failures); });
}
