// tests/cuda/on_gpu.cu: the tests of networks on a CUDA device, on the machine's own.  SPDX-License-Identifier: BSL-1.0
#define CATCH_CONFIG_MAIN
#include "forward_test.cpp"
