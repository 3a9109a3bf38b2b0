// tests/kernels/cuda_norm_test.cpp: norms, embedding, transpose and PReLU for the GPU, on the executors of the CPU.
// SPDX-License-Identifier: BSL-1.0
#include "cuda/norm_cases.hpp"

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

TEST_CASE("layer_norm for the GPU agrees with the reference, in every order of threads") {
  for (std::size_t const rows : {1u, 7u, 600u}) {
    for (std::size_t const n : {1u, 31u, 33u, 127u}) {
      check([&](auto& device, auto& failures) { cuda_test::layer_norm_case(device, failures, rows, n); });
    }
  }
  check([&](auto& device, auto& failures) { cuda_test::layer_norm_case(device, failures, 2, 1025); });
}

TEST_CASE("rms_norm and group_norm for the GPU agree with the reference, in every order of threads") {
  for (std::size_t const rows : {1u, 7u, 600u}) {
    for (std::size_t const n : {1u, 33u}) {
      check([&](auto& device, auto& failures) { cuda_test::rms_norm_case(device, failures, rows, n); });
    }
  }
  check([](auto& device, auto& failures) {
    cuda_test::rms_norm_case(device, failures, 2, 1025);
    cuda_test::group_norm_case(device, failures, {3, 6, 7}, 2);
    cuda_test::group_norm_case(device, failures, {1, 4, 63}, 4);
    cuda_test::group_norm_case(device, failures, {3, 5, 2}, 5);
    cuda_test::group_norm_case(device, failures, {2, 3, 400}, 1);
    cuda_test::group_norm_case(device, failures, {5, 33, 1}, 11);
  });
}

TEST_CASE("batch_norm for the GPU agrees with the reference, in every order of threads") {
  ashlar::kernels::Planes const shapes[] = {{1, 1, 1}, {7, 33, 1}, {3, 5, 31}, {2, 3, 63}, {520, 2, 1}, {1, 4, 1000}};
  for (auto const& planes : shapes) {
    check([&](auto& device, auto& failures) { cuda_test::batch_norm_case(device, failures, planes); });
  }
}

TEST_CASE("embedding for the GPU has the reference's bits, in every order of threads") {
  for (std::size_t const count : {0u, 1u, 7u, 31u, 200u}) {
    for (std::size_t const dim : {1u, 4u, 7u, 129u}) {
      for (std::size_t const shift : {0u, 1u}) {
        check([&](auto& device, auto& failures) { cuda_test::embedding_case(device, failures, count, dim, shift); });
      }
    }
  }
}

TEST_CASE("more indices of an embedding than are compared in pairs are sorted, and have the reference's bits") {
  for (std::size_t const n : {0u, 1u, 33u, 255u, 2048u, 2049u, 5000u}) {
    for (std::uint32_t const largest : {0u, 12u, 255u, 256u, 70000u, 0xfffffffeu}) {
      check([&](auto& device, auto& failures) { cuda_test::sort_case(device, failures, n, largest); });
    }
  }
  check([](auto& device, auto& failures) { cuda_test::embedding_case(device, failures, 4097, 3, 0); });
  check([](auto& device, auto& failures) { cuda_test::embedding_case(device, failures, 6000, 2, 1, 300); });
  check([](auto& device, auto& failures) { cuda_test::embedding_case(device, failures, 4100, 600, 1, 2000); });
}

TEST_CASE("transpose and PReLU for the GPU agree with the CPU") {
  for (std::size_t const a : {1u, 7u, 31u, 33u, 65u}) {
    for (std::size_t const b : {1u, 32u, 63u, 127u}) {
      check([&](auto& device, auto& failures) {
        cuda_test::transpose_case(device, failures, 2, a, b);
        cuda_test::prelu_case(device, failures, 3, a, b, 0);
        cuda_test::prelu_case(device, failures, a, b, 1, 1);
      });
    }
  }
}
