// Ashlar: memory that a tape hands out and takes back all at once.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/pool.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace ashlar::detail {

/// A bump allocator. `reset` keeps the chunks, so that a second step of the same size allocates nothing.
class Arena {
 public:
  /// Aligned to 64 bytes, not written.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
    while (current_ < chunks_.size() && chunks_[current_].size - used_ < bytes) {
      ++current_;
      used_ = 0;
    }
    if (current_ == chunks_.size()) {
      std::size_t const size = bytes > first_chunk << chunks_.size() ? bytes : first_chunk << chunks_.size();
      chunks_.push_back({Memory(static_cast<std::byte*>(::operator new(size, std::align_val_t{tensor_alignment}))), size});
      used_ = 0;
    }
    void* const p = chunks_[current_].memory.get() + used_;
    used_ += bytes;
    return p;
  }

  void reset() {
    current_ = 0;
    used_ = 0;
  }

 private:
  struct Delete {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{tensor_alignment}); }
  };
  using Memory = std::unique_ptr<std::byte, Delete>;
  struct Chunk {
    Memory memory;
    std::size_t size;
  };
  static constexpr std::size_t first_chunk = std::size_t{64} << 10;  // doubles with each further chunk

  std::vector<Chunk> chunks_;
  std::size_t current_ = 0;
  std::size_t used_ = 0;
};

}  // namespace ashlar::detail
