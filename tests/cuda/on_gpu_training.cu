// tests/cuda/on_gpu_training.cu: the tests of training on a CUDA device, on the machine's own.
// SPDX-License-Identifier: BSL-1.0
#include "training_test.cpp"
