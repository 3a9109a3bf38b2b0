// Ashlar: Mapped, an object that lies in a file.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/index.hpp>
#include <ashlar/io/mapped_bytes.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace ashlar {

template <class Net, class... X>
auto forward(Net const& net, X const&... x);  // nn/chain.hpp

/// A T that lies in a file's own pages: nothing is copied, and pages are read when they are first touched.
///
/// Unique owner of the mapping, like a unique_ptr<T const>; moving it does not move the T. Saving over the file leaves
/// this mapping as it is. Calling it runs the network, if ashlar/nn is included.
template <class T>
class Mapped {
 public:
  Mapped(detail::Mapping mapping, T const* object) : mapping_(std::move(mapping)), object_(object) {}
  Mapped(Mapped&& other) noexcept
      : mapping_(std::move(other.mapping_)), object_(std::exchange(other.object_, nullptr)) {}
  Mapped& operator=(Mapped&& other) noexcept {
    Mapped old(std::move(*this));
    mapping_ = std::move(other.mapping_);
    object_ = std::exchange(other.object_, nullptr);
    return *this;
  }

  [[nodiscard]] T const* get() const { return object_; }
  T const& operator*() const { return *object_; }
  T const* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

  /// Layer I of a Sequential: `net[0_c].bias`.
  template <std::size_t I>
  [[nodiscard]] auto const& operator[](Index<I> i) const {
    return (*object_)[i];
  }

  template <class I>
    requires(std::is_integral_v<I>)
  auto const& operator[](I i) const {  // a Sequential says what to write
    return (*object_)[i];
  }

  /// forward(*get(), inputs...), for which nn/chain.hpp is included.
  template <class... X>
  decltype(auto) operator()(X&&... inputs) const {
    return ashlar::forward(*object_, static_cast<X&&>(inputs)...);
  }

 private:
  detail::Mapping mapping_;
  T const* object_;
};

}  // namespace ashlar
