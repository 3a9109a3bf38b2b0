// tests/cuda/on_gpu_keys.cu: Named, Tied and Frozen members on the machine's own CUDA device, and all of Ashlar in one
// unit of nvcc.  SPDX-License-Identifier: BSL-1.0
#include "keys_test.cpp"
