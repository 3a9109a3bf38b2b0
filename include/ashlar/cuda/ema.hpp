// Ashlar: the moving average of a network on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/forward.hpp>
#include <ashlar/kernels/optimizer/cuda.cuh>
#include <ashlar/train/ema.hpp>

#include <cstddef>

namespace ashlar {

/// A moving average that lies on a device, beside the network it follows. The host's object stays what it was: it has
/// the decay and counts the updates, and a checkpoint holds it, after `to_host`.
///
///   auto average = make<ExponentialAverage<MLP>>();
///   CudaExponentialAverage on_gpu(*average, Cuda{0});   // goes on from what it finds
///   on_gpu.update(gpu);                                 // after each step
///   on_gpu.average()(x);                                // the averaged network, on the device
///
/// Memory  sizeof(Net) on the device.
/// Cost    an update is one kernel for each trainable run and a copy for what lies between them; nobody waits. The
///         first copies the network whole.
/// Errors  run time: device.
/// Note    the host's average must outlive it.
template <class Net>
class CudaExponentialAverage {
 public:
  CudaExponentialAverage(ExponentialAverage<Net>& average, Cuda device)
      : host_(&average), average_(to(*average.average, device)) {}

  void update(CudaOwned<Net> const& net) {
    int const ordinal = detail::same_ordinal(average_, net);
    if (host_->n_averaged++ == 0) {
      average_ = to(net, Cuda{ordinal});
      return;
    }
    copy_untrained(net);
    detail::CudaLauncher on(detail::current_stream(ordinal));
    detail::for_each_in<Net>(trainable_runs<Net>(), [&]<class T>(Run const& run) {
      T const* const p = detail::elements_at<T>(*static_cast<Net const*>(net.device_data()), run);
      kernels::cuda::ema(on, run.count, host_->decay, p, detail::elements_at<T>(*average_.device_data(), run));
    });
  }

  [[nodiscard]] CudaOwned<Net> const& average() const { return average_; }

  /// Copies the average into the host's object. Waits for the device.
  void to_host() const { average_.memory().copy_to_host(&*host_->average).value(); }

 private:
  /// Neighbours in one copy, with the padding between them, which is zero in both.
  void copy_untrained(CudaOwned<Net> const& net) {
    std::size_t first = 0;
    std::size_t last = 0;
    auto const copy = [&] {
      if (first == last) return;
      auto* const to = reinterpret_cast<std::byte*>(average_.device_data()) + first;
      auto const* const from = reinterpret_cast<std::byte const*>(net.device_data()) + first;
      detail::cuda_driver->between(average_.ordinal(), to, net.ordinal(), from, last - first).value();
      first = last;
    };
    for (Row const& row : detail::rows_in_memory<Net>) {
      if (row.bytes == 0) continue;
      if (row.is_trained()) {
        copy();
        continue;
      }
      if (first == last) first = row.offset;
      last = row.offset + row.bytes;
    }
    copy();
  }

  ExponentialAverage<Net>* host_;
  CudaOwned<Net> average_;
};

}  // namespace ashlar
