// Ashlar: reshape, the same elements with other extents.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/nn/flatten.hpp>

#include <cstddef>

namespace ashlar {

/// A Parameter, Buffer or Constant where it lies, with other extents: its gradient goes where the tensor's own goes.
template <Kind K, class T, std::size_t... E>
class StoredView : public View<T const, E...> {
 public:
  static constexpr Kind kind = K;
  explicit StoredView(T const* data) : View<T const, E...>(data) {}
};

namespace detail {

template <Kind K, class T, std::size_t... E>
inline constexpr bool is_tensor<StoredView<K, T, E...>> = true;

template <Kind K, class T, std::size_t... E>
Operand<T, E...> operand(TapeCore& tape, StoredView<K, T, E...> const& x) {
  return {x, K == Kind::parameter ? tape.grad_of(x.data()) : nullptr};
}

template <class X, std::size_t... F>
struct ReshapeMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (!X::dims_type::is_static || ((F == dyn) || ...)) {
      s.add("ashlar: reshape takes and gives static extents: Flatten is for a batch of dyn rows");
    } else if (X::dims_type::static_numel != Dims<F...>::static_numel) {
      s.add("ashlar: reshape got ").add(X::dims_type::static_numel).add(" elements but the new extents have ");
      s.add(Dims<F...>::static_numel);
    }
    return s;
  }();
};

}  // namespace detail

/// The same elements in the same order: reshape<10, 45>(weight) of a weight (10, 5, 3, 3).
///
/// Cost    none for a Parameter, Buffer or Constant, which is seen where it lies; else a copy.
/// Grad    passes through.
/// Errors  compile time: another number of elements, or extents that are dyn.
/// Source  torch.reshape.
template <std::size_t... F, TensorLike X>
auto reshape(X const& x) {
  if constexpr (!detail::together<X>()) {
    return detail::refuse_device<X>();
  } else if constexpr (!detail::ReshapeMistake<X, F...>::value.empty()) {
    detail::refuse<detail::ReshapeMistake<X, F...>>();
    return detail::harmless(x, Like<typename X::value_type, F...>{});
  } else if constexpr (detail::is_stored<X>) {
    return StoredView<X::kind, typename X::value_type, F...>(x.data());
  } else {
    return apply(detail::ReshapeOp<Dims<F...>>{}, x);
  }
}

}  // namespace ashlar
