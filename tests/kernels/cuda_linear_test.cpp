// tests/kernels/cuda_linear_test.cpp: include/ashlar/kernels/{gemm,linear}/cuda.cuh on the executors of the CPU.
// SPDX-License-Identifier: BSL-1.0
#include "cuda/linear_cases.hpp"

#include <catch2/catch.hpp>

#include <cstddef>

#include "cuda/checked_device.hpp"

namespace {

template <std::size_t In, std::size_t Out, class T = float>
void check(std::initializer_list<std::size_t> rows) {
  for (std::size_t const n : rows) {
    for (std::size_t const shift : {0u, 1u}) {
      cuda_test::CheckedDevice device;
      cuda_test::Failures failures;
      cuda_test::linear_case<In, Out, T>(device, failures, n, shift);
      device.finish(failures);
      CAPTURE(failures.text());
      CHECK(failures.none());
    }
  }
}

}  // namespace

TEST_CASE("linear for the GPU agrees with the reference in every order of threads") {
  check<7, 33>({0, 1, 7, 65});
  check<20, 64>({1, 63, 129});
  check<64, 10>({31, 127});
  check<150, 9>({1, 4, 5});
  check<33, 1>({1, 65, 700});  // 700 rows are split in two
  check<127, 31>({1, 63});
  check<1, 1000>({7});
  check<1000, 7>({1, 33});
}

TEST_CASE("linear on tensor cores agrees with the reference of rounded operands") {
  for (std::size_t const rows : {1u, 31u, 65u, 130u}) {
    cuda_test::CheckedDevice device;
    cuda_test::Failures failures;
    cuda_test::tensor_case<ashlar::kernels::cuda::TensorCores::tf32, 20, 65>(device, failures, rows, 0);
    cuda_test::tensor_case<ashlar::kernels::cuda::TensorCores::bf16, 33, 17>(device, failures, rows, 1);
    if (rows == 130) {
      cuda_test::tensor_tile_case<ashlar::kernels::cuda::TensorCores::tf32>(device, failures, rows, 131, 36);
      cuda_test::tensor_tile_case<ashlar::kernels::cuda::TensorCores::bf16>(device, failures, 132, 129, 68);
    }
    device.finish(failures);
    CAPTURE(failures.text());
    CHECK(failures.none());
  }
}

TEST_CASE("two layers in one kernel have the bits of one after the other") {
  for (std::size_t const rows : {0u, 1u, 15u, 17u, 65u}) {
    cuda_test::CheckedDevice device;
    cuda_test::Failures failures;
    cuda_test::mlp_case<7, 33, 5>(device, failures, rows, 1);
    device.finish(failures);
    CAPTURE(failures.text());
    CHECK(failures.none());
  }
}
