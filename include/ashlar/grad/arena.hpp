// Ashlar: memory that a tape hands out and takes back all at once.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/pool.hpp>

#include <cstddef>
#include <new>

namespace ashlar::detail {

/// A bump allocator over a list of chunks. `reset` keeps the chunks, so that a second step of the same size allocates
/// nothing.
class Arena {
 public:
  Arena() = default;
  Arena(Arena const&) = delete;
  Arena& operator=(Arena const&) = delete;
  ~Arena() {
    while (first_ != nullptr) {
      Chunk* const next = first_->next;
      ::operator delete(static_cast<void*>(first_), std::align_val_t{tensor_alignment});
      first_ = next;
    }
  }

  /// Aligned to 64 bytes, not written.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
    while (current_ != nullptr && current_->size - used_ < bytes && current_->next != nullptr) {
      current_ = current_->next;
      used_ = 0;
    }
    if (current_ == nullptr || current_->size - used_ < bytes) add_chunk(bytes);
    void* const p = reinterpret_cast<std::byte*>(current_) + sizeof(Chunk) + used_;
    used_ += bytes;
    return p;
  }

  void reset() {
    current_ = first_;
    used_ = 0;
  }

 private:
  struct alignas(tensor_alignment) Chunk {  // its memory follows it
    Chunk* next;
    std::size_t size;
  };
  static constexpr std::size_t first_size = std::size_t{64} << 10;

  /// Behind the current chunk, which is the last; twice as large, or as large as asked for.
  void add_chunk(std::size_t bytes) {
    std::size_t size = current_ == nullptr ? first_size : 2 * current_->size;
    if (size < bytes) size = bytes;
    void* const memory = ::operator new(sizeof(Chunk) + size, std::align_val_t{tensor_alignment});
    auto* const chunk = ::new (memory) Chunk{nullptr, size};
    (current_ == nullptr ? first_ : current_->next) = chunk;
    current_ = chunk;
    used_ = 0;
  }

  Chunk* first_ = nullptr;
  Chunk* current_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace ashlar::detail
