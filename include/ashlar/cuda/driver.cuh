// Ashlar: what the host part asks of CUDA, by the runtime API. For units that can include cuda_runtime.h; a host
// compiler will do. One unit of a program sets `detail::cuda_driver` to it: codegen/cmake/ashlar_cuda.cpp, by the
// target ashlar::cuda.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/devices.hpp>
#include <ashlar/cuda/staging.cuh>

#include <cuda_runtime.h>

#ifdef CUDA_API_PER_THREAD_DEFAULT_STREAM
#error "ashlar: the device's own stream is the legacy one here: compile without --default-stream per-thread"
#endif

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// "cudaMallocAsync of 4096 bytes on cuda:1: out of memory (cudaErrorMemoryAllocation)"
inline Error cuda_error(cudaError_t status, std::string what, std::vector<std::string> advice = {}) {
  static_cast<void>(cudaGetLastError());  // or the next call that fails without an error of its own would show it
  what.append(": ").append(cudaGetErrorString(status)).append(" (").append(cudaGetErrorName(status)).append(")");
  return Error(Errc::device, std::move(what), std::move(advice));
}
inline std::string on_device(std::string call, int ordinal) {
  return call.append(" on ").append(to_string(Cuda{ordinal}));
}
inline std::string of_bytes(char const* call, std::size_t bytes, int ordinal) {
  return on_device(std::string(call).append(" of ").append(std::to_string(bytes)).append(" bytes"), ordinal);
}
inline Result<void> cuda_result(cudaError_t status, char const* call, std::size_t bytes, int ordinal) {
  if (status == cudaSuccess) return {};
  return cuda_error(status, of_bytes(call, bytes, ordinal));
}

/// The device that this thread's calls of CUDA are about, and the one before it again.
class CudaDeviceGuard {
 public:
  explicit CudaDeviceGuard(int ordinal) : status_(cudaGetDevice(&before_)) {
    bool const other = status_ == cudaSuccess && before_ != ordinal;
    if (other) status_ = cudaSetDevice(ordinal);
    if (!other || status_ != cudaSuccess) before_ = -1;
  }
  CudaDeviceGuard(CudaDeviceGuard const&) = delete;
  CudaDeviceGuard& operator=(CudaDeviceGuard const&) = delete;
  ~CudaDeviceGuard() {
    if (before_ >= 0) static_cast<void>(cudaSetDevice(before_));
  }
  /// Error: device, if it cannot be used.
  [[nodiscard]] Result<void> done(int ordinal) const {
    if (status_ == cudaSuccess) return {};
    return cuda_error(status_, on_device("cudaSetDevice", ordinal));
  }

 private:
  int before_ = -1;
  cudaError_t status_;
};

/// Memory comes from and goes back to the device's pool in the order of the stream in use, so that giving memory back
/// waits for nobody. A copy from pageable memory comes back when it has been read (staging.cuh), one from pinned memory
/// when it is done.
struct RuntimeDriver {
  static int count() {
    int n = 0;
    if (cudaGetDeviceCount(&n) == cudaSuccess) return n;
    static_cast<void>(cudaGetLastError());  // no driver, or none that works: no device
    return 0;
  }

  static Result<void*> allocate(int ordinal, std::size_t bytes) {
    CudaDeviceGuard const here(ordinal);
    if (auto set = here.done(ordinal); !set) return std::move(set).error();
    if (auto kept = keep_pool(ordinal); !kept) return std::move(kept).error();
    void* memory = nullptr;
    cudaError_t const status = cudaMallocAsync(&memory, bytes, stream(ordinal));
    if (status == cudaSuccess) return memory;
    Error error = cuda_error(status, of_bytes("cudaMallocAsync", bytes, ordinal));
    std::size_t free = 0;
    std::size_t total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) return error;
    return Error(Errc::device, error.headline(),
                 {std::to_string(free) + " of " + std::to_string(total) + " bytes are free on this device"});
  }
  static void deallocate(int ordinal, void* memory) {
    CudaDeviceGuard const here(ordinal);
    static_cast<void>(cudaFreeAsync(memory, stream(ordinal)));  // what can fail here has failed before
  }

  static Result<void> to_device(int ordinal, void* to, void const* from, std::size_t bytes) {
    CudaDeviceGuard const here(ordinal);
    if (auto set = here.done(ordinal); !set) return set;
    cudaStream_t const queue = stream(ordinal);
    cudaError_t status = cudaSuccess;
    if (is_pinned(from)) {
      status = cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, queue);
      if (status == cudaSuccess) status = cudaStreamSynchronize(queue);
    } else if (bytes >= Staging::least) {
      status = Staging::copy(to, from, bytes, queue);
    } else {
      status = PinnedRing::copy(ordinal, to, from, bytes, queue);
    }
    return cuda_result(status, "a copy to the device", bytes, ordinal);
  }
  static Result<void> to_host(int ordinal, void* to, void const* from, std::size_t bytes) {
    CudaDeviceGuard const here(ordinal);
    if (auto set = here.done(ordinal); !set) return set;
    cudaError_t status = cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream(ordinal));
    if (status == cudaSuccess) status = cudaStreamSynchronize(stream(ordinal));
    return cuda_result(status, "a copy from the device", bytes, ordinal);
  }
  static Result<void> between(int to_ordinal, void* to, int from_ordinal, void const* from, std::size_t bytes) {
    bool const same = to_ordinal == from_ordinal;
    // The memory was taken in the other device's stream: only when that has come so far may this one write to it.
    if (!same) {
      if (auto there = wait(to_ordinal, stream(to_ordinal)); !there) return there;
    }
    CudaDeviceGuard const here(from_ordinal);
    if (auto set = here.done(from_ordinal); !set) return set;
    cudaStream_t const queue = stream(from_ordinal);
    if (same) {
      return cuda_result(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, queue), "a copy on the device",
                         bytes, to_ordinal);
    }
    cudaError_t status = cudaMemcpyPeerAsync(to, to_ordinal, from, from_ordinal, bytes, queue);
    if (status == cudaSuccess) status = cudaStreamSynchronize(queue);
    return cuda_result(status, "a copy from another device", bytes, to_ordinal);
  }
  static Result<void> clear(int ordinal, void* memory, std::size_t bytes) {
    CudaDeviceGuard const here(ordinal);
    if (auto set = here.done(ordinal); !set) return set;
    return cuda_result(cudaMemsetAsync(memory, 0, bytes, stream(ordinal)), "cudaMemsetAsync", bytes, ordinal);
  }

  static Result<CudaInfo> info(int ordinal) {
    CudaDeviceGuard const here(ordinal);
    if (auto set = here.done(ordinal); !set) return std::move(set).error();
    cudaDeviceProp properties{};
    cudaError_t status = cudaGetDeviceProperties(&properties, ordinal);
    CudaInfo out;
    if (status == cudaSuccess) status = cudaMemGetInfo(&out.free_bytes, &out.total_bytes);
    if (status != cudaSuccess) return cuda_error(status, on_device("cudaMemGetInfo", ordinal));
    out.name = properties.name;
    out.major = properties.major;
    out.minor = properties.minor;
    return out;
  }

  static Result<void*> make_stream(int ordinal) {
    CudaDeviceGuard const here(ordinal);
    if (auto set = here.done(ordinal); !set) return std::move(set).error();
    cudaStream_t made = nullptr;
    cudaError_t const status = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
    if (status != cudaSuccess) return cuda_error(status, on_device("cudaStreamCreateWithFlags", ordinal));
    return static_cast<void*>(made);
  }
  static void destroy_stream(int ordinal, void* made) {
    CudaDeviceGuard const here(ordinal);
    static_cast<void>(cudaStreamDestroy(static_cast<cudaStream_t>(made)));  // its work goes on to the end
  }
  static Result<void> wait(int ordinal, void* on) {
    CudaDeviceGuard const here(ordinal);
    if (auto set = here.done(ordinal); !set) return set;
    cudaError_t const status = cudaStreamSynchronize(static_cast<cudaStream_t>(on));
    if (status == cudaSuccess) return {};
    return cuda_error(status, on_device("work", ordinal), {"compute-sanitizer says which kernel did it"});
  }

 private:
  static cudaStream_t stream(int ordinal) { return static_cast<cudaStream_t>(stream_on(ordinal)); }

  static bool is_pinned(void const* host) {
    cudaPointerAttributes attributes{};
    bool const known = cudaPointerGetAttributes(&attributes, host) == cudaSuccess;
    if (!known) static_cast<void>(cudaGetLastError());
    return known && attributes.type == cudaMemoryTypeHost;
  }

  /// The pool keeps what is given back, instead of handing it to the system whenever somebody waits for the device.
  static Result<void> keep_pool(int ordinal) {
    static thread_local std::vector<bool> done;
    auto const at = static_cast<std::size_t>(ordinal);
    if (at < done.size() && done[at]) return {};
    cudaMemPool_t pool = nullptr;
    cudaError_t status = cudaDeviceGetDefaultMemPool(&pool, ordinal);
    std::uint64_t all = UINT64_MAX;
    if (status == cudaSuccess) status = cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all);
    if (status != cudaSuccess) {
      return cuda_error(status, on_device("the memory pool", ordinal),
                        {"Ashlar needs a driver and a device with stream-ordered memory, cudaMallocAsync"});
    }
    if (done.size() <= at) done.resize(at + 1);
    done[at] = true;
    return {};
  }
};

inline constexpr CudaDriver runtime_driver{
    RuntimeDriver::count,       RuntimeDriver::allocate,       RuntimeDriver::deallocate, RuntimeDriver::to_device,
    RuntimeDriver::to_host,     RuntimeDriver::between,        RuntimeDriver::clear,      RuntimeDriver::info,
    RuntimeDriver::make_stream, RuntimeDriver::destroy_stream, RuntimeDriver::wait};

}  // namespace ashlar::detail
