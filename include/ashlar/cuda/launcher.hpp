// Ashlar: what kernels are launched by. Compiled by the host, called by the host; launcher.cuh is the rest.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/stream.hpp>
#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::detail {

/// Launches kernels in a stream, in order: the Launcher of kernels/*/cuda.cuh.
///
/// Copies and memory go to the stream that is in use: that is this one (CudaRun::in_stream sees to it).
///
/// `launch` is the only thing that a host unit does not compile for itself: it is defined where nvcc compiles
/// (launcher.cuh), and a host unit links what a .cu unit instantiates, which ashlar_cuda_model writes for a model.
class CudaLauncher {
 public:
  explicit CudaLauncher(StreamState& stream) : stream_(&stream) {}

  /// Errors (thrown): device, with CUDA's words, where a launch is refused. What goes wrong while a kernel runs shows
  /// where the stream is next waited for.
  template <class Body>
  void launch(kernels::device::Grid grid, Body const& body);

  /// Memory for what one launch leaves to the next; valid until the next call. Error: device.
  [[nodiscard]] void* workspace(std::size_t bytes) {
    if (bytes > stream_->workspace.bytes()) {
      stream_->workspace = CudaMemory::allocate(Cuda{stream_->ordinal}, bytes).value();
    }
    return stream_->workspace.data();
  }

  /// to[0 ... n) = from[0 ... n), both on the device. Error: device.
  template <class T>
  void copy(T const* from, std::size_t n, T* to) const {
    if (n != 0) cuda_driver->between(stream_->ordinal, to, stream_->ordinal, from, n * sizeof(T)).value();
  }

 private:
  StreamState* stream_;
};

}  // namespace ashlar::detail
