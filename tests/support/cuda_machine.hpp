// What the tests of networks on CUDA devices run on: an emulated device, or, compiled by nvcc, the machine's own.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda.hpp>

#include <catch2/catch.hpp>

#include <string>

#ifdef __CUDACC__

namespace ashlar::test {

/// The machine's devices, while it lives.
class CudaMachine {
 public:
  CudaMachine() { detail::cuda_driver = &detail::runtime_driver; }
  CudaMachine(CudaMachine const&) = delete;
  CudaMachine& operator=(CudaMachine const&) = delete;
  ~CudaMachine() { detail::release_own_streams(); }

  [[nodiscard]] static bool usable() {
    if (device_count<Cuda>() > 0) return true;
    WARN("skipped: this machine has no CUDA device");
    return false;
  }
};

}  // namespace ashlar::test

#else

#include "support/emulated_device.hpp"

namespace ashlar::test {

/// One emulated device. At the end nothing may be wrong with the kernels that ran, and nothing left in its memory.
class CudaMachine {
 public:
  CudaMachine() = default;
  CudaMachine(CudaMachine const&) = delete;
  CudaMachine& operator=(CudaMachine const&) = delete;
  ~CudaMachine() {
    detail::release_own_streams();
    INFO(machine.faults.text());
    CHECK(machine.faults.none());
    CHECK(machine.memory.blocks() == 0);
    CHECK(!machine.memory.damaged());
  }
  [[nodiscard]] static bool usable() { return true; }

  EmulatedMachine machine;
};

}  // namespace ashlar::test

#endif
