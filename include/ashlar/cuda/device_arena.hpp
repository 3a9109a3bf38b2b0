// Ashlar: device memory that is handed out and taken back all at once.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/to.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// grad/arena.hpp on a device: a bump allocator over chunks that are kept, so that a second step of the same size
/// allocates nothing.
class DeviceArena {
 public:
  static constexpr std::size_t alignment = 256;  // what CUDA's own allocations have, which vector loads may count on

  explicit DeviceArena(int ordinal) : ordinal_(ordinal) {}

  /// Where an arena stands: what is handed out after `mark` goes back with `release`.
  struct Mark {
    std::size_t chunk = 0;
    std::size_t used = 0;
  };
  [[nodiscard]] Mark mark() const { return at_; }
  [[nodiscard]] bool is_in_use() const { return at_.chunk != 0 || at_.used != 0; }
  void release(Mark mark) { at_ = mark; }
  void reset() { at_ = {}; }

  /// Aligned, not written. Error: device.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + alignment - 1) / alignment * alignment;
    while (at_.chunk < chunks_.size() && chunks_[at_.chunk].bytes() - at_.used < bytes) at_ = {at_.chunk + 1, 0};
    if (at_.chunk == chunks_.size()) {
      std::size_t size = chunks_.empty() ? first_size : 2 * chunks_.back().bytes();
      if (size < bytes) size = bytes;
      chunks_.push_back(CudaMemory::allocate(Cuda{ordinal_}, size).value());
    }
    void* const p = static_cast<std::byte*>(chunks_[at_.chunk].data()) + at_.used;
    at_.used += bytes;
    return p;
  }

 private:
  static constexpr std::size_t first_size = std::size_t{1} << 20;

  int ordinal_;
  std::vector<CudaMemory> chunks_;
  Mark at_;
};

}  // namespace ashlar::detail
