// tests/kernels/cuda/checked_device.hpp: kernels for the GPU on the CPU, in several orders, with guarded buffers.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/device/cpu_launcher.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "device.hpp"

namespace cuda_test {

class CheckedDevice {
 public:
  /// Elements behind a buffer that show what was written there.
#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::size_t behind = 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  static constexpr std::size_t behind = 0;
#else
  static constexpr std::size_t behind = 16;
#endif
#else
  static constexpr std::size_t behind = 16;
#endif

  /// n elements behind `shift` elements that nobody may touch. Nothing lies behind the last one: the address sanitizer
  /// sees what reads or writes there.
  template <class T>
  struct Buffer {
    T* at = nullptr;
    std::size_t n = 0;
    T* data() const { return at; }
  };

  [[nodiscard]] ashlar::kernels::device::CheckedLauncher& launcher() { return launcher_; }

  template <class T>
  Buffer<T> upload(std::vector<T> const& values, std::size_t shift = 0) {
    std::size_t const bytes = (values.size() + shift + behind) * sizeof(T);
    auto& memory = memory_.emplace_back(Memory{std::unique_ptr<unsigned char[]>(new unsigned char[bytes]), bytes});
    std::memset(memory.data.get(), guard, bytes);
    T* const at = reinterpret_cast<T*>(memory.data.get()) + shift;
    if (!values.empty()) std::memcpy(at, values.data(), values.size() * sizeof(T));
    memory.first = shift * sizeof(T);
    memory.last = memory.first + values.size() * sizeof(T);
    launcher_.watch(at, values.size() * sizeof(T));
    return {at, values.size()};
  }
  template <class T>
  std::vector<T> download(Buffer<T> const& buffer) const {
    return std::vector<T>(buffer.at, buffer.at + buffer.n);
  }

  /// Looks at the guards, and hands what the executor found to failures.
  void finish(Failures& failures) {
    for (Memory const& m : memory_) {
      for (std::size_t i = 0; i < m.bytes; ++i) {
        if ((i < m.first || i >= m.last) && m.data[i] != guard) {
          launcher_.found().add(ashlar::kernels::device::Fault::guard, "bytes next to a buffer were written");
          break;
        }
      }
    }
    if (!launcher_.found().none()) failures.add(launcher_.found().text());
  }

 private:
  static constexpr unsigned char guard = 0xfe;  // -1.7e38 as float
  struct Memory {
    std::unique_ptr<unsigned char[]> data;
    std::size_t bytes;
    std::size_t first = 0;
    std::size_t last = 0;
  };
  ashlar::kernels::device::CheckedLauncher launcher_;
  std::vector<Memory> memory_;
};

}  // namespace cuda_test
