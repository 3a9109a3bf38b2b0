// Ashlar: parts of values on a CUDA device, for ops with several results (grad/part.hpp).
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/traced.hpp>
#include <ashlar/grad/part.hpp>

#include <cstddef>
#include <utility>

namespace ashlar::detail {

template <class C, class T, std::size_t... E>
struct PartOf<CudaTraced<C, T, E...>> {
  template <std::size_t... F>
  static CudaTraced<C, T, F...> make(CudaTraced<C, T, E...> const& x, std::size_t offset, Dims<F...> const& dims) {
    T* const value = const_cast<T*>(x.device_data());  // which nobody writes
    return {&x.run(), value + offset, x.requires_grad() ? x.device_grad() + offset : nullptr, dims};
  }
};

/// A tensor owns its memory, so that a part of it is a copy.
template <class T, std::size_t... E>
struct PartOf<BasicTensor<T, Cuda, E...>> {
  template <std::size_t... F>
  static BasicTensor<T, Cuda, F...> make(BasicTensor<T, Cuda, E...> const& x, std::size_t offset,
                                         Dims<F...> const& dims) {
    std::size_t const bytes = dims.numel() * sizeof(T);
    auto memory = CudaMemory::allocate(Cuda{x.ordinal()}, bytes).value();
    if (bytes != 0) {
      cuda_driver->between(x.ordinal(), memory.data(), x.ordinal(), x.device_data() + offset, bytes).value();
    }
    return {std::move(memory), dims};
  }
};

}  // namespace ashlar::detail
