// tests/kernels/cuda/gpu_device.cuh: the cases of kernels on a GPU.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/device/stream_launcher.cuh>

#include <cstddef>
#include <cstring>
#include <vector>

#include "device.hpp"

namespace cuda_test {

/// Buffers with guards on both sides, which finish() looks at.
class GpuDevice {
 public:
  template <class T>
  struct Buffer {
    T* at = nullptr;
    std::size_t n = 0;
    T* data() const { return at; }
  };

  GpuDevice() : launcher_(nullptr) {}
  GpuDevice(GpuDevice const&) = delete;
  GpuDevice& operator=(GpuDevice const&) = delete;
  ~GpuDevice() {
    for (Memory const& m : memory_) static_cast<void>(cudaFree(m.data));
  }

  [[nodiscard]] ashlar::kernels::device::StreamLauncher& launcher() { return launcher_; }

  template <class T>
  Buffer<T> upload(std::vector<T> const& values, std::size_t shift = 0) {
    std::vector<unsigned char> bytes(2 * margin + (shift + values.size()) * sizeof(T), guard);
    Memory memory{nullptr, margin + shift * sizeof(T), values.size() * sizeof(T)};
    if (!values.empty()) std::memcpy(bytes.data() + memory.first, values.data(), memory.bytes);
    check(cudaMalloc(&memory.data, bytes.size()));
    memory_.push_back(memory);
    check(cudaMemcpy(memory.data, bytes.data(), bytes.size(), cudaMemcpyHostToDevice));
    return {reinterpret_cast<T*>(static_cast<unsigned char*>(memory.data) + memory.first), values.size()};
  }
  template <class T>
  std::vector<T> download(Buffer<T> const& buffer) const {
    std::vector<T> out(buffer.n);
    check(cudaDeviceSynchronize());
    check(cudaMemcpy(out.data(), buffer.at, buffer.n * sizeof(T), cudaMemcpyDeviceToHost));
    return out;
  }
  void finish(Failures& failures) const {
    for (Memory const& m : memory_) {
      std::vector<unsigned char> bytes(m.first + m.bytes + margin);
      check(cudaMemcpy(bytes.data(), m.data, bytes.size(), cudaMemcpyDeviceToHost));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        if ((i < m.first || i >= m.first + m.bytes) && bytes[i] != guard) {
          failures.add("bytes next to a buffer were written");
          break;
        }
      }
    }
  }

 private:
  static constexpr std::size_t margin = 256;
  static constexpr unsigned char guard = 0xfe;
  struct Memory {
    void* data;
    std::size_t first;
    std::size_t bytes;
  };
  static void check(cudaError_t status) { ashlar::kernels::device::StreamLauncher::check(status, "a test of kernels"); }

  ashlar::kernels::device::StreamLauncher launcher_;
  std::vector<Memory> memory_;
};

/// Runs cases on a device of their own.
template <class Case>
void on_gpu(Failures& failures, Case const& run) {
  GpuDevice device;
  run(device);
  device.finish(failures);
}

}  // namespace cuda_test
