// Ashlar: what the host knows of a network that lies on a device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/owned.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace ashlar::detail {

/// An object of the network's type that has its scalars (p of a Dropout) and whose tensors are never touched, so that
/// it costs the memory of the scalars' pages. The address of a tensor in it tells the address on the device.
class HostShadow {
 public:
  HostShadow() = default;
  HostShadow(HostShadow&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  HostShadow& operator=(HostShadow&& other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
  }
  ~HostShadow() { std::free(memory_); }

  /// The shadow of a T. The first time, zeros on which `fill(T*)` is called; threads may come at once.
  template <class T, class F>
  T* get(F&& fill) {
    void* there = __atomic_load_n(&memory_, __ATOMIC_ACQUIRE);
    if (there == nullptr) {
      HostShadow mine;
      mine.memory_ = std::calloc(1, sizeof(T) + Owned<T>::alignment);
      if (mine.memory_ == nullptr) throw std::bad_alloc();
      fill(aligned<T>(mine.memory_));
      bool const first =
          __atomic_compare_exchange_n(&memory_, &there, mine.memory_, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
      if (first) there = std::exchange(mine.memory_, nullptr);
    }
    return aligned<T>(there);
  }

 private:
  template <class T>
  static T* aligned(void* memory) {
    std::uintptr_t const past = reinterpret_cast<std::uintptr_t>(memory) % Owned<T>::alignment;
    std::size_t const skip = past == 0 ? 0 : Owned<T>::alignment - past;
    return reinterpret_cast<T*>(static_cast<std::byte*>(memory) + skip);
  }

  void* memory_ = nullptr;
};

}  // namespace ashlar::detail
