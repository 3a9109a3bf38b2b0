// Counts what a program asks operator new for. One unit of a program includes this as it is: it replaces the operators.
// Others that count define ASHLAR_TEST_COUNTED_ELSEWHERE before.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace ashlar::test {

/// Calls of operator new by any thread that runs tests; tests run on one.
inline std::size_t allocations = 0;
/// What they asked for, all together and at most at once.
inline std::size_t allocated_bytes = 0;
inline std::size_t largest_allocation = 0;

inline void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  allocated_bytes += size;
  if (size > largest_allocation) largest_allocation = size;
  std::size_t const whole = (size + alignment - 1) / alignment * alignment;
  if (void* const p = std::aligned_alloc(alignment, whole == 0 ? alignment : whole)) return p;
  throw std::bad_alloc();
}

/// How often `f()` calls operator new.
template <class F>
std::size_t allocations_of(F&& f) {
  std::size_t const before = allocations;
  f();
  return allocations - before;
}

}  // namespace ashlar::test

// The thread sanitizer brings operators of its own, which cannot be replaced: there, nothing is counted.
#if defined(__SANITIZE_THREAD__)
#define ASHLAR_TEST_COUNTS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ASHLAR_TEST_COUNTS 0
#endif
#endif
#ifndef ASHLAR_TEST_COUNTS
#define ASHLAR_TEST_COUNTS 1
#endif

#if ASHLAR_TEST_COUNTS && !defined(ASHLAR_TEST_COUNTED_ELSEWHERE)
// Not inlined, because g++ would then take the pair of aligned_alloc and delete for a mistake.
[[gnu::noinline]] void* operator new(std::size_t n) { return ashlar::test::counted(n, alignof(std::max_align_t)); }
[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t a) {
  return ashlar::test::counted(n, static_cast<std::size_t>(a));
}
[[gnu::noinline]] void* operator new(std::size_t n, std::nothrow_t const&) noexcept {
  try {
    return operator new(n);
  } catch (std::bad_alloc const&) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* p, std::nothrow_t const&) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
#endif
