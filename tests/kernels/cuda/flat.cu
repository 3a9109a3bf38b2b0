// tests/kernels/cuda/flat.cu: the cases of flat blocks on a GPU.  SPDX-License-Identifier: BSL-1.0
#include "flat_cases.hpp"
#include "gpu_device.cuh"

namespace cuda_test {

void flat_on_gpu(Failures& failures) {
  for (std::size_t const shift : {0u, 1u}) {
    for (std::size_t const n : {0u, 1u, 7u, 33u, 1000u, 4097u, 5000000u}) {
      on_gpu(failures, [&](GpuDevice& d) {
        map_case(d, failures, kernels::ReLU{}, "relu", n, shift);
        map_case(d, failures, kernels::GELU{}, "gelu", n, shift);
        map_case(d, failures, kernels::Tanh{}, "tanh", n, shift);
        arithmetic_case(d, failures, n, shift);
        convert_case(d, failures, n, shift);
        dropout_case(d, failures, n, shift, 0.3);
      });
      on_gpu(failures, [&](GpuDevice& d) { optimizer_case(d, failures, n, shift); });
      on_gpu(failures, [&](GpuDevice& d) { reduce_case(d, failures, n, shift); });
      on_gpu(failures, [&](GpuDevice& d) { clip_case(d, failures, n, shift); });
    }
  }
  for (std::size_t const rows : {1u, 9u, 513u, 200000u}) {
    on_gpu(failures, [&](GpuDevice& d) { add_rows_case(d, failures, rows, 33); });
  }
}

}  // namespace cuda_test
