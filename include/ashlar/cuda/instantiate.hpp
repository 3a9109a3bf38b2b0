// Ashlar: what a .cu unit instantiates so that host units can run a network: its kernels.
// SPDX-License-Identifier: BSL-1.0
//
// An instantiation compiles what a program would do with the network and calls none of it. ashlar_cuda_model
// (codegen/cmake/AshlarCudaModel.cmake) writes such a unit:
//
//   #include <ashlar/cuda.hpp>
//   #include <ashlar/cuda/instantiate.hpp>
//   #include "mlp.hpp"
//   template struct ashlar::CudaInference<MLP, ashlar::Tensor<float, ashlar::dyn, 20>>;
#pragma once

#include <ashlar/cuda.hpp>

#include <cstddef>

namespace ashlar {
namespace detail {

template <class X>
struct OnCuda;
template <class T, std::size_t... E>
struct OnCuda<BasicTensor<T, Cpu, E...>> {
  using type = BasicTensor<T, Cuda, E...>;
};

}  // namespace detail

/// The kernels of net(x...), where x are the host's tensors of those types, on the device. The extents that are `dyn`
/// or fixed in front of the features make no difference to them.
template <class Net, class... X>
struct CudaInference {
  static void run(CudaOwned<Net> const& net, typename detail::OnCuda<X>::type const&... x) { (void)net(x...); }
};

/// The kernels of a training step but for the optimizer's: the forward in training, Loss{}(output, targets), and the
/// way back. Targets is the host's tensor type.
template <class Net, class X, class Loss, class Targets>
struct CudaTraining {
  static void run(CudaOwned<Net>& net, CudaOwned<Net>& grads, Rng& rng, typename detail::OnCuda<X>::type const& x,
                  typename detail::OnCuda<Targets>::type const& targets) {
    Tape tape(net, grads, rng);
    tape.backward(Loss{}(tape(x), targets));
  }
};

}  // namespace ashlar
