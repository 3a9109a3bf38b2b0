// Ashlar: networks that lie on a CUDA device are run there.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/core/to.hpp>
#include <ashlar/cuda/op.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

/// The network on the host, with its scalars and without its tensors. Error: device.
template <class Net>
Net const& shadow_of(CudaOwned<Net> const& net) {
  return *net.shadow().template get<Net>([&](Net* shadow) {
    if constexpr (is_storable<Net>) {
      for (Row const& row : manifest<Net>()) {
        if (row.kind != Kind::scalar || row.is_alias()) continue;
        auto* const to = reinterpret_cast<std::byte*>(shadow) + row.offset;
        auto const* const from = reinterpret_cast<std::byte const*>(net.device_data()) + row.offset;
        cuda_driver->to_host(net.ordinal(), to, from, row.bytes).value();
      }
    }
  });
}

template <class Net, class... X>
struct CudaInputMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (!(is_on_cuda<X> && ...)) {
      s.add("ashlar: ").add(type_name<Net>()).add(" lies on cuda but got a value on the cpu: copy it with to<Cuda>(x)");
    }
    return s;
  }();
};

/// What a forward gave, for the time after it: ops with results of other types specialise it.
template <class Y>
struct Kept {
  static Y of(Y const& y) { return y; }  // after a mistake
};
template <class Y>
auto kept(Y const& y) {
  return Kept<Y>::of(y);
}
template <class T, std::size_t... E>
struct Kept<CudaTraced<Inference, T, E...>> {
  static BasicTensor<T, Cuda, E...> of(CudaTraced<Inference, T, E...> const& y) {
    auto memory = CudaMemory::allocate(Cuda{y.ordinal()}, y.numel() * sizeof(T)).value();
    if (y.numel() != 0) {
      cuda_driver->between(y.ordinal(), memory.data(), y.ordinal(), y.device_data(), y.numel() * sizeof(T)).value();
    }
    return {std::move(memory), y.dims()};
  }
};
template <class... Y>
struct Kept<std::tuple<Y...>> {
  static auto of(std::tuple<Y...> const& y) {
    return std::apply([](auto const&... each) { return std::tuple(kept(each)...); }, y);
  }
};

/// net(x...) for a network on a device.
///
/// Shapes  those of the network on the host; x and the result are BasicTensor<T, Cuda, ...> on the network's device.
/// Memory  values inside come from the stream's memory, all of them at once; the result has its own.
/// Cost    kernels are queued in the stream in use, and nobody waits; the first run fetches the network's scalars.
/// Errors  compile time: a value on the host; a layer without a kernel for cuda.
///         run time: device; value, if an op takes a parameter that is not the network's. What goes wrong in a kernel
///         is said where the stream is waited for.
/// Note    a forward of one's own is run on the host, and only its ops on the device: elements of parameters are not
///         there to be read, scalar members are.
template <class T>
struct CudaForward<T, void> {
  template <class... X>
  static auto run(CudaOwned<T> const& net, X const&... x) {
    if constexpr (!CudaInputMistake<T, X...>::value.empty()) {
      refuse<CudaInputMistake<T, X...>>();
      return first_of(x...);
    } else {
      T const& shadow = shadow_of(net);
      InferenceRun here(same_ordinal(net, x...), &shadow, sizeof(T), net.device_data());
      Recording const now(here.tape());
      return kept(forward(shadow, value_of(here.run(), x)...));
    }
  }

 private:
  template <class E, std::size_t... N>
  static CudaTraced<Inference, E, N...> value_of(CudaRun& run, BasicTensor<E, Cuda, N...> const& x) {
    return {&run, x.device_data(), nullptr, x.dims()};
  }
};

}  // namespace detail
}  // namespace ashlar
