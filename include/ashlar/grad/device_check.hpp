// Ashlar: the check that the values an op gets lie on the host.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/device.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/tensor.hpp>

#include <cstddef>
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

template <class... X>
constexpr bool on_host() {
  return (std::is_same_v<typename DeviceOf<X>::type, Cpu> && ...);
}

template <class... X>
struct DeviceMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (!on_host<X...>()) {
      std::string_view device{};
      ((device.empty() && !on_host<X>() ? void(device = DeviceOf<X>::type::name) : void()), ...);
      s.add("ashlar: this runs on the cpu but got a value on ").add(device).add(": copy it with to<Cpu>(x)");
    }
    return s;
  }();
};

/// Stops the compiler with the sentence. Its result has a type to go on with, so that the sentence is the only error.
template <class X, class... Rest>
auto refuse_device() -> typename DeviceOf<X>::on_host {
  refuse<DeviceMistake<X, Rest...>>();
  return *static_cast<typename DeviceOf<X>::on_host*>(nullptr);  // never run
}

}  // namespace ashlar::detail
