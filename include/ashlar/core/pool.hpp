// Ashlar: memory for tensors whose size is known only at run time.  SPDX-License-Identifier: BSL-1.0
//
// Inference must not allocate once it is warm, yet `net(x)` returns values. So freed blocks are kept, per thread, in
// lists by size class (powers of two from 64 bytes), and the next tensor of that class takes one back: a few
// instructions, no lock, no system call. A block freed on another thread joins that thread's lists.
#pragma once

#include <ashlar/core/language.hpp>

#include <bit>
#include <cstddef>
#include <new>

namespace ashlar::detail {

/// Alignment of every tensor in memory, in files and on devices: a cache line, and an AVX-512 vector.
inline constexpr std::size_t tensor_alignment = 64;

class Pool {
 public:
  Pool() = default;
  Pool(Pool const&) = delete;
  Pool& operator=(Pool const&) = delete;
  ~Pool() {
    for (std::size_t c = 0; c < class_count; ++c) {
      while (Block* b = free_[c]) {
        free_[c] = b->next;
        release(b);
      }
    }
    alive() = false;
  }

  static void* allocate(std::size_t bytes) {
    std::size_t const c = size_class(bytes);
    if (c < class_count && alive()) {
      Pool& pool = of_this_thread();
      if (Block* b = pool.free_[c]) {
        pool.free_[c] = b->next;
        pool.kept_ -= class_bytes(c);
        return b;
      }
    }
    return ::operator new(c < class_count ? class_bytes(c) : bytes, std::align_val_t{tensor_alignment});
  }

  static void deallocate(void* p, std::size_t bytes) noexcept {
    std::size_t const c = size_class(bytes);
    if (c < class_count && alive()) {
      Pool& pool = of_this_thread();
      if (pool.kept_ + class_bytes(c) <= keep_at_most) {
        auto* b = ::new (p) Block{pool.free_[c]};
        pool.free_[c] = b;
        pool.kept_ += class_bytes(c);
        return;
      }
    }
    release(p);
  }

 private:
  struct Block {
    Block* next;
  };
  static constexpr std::size_t class_count = 21;                       // 64 B ... 64 MiB; larger ones are not kept
  static constexpr std::size_t keep_at_most = std::size_t{256} << 20;  // per thread

  static std::size_t size_class(std::size_t bytes) {
    return bytes <= 64 ? 0 : static_cast<std::size_t>(std::bit_width(bytes - 1)) - 6;
  }
  static std::size_t class_bytes(std::size_t c) { return std::size_t{64} << c; }
  static void release(void* p) noexcept { ::operator delete(p, std::align_val_t{tensor_alignment}); }

  static Pool& of_this_thread() {
    thread_local Pool pool;
    return pool;
  }
  /// Tensors with static storage may outlive their thread's pool; a trivially destructible flag outlives both.
  static bool& alive() {
    thread_local bool flag = true;
    return flag;
  }

  Block* free_[class_count]{};
  std::size_t kept_ = 0;
};

}  // namespace ashlar::detail
