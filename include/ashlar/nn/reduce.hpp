// Ashlar: sum and mean over all elements.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/reduce/cpu.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

template <bool Mean>
struct ReduceOp {
  static constexpr std::string_view name = Mean ? "mean" : "sum";

  template <class T, std::size_t... E>
  auto output(View<T const, E...>) const {
    return Like<T>{};
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    *y.data() = Mean ? kernels::mean(x.numel(), x.data()) : kernels::sum(x.numel(), x.data());
  }
  template <class Y, class X>
  void pullback(Y dy, Y, X const& x) const {
    if (x.grad == nullptr) return;
    using T = typename Y::value_type;
    T const g = Mean ? *dy.data() / static_cast<T>(x.numel()) : *dy.data();
    for (std::size_t i = 0; i < x.numel(); ++i) x.grad[i] += g;
  }
};

}  // namespace detail

/// Sum of all elements, in one fixed order. Shapes (...) -> ().
template <TensorLike X>
auto sum(X const& x) {
  return apply(detail::ReduceOp<false>{}, x);
}

/// Mean of all elements; NaN of none, as in PyTorch. Shapes (...) -> ().
template <TensorLike X>
auto mean(X const& x) {
  return apply(detail::ReduceOp<true>{}, x);
}

/// Index of the largest element of each row; the first of equals, and a NaN counts as largest. Shapes (N, C) -> (N).
template <class T, std::size_t N, std::size_t C>
Tensor<std::int64_t, N> argmax(Tensor<T, N, C> const& x) {
  Dims<N> dims{};
  if constexpr (N == dyn) dims.dynamic[0] = x.size(0);
  Tensor<std::int64_t, N> out(detail::uninitialized_t{}, dims);
  std::size_t const classes = x.size(1);
  for (std::size_t r = 0; r < x.size(0); ++r) {
    out.data()[r] = static_cast<std::int64_t>(kernels::argmax(classes, x.data() + r * classes));
  }
  return out;
}

}  // namespace ashlar
