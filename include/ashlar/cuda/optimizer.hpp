// Ashlar: optimizers on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/launcher.hpp>
#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/optimizer/cuda.cuh>
#include <ashlar/kernels/pointwise/cuda.cuh>
#include <ashlar/train/adam.hpp>
#include <ashlar/train/gradients.hpp>
#include <ashlar/train/rmsprop.hpp>
#include <ashlar/train/sgd.hpp>

#include <cstddef>
#include <type_traits>

namespace ashlar {
namespace detail {

/// What an optimizer is on a device:
///   using Net = ...;                                                    the network it trains
///   static void for_each_state(O& o, f);                                f(state) for each state that it keeps
///   static void step(CudaLauncher& on, O& o, O& state, Net& net, Net const& grads);
///                       o is the host's; the others are on the device, where only their addresses are taken
template <class Optimizer>
struct DeviceStep;

/// Zeros in the padding of runs again, where a step of zeros may not leave zeros: 0 / 0 with eps = 0, -0 with maximize.
template <class Net, class Object>
void clear_gaps_on(int ordinal, Object& object) {
  for (Gap const& gap : gaps<Net>) {
    auto* const at = reinterpret_cast<std::byte*>(&object) + (is_packed<Object> ? gap.packed : gap.offset);
    cuda_driver->clear(ordinal, at, gap.bytes).value();
  }
}

template <class Network, bool amsgrad, bool decoupled, class O>
struct AdamOnDevice {
  using Net = Network;

  template <class F>
  static void for_each_state(O& o, F&& f) {
    f(*o.exp_avg);
    f(*o.exp_avg_sq);
    if constexpr (amsgrad) f(*o.max_exp_avg_sq);
  }
  static void step(CudaLauncher& on, O& o, O& state, Net& net, Net const& grads) {
    ++o.step_count;
    for_each_in<Net>(runs<Net>, [&]<class T>(Run const& run) {
      T* largest = nullptr;
      if constexpr (amsgrad) largest = elements_at<T>(*state.max_exp_avg_sq, run);
      kernels::cuda::adam<T>(on, run.count, adam_settings<T, amsgrad>(o, decoupled), elements_at<T>(net, run),
                             elements_at<T>(grads, run), elements_at<T>(*state.exp_avg, run),
                             elements_at<T>(*state.exp_avg_sq, run), largest);
    });
  }
  static bool keeps_zeros(O const& o) { return !o.maximize && o.eps != 0; }
};
template <class Net, bool amsgrad>
struct DeviceStep<Adam<Net, amsgrad>> : AdamOnDevice<Net, amsgrad, false, Adam<Net, amsgrad>> {};
template <class Net, bool amsgrad>
struct DeviceStep<AdamW<Net, amsgrad>> : AdamOnDevice<Net, amsgrad, true, AdamW<Net, amsgrad>> {};

template <class Network>
struct DeviceStep<SGD<Network>> {
  using Net = Network;
  using O = SGD<Net>;

  template <class F>
  static void for_each_state(O& o, F&& f) {
    f(*o.momentum_buffer);
  }
  static void step(CudaLauncher& on, O& o, O& state, Net& net, Net const& grads) {
    bool const first = o.step_count++ == 0;
    for_each_in<Net>(runs<Net>, [&]<class T>(Run const& run) {
      kernels::cuda::sgd<T>(on, run.count, sgd_settings<T>(o, first), elements_at<T>(net, run),
                            elements_at<T>(grads, run), elements_at<T>(*state.momentum_buffer, run));
    });
  }
  static bool keeps_zeros(O const& o) { return !o.maximize; }
};

template <class Network, bool centered>
struct DeviceStep<RMSprop<Network, centered>> {
  using Net = Network;
  using O = RMSprop<Net, centered>;

  template <class F>
  static void for_each_state(O& o, F&& f) {
    f(*o.square_avg);
    f(*o.momentum_buffer);
    if constexpr (centered) f(*o.grad_avg);
  }
  static void step(CudaLauncher& on, O& o, O& state, Net& net, Net const& grads) {
    ++o.step_count;
    for_each_in<Net>(runs<Net>, [&]<class T>(Run const& run) {
      T* mean = nullptr;
      if constexpr (centered) mean = elements_at<T>(*state.grad_avg, run);
      kernels::cuda::rmsprop<T>(on, run.count, rmsprop_settings<T, centered>(o), elements_at<T>(net, run),
                                elements_at<T>(grads, run), elements_at<T>(*state.square_avg, run), mean,
                                elements_at<T>(*state.momentum_buffer, run));
    });
  }
  static bool keeps_zeros(O const& o) { return !o.maximize && o.eps != 0; }
};

template <class Network>
struct DeviceStep<Adagrad<Network>> {
  using Net = Network;
  using O = Adagrad<Net>;

  template <class F>
  static void for_each_state(O& o, F&& f) {
    f(*o.sum);
  }
  static void step(CudaLauncher& on, O& o, O& state, Net& net, Net const& grads) {
    bool const first = o.step_count++ == 0;
    for_each_in<Net>(runs<Net>, [&]<class T>(Run const& run) {
      T* const sums = elements_at<T>(*state.sum, run);
      if (first && o.initial_accumulator_value != 0) {
        kernels::cuda::fill(on, run.count, static_cast<T>(o.initial_accumulator_value), sums);
      }
      kernels::cuda::adagrad<T>(on, run.count, adagrad_settings<T>(o), elements_at<T>(net, run),
                                elements_at<T>(grads, run), sums);
    });
  }
  static bool keeps_zeros(O const& o) { return !o.maximize && o.eps != 0 && o.initial_accumulator_value == 0; }
};

}  // namespace detail

/// An optimizer whose state lies on a device, beside the network it trains. The host's object stays what it was: it has
/// the hyperparameters and counts the steps, schedulers work on it, and a checkpoint holds it, after `to_host`.
///
///   auto optimizer = make<Adam<MLP>>();
///   CudaOptimizer on_gpu(*optimizer, Cuda{0});      // takes the state it finds along: a run that is resumed goes on
///   on_gpu.step(gpu, grads);
///   on_gpu.to_host();                               // before the checkpoint is saved
///
/// Memory  sizeof(Optimizer) on the device.
/// Cost    a step is one kernel for each trainable run, one in most networks; nobody waits.
/// Errors  compile time: as on the host. run time: device.
/// Note    the host's optimizer must outlive it.
template <class Optimizer>
class CudaOptimizer {
 public:
  using Net = typename detail::DeviceStep<Optimizer>::Net;

  CudaOptimizer(Optimizer& optimizer, Cuda device) : optimizer_(&optimizer), state_(to(optimizer, device)) {}

  void step(CudaOwned<Net>& net, CudaOwned<Net> const& grads) {
    using Step = detail::DeviceStep<Optimizer>;
    int const ordinal = detail::same_ordinal(state_, net, grads);
    detail::CudaLauncher on(detail::current_stream(ordinal));
    Optimizer& state = *state_.device_data();
    Step::step(on, *optimizer_, state, *net.device_data(), *grads.device_data());
    if (Step::keeps_zeros(*optimizer_)) return;
    detail::clear_gaps_on<Net>(ordinal, *net.device_data());
    Step::for_each_state(state, [&](auto& s) { detail::clear_gaps_on<Net>(ordinal, s); });
  }

  /// Copies the state into the host's optimizer. Waits for the device.
  void to_host() const {
    detail::DeviceStep<Optimizer>::for_each_state(*optimizer_, [&](auto& s) {
      std::size_t const offset =
          static_cast<std::size_t>(reinterpret_cast<std::byte*>(&s) - reinterpret_cast<std::byte*>(optimizer_));
      auto const* const from = reinterpret_cast<std::byte const*>(state_.device_data()) + offset;
      detail::cuda_driver->to_host(state_.ordinal(), &s, from, sizeof s).value();
    });
  }

 private:
  Optimizer* optimizer_;
  CudaOwned<Optimizer> state_;
};

/// All gradients become zero. Error: device.
template <class Net>
void zero_grad(CudaOwned<Net>& grads) {
  detail::for_each_in<Net>(trainable_runs<Net>(), [&]<class T>(Run const& run) {
    T* const at = detail::elements_at<T>(*grads.device_data(), run);
    detail::cuda_driver->clear(grads.ordinal(), at, run.count * sizeof(T)).value();
  });
}

}  // namespace ashlar
