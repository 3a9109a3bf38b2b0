// Ashlar: Owned, a handle that owns one network.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/index.hpp>
#include <ashlar/core/pool.hpp>

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace ashlar {

template <class Net, class... X>
auto forward(Net const& net, X const&... x);  // nn/chain.hpp

/// Owns one T on the heap, like a unique_ptr, and can be called like the network.
///
/// Memory  one aligned block of sizeof(T) bytes; padding is zero.
template <class T>
class Owned {
 public:
  static constexpr std::size_t alignment =
      alignof(T) < detail::tensor_alignment ? detail::tensor_alignment : alignof(T);

  /// Takes over a T that lies at the start of a block from operator new with `alignment`.
  explicit Owned(T* network) : network_(network) {}
  Owned(Owned&& other) noexcept : network_(std::exchange(other.network_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(network_, other.network_);
    return *this;
  }
  ~Owned() {
    if (network_ != nullptr) ::operator delete(static_cast<void*>(network_), std::align_val_t{alignment});
  }

  [[nodiscard]] T& operator*() const { return *network_; }
  [[nodiscard]] T* operator->() const { return network_; }
  [[nodiscard]] T* get() const { return network_; }

  /// Layer I of a Sequential: `net[0_c].bias`.
  template <std::size_t I>
  [[nodiscard]] auto& operator[](Index<I> i) const {
    return (*network_)[i];
  }

  template <class I>
    requires(std::is_integral_v<I>)
  auto const& operator[](I i) const {  // a Sequential says what to write
    return (*network_)[i];
  }

  /// forward(*net, x...), for which nn/chain.hpp is included.
  template <class... X>
  [[nodiscard]] auto operator()(X const&... x) const {
    return ashlar::forward(*network_, x...);
  }

 private:
  T* network_;  // std::unique_ptr would bring <memory>, a sixth of what a unit that runs a network costs to compile
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
