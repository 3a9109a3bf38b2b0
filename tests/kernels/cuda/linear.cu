// tests/kernels/cuda/linear.cu: the cases of linear on a GPU.  SPDX-License-Identifier: BSL-1.0
#include "gpu_device.cuh"
#include "linear_cases.hpp"

namespace cuda_test {

/// Those of sm_80 and later.
bool has_tensor_cores() {
  int major = 0;
  return cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess && major >= 8;
}

void linear_on_gpu(Failures& failures) {
  for (std::size_t const shift : {0u, 1u}) {
    for (std::size_t const rows : {0u, 1u, 63u, 65u, 1000u}) {
      on_gpu(failures, [&](GpuDevice& d) { linear_case<20, 256, float>(d, failures, rows, shift); });
      on_gpu(failures, [&](GpuDevice& d) { linear_case<256, 10, float>(d, failures, rows, shift); });
      on_gpu(failures, [&](GpuDevice& d) { linear_case<33, 31, double>(d, failures, rows, shift); });
      if (rows > 4) on_gpu(failures, [&](GpuDevice& d) { mlp_case<20, 256, 10>(d, failures, rows, shift); });
      if (!has_tensor_cores()) continue;
      on_gpu(failures, [&](GpuDevice& d) {
        tensor_case<kernels::cuda::TensorCores::tf32, 20, 65>(d, failures, rows, shift);
        tensor_case<kernels::cuda::TensorCores::bf16, 33, 17>(d, failures, rows, shift);
      });
    }
  }
  if (!has_tensor_cores()) return;
  on_gpu(failures, [&](GpuDevice& d) {
    tensor_tile_case<kernels::cuda::TensorCores::tf32>(d, failures, 259, 516, 1000);
    tensor_tile_case<kernels::cuda::TensorCores::bf16>(d, failures, 260, 131, 999);
  });
}

}  // namespace cuda_test
