// Ashlar: Flatten, all dimensions but the first become one.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/nn/flow.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

/// The same elements in the same order, with other extents.
template <class D>
struct ReshapeOp;
template <std::size_t... F>
struct ReshapeOp<Dims<F...>> {
  static constexpr std::string_view name = "flatten";

  Dims<F...> dims;

  template <class T, std::size_t... E>
  auto output(View<T const, E...>) const {
    return like<T>(dims);
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    copy_elements(x.data(), x.numel(), y.data());
  }
  template <class Y, class X>
  void pullback(Y dy, Y, X const& x) const {
    if (x.grad != nullptr) kernels::accumulate(dy.numel(), dy.data(), x.grad);
  }
};

template <std::size_t N, std::size_t... E>
auto flattened(Dims<N, E...> const& from) {
  constexpr bool is_static = ((E != dyn) && ...);
  constexpr std::size_t inner = is_static ? (std::size_t{1} * ... * E) : dyn;
  Dims<N, inner> to{};
  std::size_t at = 0;
  if constexpr (N == dyn) to.dynamic[at++] = from.size(0);
  if constexpr (inner == dyn) {
    std::size_t n = 1;
    for (std::size_t d = 1; d <= sizeof...(E); ++d) n *= from.size(d);
    to.dynamic[at] = n;
  }
  return to;
}

}  // namespace detail

/// (N, ...) -> (N, product of the others). torch.nn.Flatten with its defaults.
struct Flatten {
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    if constexpr (!detail::together<X>()) {
      return detail::refuse_device<detail::ReshapeOp<Dims<>>, X>();
    } else {
      static_assert(X::dims_type::rank >= 1, "ashlar: Flatten takes at least one dimension, the batch");
      auto const dims = detail::flattened(x.dims());
      return apply(detail::ReshapeOp<std::remove_const_t<decltype(dims)>>{dims}, x);
    }
  }
  static constexpr FlowStep flow(Flow const& in) {
    if (!in.known || in.open || in.extents.rank == 0) return {Flow::nothing()};
    Extents e{2, {}};
    e[0] = in.extents[0];
    e[1] = 1;
    for (std::size_t d = 1; d < in.extents.rank; ++d)
      e[1] = in.extents[d] == dyn || e[1] == dyn ? dyn : e[1] * in.extents[d];
    return {Flow::all(e)};
  }
  void extra_repr(auto& r) const { r.add("start_dim", 1).add("end_dim", -1); }
};

}  // namespace ashlar
