// Ashlar: checksums of files, XXH3-64.  SPDX-License-Identifier: BSL-1.0
#pragma once

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar::detail {

/// XXH3-64 with seed 0. Finds every flipped bit that tests have tried, and no deliberate forgery.
__attribute__((noinline)) inline std::uint64_t checksum(std::span<std::byte const> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

/// The same for bytes that come in pieces.
class Checksum {
 public:
  Checksum() { XXH3_64bits_reset(&state_); }
  __attribute__((noinline)) void add(void const* bytes, std::size_t size) { XXH3_64bits_update(&state_, bytes, size); }
  [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;
};

}  // namespace ashlar::detail
