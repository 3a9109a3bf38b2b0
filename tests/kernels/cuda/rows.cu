// tests/kernels/cuda/rows.cu: the cases of softmax and losses on a GPU.  SPDX-License-Identifier: BSL-1.0
#include "gpu_device.cuh"
#include "row_cases.hpp"

namespace cuda_test {

void rows_on_gpu(Failures& failures) {
  for (std::size_t const rows : {1u, 7u, 4100u}) {
    for (std::size_t const classes : {1u, 10u, 33u, 1025u}) {
      on_gpu(failures, [&](GpuDevice& d) { softmax_case(d, failures, rows, classes); });
      on_gpu(failures, [&](GpuDevice& d) { cross_entropy_case(d, failures, rows, classes); });
    }
  }
  for (std::size_t const classes : {1u, 21u, 200u}) {
    on_gpu(failures, [&](GpuDevice& d) { softmax_case(d, failures, 6000, classes, 1000); });
    on_gpu(failures, [&](GpuDevice& d) { softmax_case(d, failures, 300, classes, 3); });
    on_gpu(failures, [&](GpuDevice& d) { cross_entropy_case(d, failures, 4100, classes, false, 1025); });
  }
  for (std::size_t const n : {0u, 1u, 999u, 50001u}) {
    on_gpu(failures, [&](GpuDevice& d) { loss_case(d, failures, kernels::MseLoss{}, n, n % 2); });
  }
}

}  // namespace cuda_test
