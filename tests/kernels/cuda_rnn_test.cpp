// tests/kernels/cuda_rnn_test.cpp: recurrent layers for the GPU, on the executors of the CPU.
// SPDX-License-Identifier: BSL-1.0
#include "cuda/rnn_cases.hpp"

#include <catch2/catch.hpp>

#include "cuda/checked_device.hpp"

TEST_CASE("recurrent layers for the GPU agree with the reference, in every order of threads") {
  cuda_test::CheckedDevice device;
  cuda_test::Failures failures;
  cuda_test::rnn_cases(device, failures);
  device.finish(failures);
  CAPTURE(failures.text());
  CHECK(failures.none());
}
