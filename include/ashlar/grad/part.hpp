// Ashlar: parts of traced values, for ops with several results.  SPDX-License-Identifier: BSL-1.0
//
// An op has one result. One with several puts them one behind the other, and the layer returns parts of it.
#pragma once

#include <ashlar/grad/trace.hpp>

#include <cstddef>

namespace ashlar::detail {

/// How a part of a value is made: of a Traced here, of values on a device in cuda/part.hpp.
template <class X>
struct PartOf;
template <class C, class T, std::size_t... E>
struct PartOf<Traced<C, T, E...>> {
  template <std::size_t... F>
  static Traced<C, T, F...> make(Traced<C, T, E...> const& x, std::size_t offset, Dims<F...> const& dims) {
    T* const value = const_cast<T*>(x.data());  // which a traced value reads, and never writes
    return {x.tape(), value + offset, x.requires_grad() ? x.grad_data() + offset : nullptr, dims};
  }
};

/// Elements of a traced value from `offset` on, with extents of their own: the same values, the same gradients.
template <class X, std::size_t... F>
auto part_of(X const& x, std::size_t offset, Dims<F...> const& dims) {
  return PartOf<X>::make(x, offset, dims);
}

}  // namespace ashlar::detail
