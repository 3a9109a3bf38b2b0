// Ashlar: a file in memory, for headers that only hold one.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <utility>

namespace ashlar::detail {

class InputFile;

/// A file's bytes in memory, read-only, page-aligned; unmapped when it goes out of scope.
///
/// The mapping keeps the file's content even if the path is given another file (as `save` does). A file that someone
/// makes shorter in place, however, kills the program that reads the lost part (SIGBUS): replace files, never edit
/// them.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping() {
    if (address_ != nullptr) ::munmap(address_, size_);
  }

  /// `soon`: the caller reads all of it, from front to back. (io/mapping.hpp)
  static Result<Mapping> map(InputFile const& file, bool soon);

  [[nodiscard]] std::span<std::byte const> bytes() const { return {static_cast<std::byte const*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ashlar::detail
