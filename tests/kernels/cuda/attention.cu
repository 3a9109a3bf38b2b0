// tests/kernels/cuda/attention.cu: the cases of attention on a GPU.  SPDX-License-Identifier: BSL-1.0
#include "attention_cases.hpp"
#include "gpu_device.cuh"

namespace cuda_test {

void attention_on_gpu(Failures& failures) {
  on_gpu(failures, [&](GpuDevice& d) { attention_cases(d, failures); });
  on_gpu(failures, [&](GpuDevice& d) {
    attention_case(d, failures, {4, 6, 200, 300, 72, 130}, true, Masks::flags, false);
    attention_case(d, failures, {40000, 2, 3, 2, 4, 4}, true, Masks::numbers, true);  // more heads than a grid has
  });
}

}  // namespace cuda_test
