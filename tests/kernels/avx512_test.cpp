// tests/kernels/avx512_test.cpp: the AVX-512 code, with its own vector width, shuffles and tiles, compiled for the
// compiler's own target, so that it is tested on machines without AVX-512.  SPDX-License-Identifier: BSL-1.0
#define ASHLAR_EMULATE_AVX512
#define ASHLAR_TEST_SUFFIX " (AVX-512 code, emulated)"
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#include "linear_test.cpp"
#include "matmul_test.cpp"
