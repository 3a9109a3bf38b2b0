// Ashlar: copies from pageable memory to a CUDA device, through pinned memory. For units that can include
// cuda_runtime.h.  SPDX-License-Identifier: BSL-1.0
//
// A GPU reads host memory by itself only where that is pinned. cudaMemcpyAsync takes other memory too, but no longer
// says that it has read it when it comes back (CUDA 13, API synchronization behavior: it "might" and "may"), and where
// a GPU reaches pageable memory it need not. Here the host's memory is free afterwards, and nobody waits for the
// device.
//
// For large copies CUDA has pinned memory of its own, and one thread; four threads that copy pieces in turn are faster,
// and the GPU fetches one piece while the next is copied: the pages of a mapped file, 512 MiB, to an H200: 5 to 6 GB/s
// by cudaMemcpy, 10 to 19 GB/s here. Pinning the file's pages instead (cudaHostRegister) takes 270 to 970 ms for those
// 512 MiB: 0.5 to 1.9 GB/s in all.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace ashlar::detail {

/// A ring of pinned memory for the copies to one device that are not worth threads. It is taken at the first of them,
/// and kept: CUDA may be gone before a destructor of ours runs.
class PinnedRing {
 public:
  static constexpr std::size_t piece = std::size_t{128} << 10;

  /// Copies to the device that this thread uses, which is `ordinal`, in the order of a stream. Comes back when `from`
  /// has been read, and waits for the device only where all pieces are still on their way.
  static cudaError_t copy(int ordinal, void* to, void const* from, std::size_t bytes, cudaStream_t stream) {
    PinnedRing& ring = of(ordinal);
    std::lock_guard const alone(ring.mutex_);
    return ring.copy_pieces(static_cast<std::byte*>(to), static_cast<std::byte const*>(from), bytes, stream);
  }

 private:
  static constexpr std::size_t pieces = 8;

  static PinnedRing& of(int ordinal) {
    static std::mutex mutex;
    static std::vector<std::unique_ptr<PinnedRing>> all;
    std::lock_guard const alone(mutex);
    auto const at = static_cast<std::size_t>(ordinal);
    if (all.size() <= at) all.resize(at + 1);
    if (all[at] == nullptr) all[at] = std::make_unique<PinnedRing>();
    return *all[at];
  }

  cudaError_t copy_pieces(std::byte* to, std::byte const* from, std::size_t bytes, cudaStream_t stream) {
    if (cudaError_t const status = take_memory(); status != cudaSuccess) return status;
    for (std::size_t at = 0; at < bytes; at += piece) {
      std::size_t const size = std::min(piece, bytes - at);
      std::byte* const buffer = memory_ + next_ * piece;
      cudaEvent_t const read = read_[next_];
      next_ = (next_ + 1) % pieces;
      cudaError_t status = cudaEventSynchronize(read);  // at once, where nothing was recorded
      if (status != cudaSuccess) return status;
      std::memcpy(buffer, from + at, size);
      status = cudaMemcpyAsync(to + at, buffer, size, cudaMemcpyHostToDevice, stream);
      if (status == cudaSuccess) status = cudaEventRecord(read, stream);
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }
  cudaError_t take_memory() {
    if (memory_ == nullptr) {
      void* taken = nullptr;
      if (cudaError_t const status = cudaMallocHost(&taken, pieces * piece); status != cudaSuccess) return status;
      memory_ = static_cast<std::byte*>(taken);
    }
    for (cudaEvent_t& event : read_) {
      if (event != nullptr) continue;
      cudaError_t const status = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
      if (status != cudaSuccess) return status;
    }
    return cudaSuccess;
  }

  std::mutex mutex_;
  std::byte* memory_ = nullptr;
  std::array<cudaEvent_t, pieces> read_{};  // behind the copy of a piece
  std::size_t next_ = 0;
};

/// The pinned memory of this process, which is taken at the first large copy and kept, as that of a ring.
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
      auto const share = [&](unsigned worker) {
        cudaError_t status = cudaSetDevice(device);
        if (status == cudaSuccess) status = work(worker, to, from, bytes, stream);
        if (status != cudaSuccess) failed = status;
      };
      std::vector<std::jthread> threads;
      threads.reserve(workers - 1);
      unsigned started = 1;
      try {
        for (; started < workers; ++started) threads.emplace_back(share, started);
      } catch (std::system_error const&) {  // no more threads: this one does the rest
      }
      share(0);
      for (; started < workers; ++started) share(started);
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
  std::byte* memory_ = nullptr;
};

}  // namespace ashlar::detail
