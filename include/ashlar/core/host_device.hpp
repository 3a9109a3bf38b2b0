// Ashlar: the mark of functions that a CUDA kernel may call too.  SPDX-License-Identifier: BSL-1.0
#pragma once

#ifdef __CUDACC__
#define ASHLAR_HOST_DEVICE __host__ __device__
#else
#define ASHLAR_HOST_DEVICE
#endif
