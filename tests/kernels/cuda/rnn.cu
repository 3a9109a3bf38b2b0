// tests/kernels/cuda/rnn.cu: the cases of recurrent layers on a GPU.  SPDX-License-Identifier: BSL-1.0
#include "gpu_device.cuh"
#include "rnn_cases.hpp"

namespace cuda_test {

void rnn_on_gpu(Failures& failures) {
  on_gpu(failures, [&](GpuDevice& d) { rnn_cases(d, failures); });
  on_gpu(failures, [&](GpuDevice& d) { rnn_case<kernels::Lstm, 7, 64>(d, failures, {40, 300, 40, true, false}); });
}

}  // namespace cuda_test
