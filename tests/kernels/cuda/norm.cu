// tests/kernels/cuda/norm.cu: the cases of norms, embedding, transpose and PReLU on a GPU.
// SPDX-License-Identifier: BSL-1.0
#include "gpu_device.cuh"
#include "norm_cases.hpp"

namespace cuda_test {

void norm_on_gpu(Failures& failures) {
  for (std::size_t const rows : {1u, 7u, 600u}) {
    on_gpu(failures, [&](GpuDevice& d) {
      layer_norm_case(d, failures, rows, 33);
      layer_norm_case(d, failures, rows, 127);
      rms_norm_case(d, failures, rows, 127);
    });
  }
  for (kernels::Planes const planes : {kernels::Planes{7, 33, 1}, {3, 5, 31}, {2, 3, 63}, {520, 2, 1}}) {
    on_gpu(failures, [&](GpuDevice& d) { batch_norm_case(d, failures, planes); });
  }
  on_gpu(failures, [&](GpuDevice& d) {
    group_norm_case(d, failures, {3, 6, 7}, 2);
    group_norm_case(d, failures, {2, 3, 400}, 1);
    group_norm_case(d, failures, {3, 300, 50}, 300);
    embedding_case(d, failures, 200, 129, 0);
    embedding_case(d, failures, 2000, 4, 1);
    embedding_case(d, failures, 100000, 40, 0, 50021);
    for (std::size_t const n : {1u, 2049u, 300000u}) {
      sort_case(d, failures, n, 255);
      sort_case(d, failures, n, 70000);
    }
    transpose_case(d, failures, 3, 65, 127);
    prelu_case(d, failures, 3, 33, 63, 1);
  });
}

}  // namespace cuda_test
