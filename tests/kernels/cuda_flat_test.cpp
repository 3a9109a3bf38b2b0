// tests/kernels/cuda_flat_test.cpp: kernels over flat blocks for the GPU, on the executors of the CPU.
// SPDX-License-Identifier: BSL-1.0
#include "cuda/flat_cases.hpp"

#include <catch2/catch.hpp>

#include <cstddef>

#include "cuda/checked_device.hpp"

namespace {

constexpr std::size_t sizes[] = {0, 1, 3, 7, 31, 33, 63, 65, 127, 1000, 1027};

template <class Case>
void each(Case const& run, std::initializer_list<std::size_t> more = {}) {
  auto const check = [&](std::size_t n) {
    for (std::size_t const shift : {0u, 1u}) {
      cuda_test::CheckedDevice device;
      cuda_test::Failures failures;
      run(device, failures, n, shift);
      device.finish(failures);
      CAPTURE(failures.text());
      CHECK(failures.none());
    }
  };
  for (std::size_t const n : sizes) check(n);
  for (std::size_t const n : more) check(n);
}

}  // namespace

TEST_CASE("elementwise functions for the GPU agree with the reference") {
  each([](auto& device, auto& failures, std::size_t n, std::size_t shift) {
    cuda_test::map_case(device, failures, ashlar::kernels::ReLU{}, "relu", n, shift);
    cuda_test::map_case(device, failures, ashlar::kernels::GELU{}, "gelu", n, shift);
    cuda_test::map_case(device, failures, ashlar::kernels::Softplus{}, "softplus", n, shift);
  });
}

TEST_CASE("arithmetic for the GPU agrees with plain expressions") {
  each([](auto& device, auto& failures, std::size_t n, std::size_t shift) {
    cuda_test::arithmetic_case(device, failures, n, shift);
  });
}

TEST_CASE("conversions for the GPU have the bits of the reference") {
  each([](auto& device, auto& failures, std::size_t n,
          std::size_t shift) { cuda_test::convert_case(device, failures, n, shift); },
       {65536});
}

TEST_CASE("dropout for the GPU has the numbers of the CPU") {
  each([](auto& device, auto& failures, std::size_t n, std::size_t shift) {
    for (double const p : {0.0, 0.3, 1.0}) cuda_test::dropout_case(device, failures, n, shift, p);
  });
}

TEST_CASE("optimizers for the GPU agree with the reference") {
  each([](auto& device, auto& failures, std::size_t n, std::size_t shift) {
    cuda_test::optimizer_case(device, failures, n, shift);
  });
}

TEST_CASE("reductions for the GPU agree with the reference, in every order of threads") {
  each([](auto& device, auto& failures, std::size_t n,
          std::size_t shift) { cuda_test::reduce_case(device, failures, n, shift); },
       {4096, 4097, 9000});
}

TEST_CASE("gradients are clipped on the GPU by their norm, of any power, and by value") {
  for (std::size_t const n : {0u, 1u, 33u, 9000u}) {
    cuda_test::CheckedDevice device;
    cuda_test::Failures failures;
    cuda_test::clip_case(device, failures, n, n % 2);
    device.finish(failures);
    CAPTURE(failures.text());
    CHECK(failures.none());
  }
}

TEST_CASE("rows are added up on the GPU") {
  for (std::size_t const rows : {0u, 1u, 7u, 9u, 512u, 513u, 1100u}) {
    for (std::size_t const columns : {1u, 31u, 33u, 65u}) {
      cuda_test::CheckedDevice device;
      cuda_test::Failures failures;
      cuda_test::add_rows_case(device, failures, rows, columns);
      device.finish(failures);
      CAPTURE(failures.text());
      CHECK(failures.none());
    }
  }
}
