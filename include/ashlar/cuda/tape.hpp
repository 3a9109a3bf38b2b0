// Ashlar: the tape of a network on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/forward.hpp>
#include <ashlar/cuda/op.hpp>
#include <ashlar/grad/tape.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace ashlar {

/// An object of the network's type on the same device, all zero: gradients. Error: device.
template <class Net>
CudaOwned<Net> zeros_like(CudaOwned<Net> const& net) {
  auto memory = detail::CudaMemory::allocate(Cuda{net.ordinal()}, sizeof(Net)).value();
  detail::cuda_driver->clear(net.ordinal(), memory.data(), sizeof(Net)).value();
  return CudaOwned<Net>(std::move(memory));
}

/// Records what a network on a device computes and brings the gradients of its parameters back, as on the host
/// (grad/tape.hpp):
///
///   auto gpu = to<Cuda>(*net);
///   auto grads = zeros_like(gpu);
///   Tape tape(gpu, grads, rng);
///   auto loss = cross_entropy(tape(x), labels);      // x, labels: BasicTensor<T, Cuda, ...>
///   tape.backward(loss);                             // adds to grads
///
/// Memory  one arena on the device and one on the host, which grow to the size of a step and are kept.
/// Cost    nobody waits for the device but who asks for a value: `loss.item()`.
/// Errors  run time: as on the host; device.
/// Note    network, gradients and Rng must outlive the tape. Work goes to the stream in use when a recording begins.
template <class Net, class Context>
class Tape<CudaOwned<Net>, Context> {
 public:
  Tape(CudaOwned<Net>& net, CudaOwned<Net>& grads) : Tape(net, true, grads, nullptr) {}
  Tape(CudaOwned<Net>& net, CudaOwned<Net>& grads, Rng& rng) : Tape(net, true, grads, &rng) {}
  Tape(CudaOwned<Net> const& net, CudaOwned<Net>& grads) : Tape(net, false, grads, nullptr) {}
  Tape(CudaOwned<Net> const& net, CudaOwned<Net>& grads, Rng& rng) : Tape(net, false, grads, &rng) {}
  Tape(Tape const&) = delete;
  Tape& operator=(Tape const&) = delete;
  /// Its memory goes back behind the work of its last recording.
  ~Tape() {
    detail::InStream const here = run_.in_stream();
    static_cast<void>(detail::DeviceArena(std::move(arena_)));
  }

  /// x on this tape, without a gradient of its own. The values are copied.
  template <class T, std::size_t... E>
  CudaTraced<Context, T, E...> input(BasicTensor<T, Cuda, E...> const& x) {
    return lift(x, false);
  }
  /// x on this tape; `grad_to_host()` of the result is d loss / d x after `backward`.
  template <class T, std::size_t... E>
  CudaTraced<Context, T, E...> variable(BasicTensor<T, Cuda, E...> const& x) {
    return lift(x, true);
  }

  /// The network's output for x, recorded.
  template <class... X>
  auto operator()(X const&... x) {
    if constexpr (!detail::CudaInputMistake<Net, X...>::value.empty()) {
      detail::refuse<detail::CudaInputMistake<Net, X...>>();
      return detail::first_of(x...);
    } else {
      detail::same_ordinal(*net_, x...);
      detail::Recording const now(core_);
      return ashlar::forward(*shadow_, as_traced(x)...);
    }
  }

  /// Adds d loss / d parameter to the gradients and ends the recording. Returns the loss, to be asked for its value.
  template <class T, std::size_t... E>
  CudaTraced<Context, T, E...> backward(CudaTraced<Context, T, E...> const& loss) {
    if (loss.numel() != 1) {
      throw Error(Errc::shape, "backward() needs a loss of one element but the shape is " + to_string(loss.shape()));
    }
    T const one{1};
    detail::InStream const here = run_.in_stream();
    if (loss.requires_grad()) {
      detail::cuda_driver->to_device(loss.ordinal(), loss.device_grad(), &one, sizeof one).value();
    }
    core_.run_backward();
    return loss;
  }

  /// Forgets what was recorded since the last backward().
  void clear() { core_.finish(); }

  [[nodiscard]] CudaOwned<Net> const& net() const { return *net_; }

 private:
  Tape(CudaOwned<Net> const& net, bool writable, CudaOwned<Net>& grads, Rng* rng)
      : net_(&net),
        shadow_(&detail::shadow_of(net)),
        arena_(net.ordinal()),
        core_(shadow_, writable ? const_cast<Net*>(shadow_) : nullptr, grads.device_data(), sizeof(Net), rng,
              detail::frozen_stretches<Net>, true),  // the shadow is for its addresses: nobody writes it
        run_(detail::current_stream(detail::same_ordinal(net, grads)), arena_, core_, net.device_data(), true) {}

  template <class T, std::size_t... E>
  CudaTraced<Context, T, E...> lift(BasicTensor<T, Cuda, E...> const& x, bool with_grad) {
    T* const value = run_.copy_of(static_cast<T const*>(x.device_data()), x.numel());
    T* const grad = with_grad ? run_.template allocate_zeros<T>(x.numel()) : nullptr;
    return {&run_, value, grad, x.dims()};
  }
  template <class X>
  auto as_traced(X const& x) {
    if constexpr (detail::runs_on_cuda<X>) {
      return x;
    } else {
      return input(x);
    }
  }

  CudaOwned<Net> const* net_;
  Net const* shadow_;
  detail::DeviceArena arena_;
  detail::TapeCore core_;
  detail::CudaRun run_;
};

}  // namespace ashlar
