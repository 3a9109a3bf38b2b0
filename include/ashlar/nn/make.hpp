// Ashlar: make, a new network with its initial values.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/owned.hpp>
#include <ashlar/core/rng.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <cstring>
#include <new>
#include <type_traits>

namespace ashlar {

/// A T with zero tensors and its default member initialisers; layers are not initialised.
template <class T>
Owned<T> make() {
  (void)manifest<T>();  // mistakes in the type are reported here, at the first use
  if constexpr (detail::is_storable<T>) detail::check_edges<T>();
  if constexpr (std::is_trivially_default_constructible_v<T>) {
    return make_zeros<T>();
  } else if constexpr (!detail::is_storable<T> && !std::is_default_constructible_v<T>) {
    return Owned<T>(nullptr);  // not reached: the mistake stays the only error
  } else {
    void* const memory = ::operator new(sizeof(T), std::align_val_t{Owned<T>::alignment});
    std::memset(memory, 0, sizeof(T));
    return Owned<T>(::new (memory) T{});
  }
}

/// A T initialised as PyTorch would initialise it after torch.manual_seed(rng.seed).
///
/// Errors  compile time: whatever is wrong with T; a layer that cannot take what the one before gives, at any depth. A
///         struct of nothing but structs may hold several networks: what one gives the next is checked by `forward`.
template <class T>
Owned<T> make(Rng rng) {
  auto net = make<T>();
  if constexpr (detail::is_storable<T>) ashlar::initialise(*net, rng);
  return net;
}

/// The same from a generator in use, which is advanced: what follows are the numbers PyTorch would draw next.
template <class T>
Owned<T> make(TorchRng& rng) {
  auto net = make<T>();
  if constexpr (detail::is_storable<T>) ashlar::initialise(*net, rng);
  return net;
}

}  // namespace ashlar
