// Ashlar: what is done to gradients on a CUDA device between backward and step.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/launcher.hpp>
#include <ashlar/kernels/optimizer/clip.cuh>
#include <ashlar/train/gradients.hpp>

#include <cstddef>

namespace ashlar {
namespace detail {

/// The norm of all gradients and, if `scale`, the gradients scaled down to max_norm.
template <class Net>
BasicTensor<double, Cuda> norm_on_device(CudaOwned<Net> const& grads, double p, double max_norm, Net* scale) {
  check_norm_type(p);
  int const ordinal = grads.ordinal();
  CudaLauncher on(current_stream(ordinal));
  BasicTensor<double, Cuda> norm(CudaMemory::allocate(Cuda{ordinal}, sizeof(double)).value(), {});
  constexpr std::size_t count = trainable_runs<Net>().size();
  std::size_t parts = 0;
  for (Run const& run : trainable_runs<Net>()) {
    std::size_t const n = kernels::cuda::fold_parts(run.count);
    parts = n > parts ? n : parts;
  }
  auto* const sums = static_cast<double*>(on.workspace((count + 1 + parts) * sizeof(double)));
  double* const factor = sums + count;
  std::size_t at = 0;
  for_each_in<Net>(trainable_runs<Net>(), [&]<class T>(Run const& run) {  // padding inside is zero
    T const* const g = elements_at<T>(*static_cast<Net const*>(grads.device_data()), run);
    kernels::cuda::power_sum(on, run.count, g, p, sums + at++, factor + 1);
  });
  kernels::cuda::norm_of_sums(on, count, static_cast<double const*>(sums), p, max_norm, norm.device_data(),
                              scale != nullptr ? factor : nullptr);
  if (scale == nullptr) return norm;
  for_each_in<Net>(trainable_runs<Net>(), [&]<class T>(Run const& run) {
    kernels::cuda::scale_down(on, run.count, static_cast<double const*>(factor), elements_at<T>(*scale, run));
  });
  return norm;
}

}  // namespace detail

/// The norm of all gradients as one vector, on their device: `norm.item()` waits for it. See train/gradients.hpp.
/// Errors: device; value, if norm_type is not positive.
template <class Net>
[[nodiscard]] BasicTensor<double, Cuda> grad_norm(CudaOwned<Net> const& grads, double norm_type = 2) {
  return detail::norm_on_device<Net>(grads, norm_type, 0, nullptr);
}

/// Scales all gradients by max_norm / (norm + 1e-6) if that is below 1. Returns the norm before, on the device.
///
/// Cost    one read of the gradients, and one pass over them if they are scaled; nobody waits but who asks for the
///         norm's item().
/// Errors  device; value, if norm_type is not positive. A gradient that is infinite or NaN does what it does on the
/// host.
template <class Net>
BasicTensor<double, Cuda> clip_grad_norm_(CudaOwned<Net>& grads, double max_norm, double norm_type = 2) {
  return detail::norm_on_device<Net>(grads, norm_type, max_norm, grads.device_data());
}

/// Each gradient into [-clip_value, clip_value]; NaN stays NaN. Error: device.
template <class Net>
void clip_grad_value_(CudaOwned<Net>& grads, double clip_value) {
  detail::CudaLauncher on(detail::current_stream(grads.ordinal()));
  detail::for_each_in<Net>(trainable_runs<Net>(), [&]<class T>(Run const& run) {
    kernels::cuda::clip_value(on, run.count, static_cast<T>(clip_value),
                              detail::elements_at<T>(*grads.device_data(), run));
  });
}

}  // namespace ashlar
