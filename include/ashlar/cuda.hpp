// Ashlar: networks on CUDA devices: inference, training, streams. For host units and for those that nvcc compiles.
// SPDX-License-Identifier: BSL-1.0
//
// No CUDA header is reached from a host unit: kernels are launched by `CudaLauncher::launch`, which a host unit only
// declares and a .cu unit instantiates (docs/cuda.md).
#pragma once

#include <ashlar/core/to.hpp>
#include <ashlar/cuda/ema.hpp>
#include <ashlar/cuda/forward.hpp>
#include <ashlar/cuda/gradients.hpp>
#include <ashlar/cuda/ops/arithmetic.hpp>
#include <ashlar/cuda/ops/attention.hpp>
#include <ashlar/cuda/ops/batch_norm.hpp>
#include <ashlar/cuda/ops/conv.hpp>
#include <ashlar/cuda/ops/embedding.hpp>
#include <ashlar/cuda/ops/linear.hpp>
#include <ashlar/cuda/ops/loss.hpp>
#include <ashlar/cuda/ops/matmul.hpp>
#include <ashlar/cuda/ops/mlp.hpp>
#include <ashlar/cuda/ops/norm.hpp>
#include <ashlar/cuda/ops/pointwise.hpp>
#include <ashlar/cuda/ops/pool.hpp>
#include <ashlar/cuda/ops/prelu.hpp>
#include <ashlar/cuda/ops/recurrent.hpp>
#include <ashlar/cuda/optimizer.hpp>
#include <ashlar/cuda/stream.hpp>
#include <ashlar/cuda/tape.hpp>

#ifdef __CUDACC__
#include <ashlar/cuda/launcher.cuh>
#endif
