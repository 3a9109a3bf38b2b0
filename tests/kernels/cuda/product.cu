// tests/kernels/cuda/product.cu: the cases of matmul, conv and pools on a GPU.
// SPDX-License-Identifier: BSL-1.0
#include "gpu_device.cuh"
#include "product_cases.hpp"

namespace cuda_test {

void product_on_gpu(Failures& failures) {
  for (std::size_t const shift : {0u, 1u}) {
    on_gpu(failures, [&](GpuDevice& d) {
      matmul_case(d, failures, 1, 1, 1, shift);
      matmul_case(d, failures, 65, 17, 127, shift);
      matmul_case(d, failures, 2050, 40, 2050, shift);
      tile_case(d, failures, 132, 260, 20, shift);
    });
  }
  on_gpu(failures, [&](GpuDevice& d) { conv_cases(d, failures); });
  on_gpu(failures, [&](GpuDevice& d) { pool_cases(d, failures); });
}

}  // namespace cuda_test
