// Ashlar: checksums of files, XXH3-64.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

// Checksums are the one loop over all data that a save adds to writing. g++ 12 compiles it to 5 GB/s with -O2 and 8
// GB/s with -O3 (baseline x86-64, from the L2 cache of a busy machine; clang 19: 9), and people compile with -O2, or
// -O0.
#if defined(__GNUC__) && !defined(__clang__)
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#ifdef __CUDACC__  // which passes the pragma on, and warns of it
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675
#endif
#pragma GCC push_options
#pragma GCC optimize("O3")
#ifdef __CUDACC__
#pragma nv_diagnostic pop
#endif
#endif
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

namespace ashlar::detail {

/// XXH3-64 with seed 0, of bytes that come in pieces. Finds every flipped bit that tests have tried, and no deliberate
/// forgery.
class Checksum {
 public:
  Checksum() { XXH3_64bits_reset(&state_); }
  __attribute__((noinline)) void add(void const* bytes, std::size_t size) { XXH3_64bits_update(&state_, bytes, size); }
  [[nodiscard]] __attribute__((noinline)) std::uint64_t value() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;
};

/// The same of bytes at hand; not XXH3_64bits, which would be compiled beside the other.
__attribute__((noinline)) inline std::uint64_t checksum(std::span<std::byte const> bytes) {
  Checksum sum;
  sum.add(bytes.data(), bytes.size());
  return sum.value();
}

}  // namespace ashlar::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
