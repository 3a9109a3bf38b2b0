// tests/cuda/fake_runtime.hpp: CUDA's runtime without a GPU, for tests of what is asked of it. What a stream is given
// is done when somebody waits for it, and not before, so that what needs a wait and has none shows; kernels are noted.
// SPDX-License-Identifier: BSL-1.0
//
// The functions are defined in the one unit of the host's compiler that includes this: to nvcc's they are given.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace fake {

struct Event {
  int device = 0;
  cudaStream_t stream = nullptr;
  bool pending = false;
};

/// A launch of a kernel with one pointer as its argument.
struct Launch {
  dim3 grid;
  dim3 block;
  cudaStream_t stream = nullptr;
  void const* argument = nullptr;
};

struct Runtime {
  std::recursive_mutex mutex;
  std::map<std::pair<int, cudaStream_t>, std::deque<std::function<void()>>> queues;
  std::map<unsigned char const*, std::size_t> pinned;
  std::set<void const*> managed;
  int devices = 2;
  int broken = -1;  ///< a device that cannot be set
  bool full = false;
  int waits = 0;  ///< for streams, and for events that were not there yet
  int allocations = 0;
  cudaError_t last = cudaSuccess;
  int launches = 0;
  Launch launch;                         ///< the last
  cudaError_t of_launches = cudaSuccess;
  int capability = 90;                   ///< of the devices
  int code = 90;                         ///< that kernels are compiled for
  inline static thread_local int device = 0;

  cudaError_t fail(cudaError_t error) { return last = error; }
  void put(cudaStream_t stream, std::function<void()> work) { queues[{device, stream}].push_back(std::move(work)); }
  /// Works off a queue while there is a reason to.
  template <class While>
  void work(int on, cudaStream_t stream, While const& more) {
    auto& queue = queues[{on, stream}];
    while (!queue.empty() && more()) {
      auto const next = std::move(queue.front());
      queue.pop_front();
      next();
    }
  }
  [[nodiscard]] bool is_pinned(void const* p) const {
    auto block = pinned.upper_bound(static_cast<unsigned char const*>(p));
    if (block == pinned.begin()) return false;
    --block;
    return static_cast<unsigned char const*>(p) < block->first + block->second;
  }
};
inline Runtime runtime;
using Lock = std::lock_guard<std::recursive_mutex>;

}  // namespace fake

#ifndef __CUDACC__

extern "C" {

cudaError_t cudaGetDeviceCount(int* n) { return *n = fake::runtime.devices, cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { return *device = fake::Runtime::device, cudaSuccess; }
cudaError_t cudaSetDevice(int device) {
  fake::Lock const lock(fake::runtime.mutex);
  if (device == fake::runtime.broken) return fake::runtime.fail(cudaErrorDevicesUnavailable);
  return fake::Runtime::device = device, cudaSuccess;
}
cudaError_t cudaGetLastError() {
  fake::Lock const lock(fake::runtime.mutex);
  return std::exchange(fake::runtime.last, cudaSuccess);
}
char const* cudaGetErrorName(cudaError_t e) { return e == cudaErrorMemoryAllocation ? "memory" : "device"; }
char const* cudaGetErrorString(cudaError_t) { return "refused"; }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) { return *free = 1, *total = 2, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int) { return cudaSuccess; }
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t*, int) { return cudaSuccess; }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMallocAsync(void** p, std::size_t bytes, cudaStream_t) {
  fake::Lock const lock(fake::runtime.mutex);
  if (fake::runtime.full) return fake::runtime.fail(cudaErrorMemoryAllocation);
  ++fake::runtime.allocations;
  return *p = std::malloc(bytes), cudaSuccess;
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  fake::runtime.put(stream, [p] { std::free(p); });
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** p, std::size_t bytes) {
  fake::Lock const lock(fake::runtime.mutex);
  *p = std::malloc(bytes);
  fake::runtime.pinned[static_cast<unsigned char*>(*p)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, void const* p) {
  fake::Lock const lock(fake::runtime.mutex);
  a->type = fake::runtime.is_pinned(p)          ? cudaMemoryTypeHost
            : fake::runtime.managed.contains(p) ? cudaMemoryTypeManaged
                                                : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  fake::runtime.put(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemcpyPeerAsync(void* to, int, void const* from, int, std::size_t bytes, cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
}
cudaError_t cudaMemsetAsync(void* p, int value, std::size_t bytes, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  fake::runtime.put(stream, [=] { std::memset(p, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  ++fake::runtime.waits;
  fake::runtime.work(fake::Runtime::device, stream, [] { return true; });
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return *stream = static_cast<cudaStream_t>(std::malloc(1)), cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return std::free(stream), cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new fake::Event{fake::Runtime::device});
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete reinterpret_cast<fake::Event*>(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  auto* const e = reinterpret_cast<fake::Event*>(event);
  if (e->device != fake::Runtime::device) return fake::runtime.fail(cudaErrorInvalidResourceHandle);
  e->stream = stream;
  e->pending = true;
  fake::runtime.put(stream, [e] { e->pending = false; });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  fake::Lock const lock(fake::runtime.mutex);
  auto* const e = reinterpret_cast<fake::Event*>(event);
  if (!e->pending) return cudaSuccess;
  ++fake::runtime.waits;
  fake::runtime.work(e->device, e->stream, [&] { return e->pending; });
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(void const*, dim3 grid, dim3 block, void** arguments, std::size_t, cudaStream_t stream) {
  if (fake::runtime.of_launches != cudaSuccess) return fake::runtime.fail(fake::runtime.of_launches);
  ++fake::runtime.launches;
  fake::runtime.launch = {grid, block, stream, *static_cast<void const* const*>(arguments[0])};
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, void const*) {
  return a->ptxVersion = fake::runtime.code, cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int) {
  int const capability = fake::runtime.capability;
  return *value = which == cudaDevAttrComputeCapabilityMajor ? capability / 10 : capability % 10, cudaSuccess;
}

// What nvcc 13 makes of a kernel asks for these; nothing goes through them.
void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 0; }
void __cudaRegisterFunction(void**, char const*, char*, char const*, int, uint3*, uint3*, dim3*, dim3*, int*) {}
cudaError_t __cudaGetKernel(cudaKernel_t*, void const*) { return cudaSuccess; }
cudaError_t __cudaLaunchKernel(cudaKernel_t, dim3, dim3, void**, std::size_t, cudaStream_t) {
  return cudaErrorNotSupported;
}
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*) { return cudaErrorNotSupported; }

}  // extern "C"

#endif
