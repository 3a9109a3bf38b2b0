// kernels/isa.hpp: which instruction set the kernels use, and the macros by which each hot kernel is compiled once
// per level in one binary.  SPDX-License-Identifier: BSL-1.0
//
// Level 0 is what the compiler targets anyway (SSE2, NEON, ...), 1 AVX2 with FMA, 2 AVX-512 F, VL, DQ, BW.
// Without -march all levels are compiled and isa() chooses once; with -march=... that has AVX2 or AVX-512 only that
// level exists and the choice costs nothing. CUDA compilers get plain loops.
#pragma once

#include <cstddef>
#include <cstdlib>

// ASHLAR_HAS_k: level k is compiled. ASHLAR_TARGET_k: attribute of its functions. ASHLAR_BYTES_k: vector width.
// Vectors cross functions only where the callee is inlined, so all helpers are always_inline with the same target:
// g++ 12 splits vectors wider than a function's own target before it inlines that function.
#define ASHLAR_TARGET_0
#define ASHLAR_BYTES_0 16
#define ASHLAR_BYTES_1 32
#define ASHLAR_BYTES_2 64
#if defined(__CUDACC__)
#define ASHLAR_HAS_0 0
#define ASHLAR_HAS_1 0
#define ASHLAR_HAS_2 0
#elif (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#define ASHLAR_HAS_0 0
#define ASHLAR_HAS_1 0
#define ASHLAR_HAS_2 1
#define ASHLAR_TARGET_1
#define ASHLAR_TARGET_2
#elif defined(__AVX2__) && defined(__FMA__)
#define ASHLAR_HAS_0 0
#define ASHLAR_HAS_1 1
#define ASHLAR_HAS_2 0
#define ASHLAR_TARGET_1
#define ASHLAR_TARGET_2
#else
#define ASHLAR_HAS_0 1
#define ASHLAR_HAS_1 1
#define ASHLAR_HAS_2 1
#define ASHLAR_TARGET_1 __attribute__((target("avx2,fma")))
#if defined(ASHLAR_EMULATE_AVX512)  // for tests on machines without it: level 2's code for the compiler's own target
#define ASHLAR_TARGET_2
#elif defined(__clang__)
#define ASHLAR_TARGET_2 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"), min_vector_width(512)))
#else
#define ASHLAR_TARGET_2 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
#endif
#endif
#else
#define ASHLAR_HAS_0 1
#define ASHLAR_HAS_1 0
#define ASHLAR_HAS_2 0
#endif

// Two units compiled with different -march must not share one inline function: the linker would keep either.
#if defined(ASHLAR_EMULATE_AVX512)
#define ASHLAR_KERNELS_ABI emulated
#elif ASHLAR_HAS_0 && ASHLAR_HAS_1
#define ASHLAR_KERNELS_ABI dispatched
#elif ASHLAR_HAS_0
#define ASHLAR_KERNELS_ABI baseline_only
#elif defined(__CUDACC__)
#define ASHLAR_KERNELS_ABI portable
#elif ASHLAR_HAS_1
#define ASHLAR_KERNELS_ABI avx2_only
#else
#define ASHLAR_KERNELS_ABI avx512_only
#endif

// Inside a body.hpp, which is included once per level with ASHLAR_LEVEL set:
#define ASHLAR_PASTE_(a, b) a##b
#define ASHLAR_PASTE(a, b) ASHLAR_PASTE_(a, b)
#define ASHLAR_LEVEL_NAMESPACE ASHLAR_PASTE(level_, ASHLAR_LEVEL)
#define ASHLAR_TARGET ASHLAR_PASTE(ASHLAR_TARGET_, ASHLAR_LEVEL)
#define ASHLAR_BYTES ASHLAR_PASTE(ASHLAR_BYTES_, ASHLAR_LEVEL)
#define ASHLAR_INLINE ASHLAR_TARGET __attribute__((always_inline)) inline

// Before a loop of constant, small count over an array of vectors: g++ -O2 unrolls, and so keeps the array in
// registers, only if told to.
#if defined(__clang__)
#define ASHLAR_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define ASHLAR_UNROLL _Pragma("GCC unroll 32")
#else
#define ASHLAR_UNROLL
#endif

// Keeps a vector in a register: g++ would load it anew for each multiply-add that uses it, and loads are the limit.
#if defined(__GNUC__) && !defined(__clang__) && defined(__SSE2__) && !defined(ASHLAR_EMULATE_AVX512)
#define ASHLAR_KEEP(v) asm("" : "+v"(v))
#else
#define ASHLAR_KEEP(v) static_cast<void>(v)
#endif

// Makes a stride or pointer unknown to the optimizer before a tile: g++ would keep the address of each row of the tile
// across the loop over tiles, more addresses than registers, and fetch most from the stack. clang does well without.
#if defined(__GNUC__) && !defined(__clang__)
#define ASHLAR_OPAQUE(n) asm("" : "+r"(n))
#else
#define ASHLAR_OPAQUE(n) static_cast<void>(n)
#endif

// ASHLAR_DISPATCH(f<A, B>(x)): calls detail::level_k::f<A, B>(x) for the level k of this machine.
#if ASHLAR_HAS_0 && ASHLAR_HAS_1
#define ASHLAR_DISPATCH(...)                                                  \
  switch (::ashlar::kernels::isa()) {                                         \
    case ::ashlar::kernels::Isa::avx512: return detail::level_2::__VA_ARGS__; \
    case ::ashlar::kernels::Isa::avx2: return detail::level_1::__VA_ARGS__;   \
    default: return detail::level_0::__VA_ARGS__;                             \
  }
#elif defined(__CUDACC__)
#define ASHLAR_DISPATCH(...) return detail::plain::__VA_ARGS__
#elif ASHLAR_HAS_0
#define ASHLAR_DISPATCH(...) return detail::level_0::__VA_ARGS__
#elif ASHLAR_HAS_1
#define ASHLAR_DISPATCH(...) return detail::level_1::__VA_ARGS__
#else
#define ASHLAR_DISPATCH(...) return detail::level_2::__VA_ARGS__
#endif

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {

/// What the kernels run on. unknown: not asked yet.
enum class Isa : int { unknown = -1, baseline = 0, avx2 = 1, avx512 = 2 };

/// The best level that is compiled in and that this machine runs.
inline Isa best_isa() noexcept {
#if defined(ASHLAR_EMULATE_AVX512)
  return Isa::avx512;
#elif ASHLAR_HAS_0 && ASHLAR_HAS_1
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw")) {
      return Isa::avx512;
    }
    return Isa::avx2;
  }
  return Isa::baseline;
#else
  return ASHLAR_HAS_2 ? Isa::avx512 : ASHLAR_HAS_1 ? Isa::avx2 : Isa::baseline;
#endif
}

namespace detail {

inline constinit int chosen_isa = static_cast<int>(Isa::unknown);

inline Isa choose_isa() noexcept {
  int level = static_cast<int>(best_isa());
#if ASHLAR_HAS_0 && ASHLAR_HAS_1
  if (char const* wish = std::getenv("ASHLAR_ISA")) {
    int const most = wish[0] == 'b' ? 0 : wish[0] == 'a' && wish[1] == 'v' && wish[2] == 'x' && wish[3] == '2' ? 1 : 2;
    if (most < level) level = most;
  }
#endif
  __atomic_store_n(&chosen_isa, level, __ATOMIC_RELAXED);  // every thread finds the same
  return static_cast<Isa>(level);
}

}  // namespace detail

/// The level in use: best_isa(), unless ASHLAR_ISA=baseline|avx2|avx512 in the environment asks for less.
inline Isa isa() noexcept {
  int const level = __atomic_load_n(&detail::chosen_isa, __ATOMIC_RELAXED);
  return level >= 0 ? static_cast<Isa>(level) : detail::choose_isa();
}

/// Sets the level, for tests; more than the machine has is lowered to best_isa(). Returns what isa() is now.
inline Isa set_isa(Isa wanted) noexcept {
  int const best = static_cast<int>(best_isa());
  int level = static_cast<int>(wanted) < best ? static_cast<int>(wanted) : best;
#if !(ASHLAR_HAS_0 && ASHLAR_HAS_1)
  level = best;
#endif
  __atomic_store_n(&detail::chosen_isa, level, __ATOMIC_RELAXED);
  return static_cast<Isa>(level);
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
