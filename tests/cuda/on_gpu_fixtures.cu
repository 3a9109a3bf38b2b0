// tests/cuda/on_gpu_fixtures.cu: what torch recorded of layers, on the machine's own CUDA device.
// SPDX-License-Identifier: BSL-1.0
#include "fixtures_test.cpp"
