// Ashlar: launches on the GPU, for units that nvcc compiles.  SPDX-License-Identifier: BSL-1.0
#pragma once

#ifndef __CUDACC__
#error "ashlar: cuda/launcher.cuh is for units that nvcc compiles"
#endif

#include <ashlar/cuda/driver.cuh>
#include <ashlar/cuda/launcher.hpp>
#include <ashlar/kernels/device/stream_launcher.cuh>

namespace ashlar::detail {

/// Not inlined: a host unit that launches the same body links this instantiation.
template <class Body>
__attribute__((noinline)) void CudaLauncher::launch(kernels::device::Grid grid, Body const& body) {
  CudaDeviceGuard const here(stream_->ordinal);
  here.done(stream_->ordinal).value();
  kernels::device::StreamLauncher(static_cast<cudaStream_t>(stream_->handle)).launch(grid, body);
}

}  // namespace ashlar::detail
