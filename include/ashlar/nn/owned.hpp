// Ashlar: owning handles of networks, and how to make one.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/rng.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace ashlar {

/// Owns one T on the heap, like a unique_ptr, and can be called like the network.
///
/// Memory  one aligned block of sizeof(T) bytes; padding is zero.
template <class T>
class Owned {
 public:
  explicit Owned(T* network) : network_(network) {}

  [[nodiscard]] T& operator*() const { return *network_; }
  [[nodiscard]] T* operator->() const { return network_.get(); }
  [[nodiscard]] T* get() const { return network_.get(); }

  /// Layer I of a Sequential: `net[0_c].bias`.
  template <std::size_t I>
  [[nodiscard]] auto& operator[](Index<I> i) const {
    return (*network_)[i];
  }

  /// forward(*net, x...).
  template <class... X>
  [[nodiscard]] auto operator()(X const&... x) const {
    return forward(*network_, x...);
  }

 private:
  static constexpr std::size_t alignment = alignof(T) < detail::tensor_alignment ? detail::tensor_alignment : alignof(T);
  struct Delete {
    void operator()(T* p) const { ::operator delete(static_cast<void*>(p), std::align_val_t{alignment}); }
  };
  std::unique_ptr<T, Delete> network_;

  template <class U>
  friend Owned<U> make_zeros();
  template <class U>
  friend Owned<U> make();
};

/// A T whose bytes are all zero: for gradients, and as the target of a load.
template <class T>
Owned<T> make_zeros() {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "ashlar: a network is a plain struct");
  void* const memory = ::operator new(sizeof(T), std::align_val_t{Owned<T>::alignment});
  // A T is an implicit-lifetime type: writing the bytes begins its life.
  return Owned<T>(static_cast<T*>(std::memset(memory, 0, sizeof(T))));
}

/// A T with zero tensors and its default member initialisers; layers are not initialised.
template <class T>
Owned<T> make() {
  (void)manifest<T>();  // mistakes in the type are reported here, at the first use
  detail::check_edges<T>();
  if constexpr (std::is_trivially_default_constructible_v<T>) {
    return make_zeros<T>();
  } else {
    void* const memory = ::operator new(sizeof(T), std::align_val_t{Owned<T>::alignment});
    std::memset(memory, 0, sizeof(T));
    return Owned<T>(::new (memory) T{});
  }
}

/// A T initialised as PyTorch would initialise it after torch.manual_seed(rng.seed).
///
/// Errors  compile time: whatever is wrong with T; a layer that cannot take what the one before gives.
template <class T>
Owned<T> make(Rng rng) {
  auto net = make<T>();
  initialise(*net, rng);
  return net;
}

/// An object of the same type, all zero: gradients, moments.
template <class T>
Owned<T> zeros_like(T const&) {
  return make_zeros<T>();
}
template <class T>
Owned<T> zeros_like(Owned<T> const&) {
  return make_zeros<T>();
}

/// A copy on the heap.
template <class T>
Owned<T> clone(T const& net) {
  auto copy = make_zeros<T>();
  std::memcpy(static_cast<void*>(copy.get()), &net, sizeof(T));
  return copy;
}

}  // namespace ashlar
