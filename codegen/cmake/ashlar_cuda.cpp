// Ashlar: the unit of a program by which it can use CUDA devices: the target ashlar::cuda adds it to who links it.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/cuda/driver.cuh>

namespace ashlar::detail {

struct RegisterDriver {
  RegisterDriver() { cuda_driver = &runtime_driver; }
};
static RegisterDriver const before_main;

}  // namespace ashlar::detail
