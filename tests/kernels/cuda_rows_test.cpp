// tests/kernels/cuda_rows_test.cpp: kernels for the GPU that reduce rows, on the executors of the CPU.
// SPDX-License-Identifier: BSL-1.0
#include "cuda/row_cases.hpp"

#include <catch2/catch.hpp>

#include <cstddef>

#include "cuda/checked_device.hpp"

namespace {

template <class Case>
void each(std::initializer_list<std::size_t> rows, std::initializer_list<std::size_t> columns, Case const& run) {
  for (std::size_t const r : rows) {
    for (std::size_t const c : columns) {
      cuda_test::CheckedDevice device;
      cuda_test::Failures failures;
      run(device, failures, r, c);
      device.finish(failures);
      CAPTURE(failures.text());
      CHECK(failures.none());
    }
  }
}

}  // namespace

TEST_CASE("softmax for the GPU agrees with the reference, in every order of threads") {
  each({0, 1, 7, 9}, {1, 7, 31, 33, 127, 1000, 1025}, [](auto& device, auto& failures, std::size_t r, std::size_t c) {
    cuda_test::softmax_case(device, failures, r, c);
  });
  each({3, 33, 300}, {1, 7, 128, 129}, [](auto& device, auto& failures, std::size_t r, std::size_t c) {
    cuda_test::softmax_case(device, failures, r, c, 3);
    if (r == 300 && c == 7) cuda_test::softmax_case(device, failures, r, c, 150);
  });
}

TEST_CASE("cross-entropy for the GPU agrees with the CPU") {
  each({1, 7, 33}, {1, 10, 33}, [](auto& device, auto& failures, std::size_t r, std::size_t c) {
    cuda_test::cross_entropy_case(device, failures, r, c);
  });
  each({2}, {1025}, [](auto& device, auto& failures, std::size_t r, std::size_t c) {
    cuda_test::cross_entropy_case(device, failures, r, c);
  });
  each({6, 66}, {1, 10, 130}, [](auto& device, auto& failures, std::size_t r, std::size_t c) {
    cuda_test::cross_entropy_case(device, failures, r, c, false, r / 2);
  });
  each({4100}, {3}, [](auto& device, auto& failures, std::size_t r, std::size_t c) {
    cuda_test::cross_entropy_case(device, failures, r, c, true);
  });
}

TEST_CASE("losses of pairs for the GPU agree with the CPU") {
  each({0, 1, 31, 63, 65, 999, 4097}, {0, 1}, [](auto& device, auto& failures, std::size_t n, std::size_t shift) {
    cuda_test::loss_case(device, failures, ashlar::kernels::MseLoss{}, n, shift);
    cuda_test::loss_case(device, failures, ashlar::kernels::BceLoss{}, n, shift);
  });
}
