// Ashlar: the check that the values an op gets lie on the host.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/device.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/tensor.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar::detail {

/// The device of a tensor type, and the type of the same extents on the host. A host-only program knows a tensor on
/// another device by its name alone, so nothing of its content is asked for.
template <class X>
struct DeviceOf {
  using type = Cpu;
  using on_host = X;
};
template <class T, class D, std::size_t... E>
struct DeviceOf<BasicTensor<T, D, E...>> {
  using type = D;
  using on_host = Tensor<T, E...>;
};

/// The element type of a tensor, on whatever device.
template <class X>
using element_t = typename DeviceOf<X>::on_host::value_type;

template <class... X>
constexpr bool on_host() {
  return (std::is_same_v<typename DeviceOf<X>::type, Cpu> && ...);
}

/// True for a value on a CUDA device that ops of this unit take; and for one inside a network that runs there, with
/// which ops take the network's parameters too. cuda/traced.hpp says which: without it there are none.
template <class X>
inline constexpr bool is_on_cuda = false;
template <class X>
inline constexpr bool runs_on_cuda = false;

/// True if an op takes these values together: all are on the host, or on a device.
template <class... X>
constexpr bool together() {
  if constexpr (on_host<X...>()) {
    return true;
  } else if constexpr ((runs_on_cuda<X> || ...)) {
    return ((is_on_cuda<X> || requires { X::kind; }) && ...);
  } else {
    return (is_on_cuda<X> && ...);
  }
}

/// Runs an op on a CUDA device: cuda/op.hpp specialises it.
template <class Op, class = void>
struct CudaApply;

/// What an op, a layer or a network is called: its `name`, or that of its type.
template <class Who>
constexpr std::string_view called() {
  if constexpr (requires { std::string_view(Who::name); }) {
    return Who::name;
  } else {
    return type_name<Who>();
  }
}

template <class Who, class... X>
struct DeviceMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if ((is_on_cuda<X> || ...)) {
      s.add("ashlar: ").add(called<Who>()).add(" got a value on the cpu and one on cuda: copy one of them with ");
      s.add("to<Cuda>(x) or to<Cpu>(x)");
    } else if (!on_host<X...>()) {
      std::string_view device{};
      ((device.empty() && !on_host<X>() ? void(device = DeviceOf<X>::type::name) : void()), ...);
      s.add("ashlar: ").add(called<Who>()).add(" runs on the cpu but got a value on ").add(device);
      s.add(": copy it with to<Cpu>(x)");
    }
    return s;
  }();
};

/// Stops the compiler with the sentence. Its result has a type to go on with, so that the sentence is the only error.
template <class Who, class X, class... Rest>
auto refuse_device() -> typename DeviceOf<X>::on_host {
  refuse<DeviceMistake<Who, X, Rest...>>();
  __builtin_unreachable();
}

}  // namespace ashlar::detail
