// tests/cuda/on_gpu_layers.cu: the tests of convolutions and other layers on a CUDA device, on the machine's own.
// SPDX-License-Identifier: BSL-1.0
#include "conv_test.cpp"
#include "layers_test.cpp"
