// tests/cuda/fake_runtime.hpp: CUDA's runtime without a GPU, for tests of cuda/driver.cuh: what a stream is given is
// done when somebody waits for it, and not before, so that what needs a wait and has none shows.
// SPDX-License-Identifier: BSL-1.0
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

extern "C" {

inline cudaError_t cudaGetDeviceCount(int* n) { return *n = fake::runtime.devices, cudaSuccess; }
inline cudaError_t cudaGetDevice(int* device) { return *device = fake::Runtime::device, cudaSuccess; }
inline cudaError_t cudaSetDevice(int device) {
  fake::Lock const lock(fake::runtime.mutex);
  if (device == fake::runtime.broken) return fake::runtime.fail(cudaErrorDevicesUnavailable);
  return fake::Runtime::device = device, cudaSuccess;
}
inline cudaError_t cudaGetLastError() {
  fake::Lock const lock(fake::runtime.mutex);
  return std::exchange(fake::runtime.last, cudaSuccess);
}
inline char const* cudaGetErrorName(cudaError_t e) { return e == cudaErrorMemoryAllocation ? "memory" : "device"; }
inline char const* cudaGetErrorString(cudaError_t) { return "refused"; }
inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) { return *free = 1, *total = 2, cudaSuccess; }
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp*, int) { return cudaSuccess; }
inline cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t*, int) { return cudaSuccess; }
inline cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
inline cudaError_t cudaMallocAsync(void** p, std::size_t bytes, cudaStream_t) {
  fake::Lock const lock(fake::runtime.mutex);
  if (fake::runtime.full) return fake::runtime.fail(cudaErrorMemoryAllocation);
  ++fake::runtime.allocations;
  return *p = std::malloc(bytes), cudaSuccess;
}
inline cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  fake::runtime.put(stream, [p] { std::free(p); });
  return cudaSuccess;
}
inline cudaError_t cudaMallocHost(void** p, std::size_t bytes) {
  fake::Lock const lock(fake::runtime.mutex);
  *p = std::malloc(bytes);
  fake::runtime.pinned[static_cast<unsigned char*>(*p)] = bytes;
  return cudaSuccess;
}
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, void const* p) {
  fake::Lock const lock(fake::runtime.mutex);
  a->type = fake::runtime.is_pinned(p)          ? cudaMemoryTypeHost
            : fake::runtime.managed.contains(p) ? cudaMemoryTypeManaged
                                                : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  fake::runtime.put(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyPeerAsync(void* to, int, void const* from, int, std::size_t bytes, cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream);
}
inline cudaError_t cudaMemsetAsync(void* p, int value, std::size_t bytes, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  fake::runtime.put(stream, [=] { std::memset(p, value, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  ++fake::runtime.waits;
  fake::runtime.work(fake::Runtime::device, stream, [] { return true; });
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return *stream = static_cast<cudaStream_t>(std::malloc(1)), cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) { return std::free(stream), cudaSuccess; }
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new fake::Event{fake::Runtime::device});
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete reinterpret_cast<fake::Event*>(event);
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  fake::Lock const lock(fake::runtime.mutex);
  auto* const e = reinterpret_cast<fake::Event*>(event);
  if (e->device != fake::Runtime::device) return fake::runtime.fail(cudaErrorInvalidResourceHandle);
  e->stream = stream;
  e->pending = true;
  fake::runtime.put(stream, [e] { e->pending = false; });
  return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  fake::Lock const lock(fake::runtime.mutex);
  auto* const e = reinterpret_cast<fake::Event*>(event);
  if (!e->pending) return cudaSuccess;
  ++fake::runtime.waits;
  fake::runtime.work(e->device, e->stream, [&] { return e->pending; });
  return cudaSuccess;
}

}  // extern "C"
