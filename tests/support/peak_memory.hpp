// Counts the bytes that a program has from operator new. Included by one unit of a program: it replaces the operators.
// Under the address and thread sanitizers, which bring operators of their own, nothing is counted.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <malloc.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#include "support/forked.hpp"

namespace ashlar::test {

inline std::size_t live_bytes = 0;
inline std::size_t peak_bytes = 0;

/// The most bytes that `f()` had at a time, on top of what there was before.
template <class F>
std::size_t peak_of(F&& f) {
  std::size_t const before = peak_bytes = live_bytes;
  f();
  return peak_bytes - before;
}

inline void* counted(std::size_t size, std::size_t alignment) {
  std::size_t const whole = (size + alignment - 1) / alignment * alignment;
  void* const p = std::aligned_alloc(alignment, whole == 0 ? alignment : whole);
  if (p == nullptr) throw std::bad_alloc();
  live_bytes += ::malloc_usable_size(p);
  if (live_bytes > peak_bytes) peak_bytes = live_bytes;
  return p;
}
inline void uncounted(void* p) {
  live_bytes -= ::malloc_usable_size(p);
  std::free(p);
}

}  // namespace ashlar::test

#if !ASHLAR_TEST_SANITIZED
// Not inlined, because g++ would then take the pair of aligned_alloc and delete for a mistake.
[[gnu::noinline]] void* operator new(std::size_t n) { return ashlar::test::counted(n, alignof(std::max_align_t)); }
[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t a) {
  return ashlar::test::counted(n, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void operator delete(void* p) noexcept { ashlar::test::uncounted(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { ashlar::test::uncounted(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { ashlar::test::uncounted(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { ashlar::test::uncounted(p); }
#endif
