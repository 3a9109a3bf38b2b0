// Ashlar: large copies from pageable memory to a CUDA device, through pinned memory. For units that can include
// cuda_runtime.h.  SPDX-License-Identifier: BSL-1.0
//
// A GPU reads host memory by itself only where that is pinned. CUDA copies other memory to pinned memory of its own, by
// one thread; four threads that copy pieces in turn are faster, and the GPU fetches one piece while the next is copied:
// the pages of a mapped file, 512 MiB, to an H200: 5 to 6 GB/s by cudaMemcpy, 10 to 19 GB/s here. Pinning the file's
// pages instead (cudaHostRegister) takes 270 to 970 ms for those 512 MiB: 0.5 to 1.9 GB/s in all.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace ashlar::detail {

/// The pinned memory of this process, which is taken at the first large copy and kept.
class Staging {
 public:
  static constexpr std::size_t piece = std::size_t{4} << 20;
  static constexpr std::size_t least = 4 * piece;  // bytes of a copy for which threads are worth their start

  /// Copies `bytes` >= least to the device that this thread uses, in the order of a stream. Comes back when `from` has
  /// been read; what is on its way then is queued.
  static cudaError_t copy(void* to, void const* from, std::size_t bytes, cudaStream_t stream) {
    static Staging only;
    std::lock_guard const alone(only.mutex_);
    return only.copy_by_threads(static_cast<std::byte*>(to), static_cast<std::byte const*>(from), bytes, stream);
  }

 private:
  static constexpr unsigned workers = 4;
  static constexpr unsigned buffers = 2;  // of a worker: one is read by the GPU while the other is filled

  cudaError_t copy_by_threads(std::byte* to, std::byte const* from, std::size_t bytes, cudaStream_t stream) {
    if (memory_ == nullptr) {
      void* taken = nullptr;
      if (cudaError_t const status = cudaMallocHost(&taken, workers * buffers * piece); status != cudaSuccess) {
        return status;
      }
      memory_ = static_cast<std::byte*>(taken);
    }
    int device = 0;
    if (cudaError_t const status = cudaGetDevice(&device); status != cudaSuccess) return status;
    std::atomic<cudaError_t> failed{cudaSuccess};
    {
      std::vector<std::jthread> threads;
      for (unsigned w = 1; w < workers; ++w) {
        threads.emplace_back([&, w] {
          cudaError_t status = cudaSetDevice(device);
          if (status == cudaSuccess) status = work(w, to, from, bytes, stream);
          if (status != cudaSuccess) failed = status;
        });
      }
      if (cudaError_t const status = work(0, to, from, bytes, stream); status != cudaSuccess) failed = status;
    }
    return failed;
  }

  /// Every `workers`-th piece. Waits at the end: the buffers are the next copy's.
  cudaError_t work(unsigned worker, std::byte* to, std::byte const* from, std::size_t bytes, cudaStream_t stream) {
    std::array<cudaEvent_t, buffers> read{};
    cudaError_t status = cudaSuccess;
    for (cudaEvent_t& event : read) {
      if (status == cudaSuccess) status = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    }
    std::size_t turn = 0;
    for (std::size_t at = worker * piece; at < bytes && status == cudaSuccess; at += workers * piece, ++turn) {
      std::byte* const buffer = memory_ + (worker * buffers + turn % buffers) * piece;
      std::size_t const size = std::min(piece, bytes - at);
      status = cudaEventSynchronize(read[turn % buffers]);  // at once, where nothing was recorded
      if (status != cudaSuccess) break;
      std::memcpy(buffer, from + at, size);
      status = cudaMemcpyAsync(to + at, buffer, size, cudaMemcpyHostToDevice, stream);
      if (status == cudaSuccess) status = cudaEventRecord(read[turn % buffers], stream);
    }
    for (cudaEvent_t const event : read) {
      if (event == nullptr) continue;
      cudaError_t const waited = cudaEventSynchronize(event);
      if (status == cudaSuccess) status = waited;
      static_cast<void>(cudaEventDestroy(event));
    }
    return status;
  }

  std::mutex mutex_;
  std::byte* memory_ = nullptr;  // given back with the process: CUDA may be gone before a destructor of ours runs
};

}  // namespace ashlar::detail
