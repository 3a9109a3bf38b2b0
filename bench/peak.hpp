// bench/peak.hpp: what one core can do, a loop of multiply-adds on registers.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/isa.hpp>

namespace bench {

#if defined(__x86_64__)
#define BENCH_FMA(r) "vfmadd231ps %%" r "0,%%" r "1,%%" r
#define BENCH_12(r)                                                                                               \
  BENCH_FMA(r)                                                                                                    \
  "2\n" BENCH_FMA(r) "3\n" BENCH_FMA(r) "4\n" BENCH_FMA(r) "5\n" BENCH_FMA(r) "6\n" BENCH_FMA(r) "7\n" BENCH_FMA( \
      r) "8\n" BENCH_FMA(r) "9\n" BENCH_FMA(r) "10\n" BENCH_FMA(r) "11\n" BENCH_FMA(r) "12\n" BENCH_FMA(r) "13\n"
#define BENCH_LOOP(r)                                                                                           \
  for (int i = 0; i < 500; ++i) {                                                                               \
    asm volatile(BENCH_12(r)::                                                                                  \
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                       "xmm11", "xmm12", "xmm13");                                                              \
  }
inline float peak_avx2() {
  asm volatile("vzeroall" ::
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                     "xmm12", "xmm13");
  BENCH_LOOP("ymm")
  asm volatile("vzeroupper");
  return 0;
}
inline float peak_avx512() {
  asm volatile("vzeroall" ::
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                     "xmm12", "xmm13");
  BENCH_LOOP("zmm")
  asm volatile("vzeroupper");
  return 0;
}
#undef BENCH_LOOP
#undef BENCH_12
#undef BENCH_FMA
#endif

/// A run of the peak and its flops; null where the level in use has none.
struct Peak {
  float (*run)() = nullptr;
  double flops = 0;
};
inline Peak fma_peak() {
#if defined(__x86_64__)
  namespace k = ashlar::kernels;
  if (k::isa() == k::Isa::avx2) return {peak_avx2, 500.0 * 12 * 16};
  if (k::isa() == k::Isa::avx512) return {peak_avx512, 500.0 * 12 * 32};
#endif
  return {};
}

}  // namespace bench
