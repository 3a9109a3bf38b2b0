// Ashlar: softmax and log-softmax.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/softmax/cpu.hpp>
#include <ashlar/nn/along.hpp>
#include <ashlar/nn/flow.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace ashlar {
namespace detail {

template <bool Log>
struct SoftmaxOp {
  static constexpr std::string_view name = Log ? "log_softmax" : "softmax";

  std::ptrdiff_t dim;  // from the end if negative

  template <class T, std::size_t... E>
  auto output(View<T const, E...> x) const {
    static_assert(sizeof...(E) >= 1, "ashlar: softmax runs over a dimension, so there is one");
    auto const rank = static_cast<std::ptrdiff_t>(sizeof...(E));
    if (dim < -rank || dim >= rank) {
      throw Error(Errc::shape, std::string(name) + " runs over dimension " + std::to_string(dim) +
                                   ", but the shape is " + to_string(x.shape()));
    }
    return like<T>(x.dims());
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    using T = typename Y::value_type;
    Along const a = along(y);
    RowsOf<T> const in(a, x.data());
    if (a.inner != 1) y.fill(T(0));
    RowsInto<T> out(a, y.data());
    if constexpr (Log) {
      kernels::log_softmax(a.rows(), a.size, in.data(), out.data());
    } else {
      kernels::softmax(a.rows(), a.size, in.data(), out.data());
    }
  }
  template <class Y, class X>
  void pullback(Y dy, Y y, X const& x) const {
    if (x.grad == nullptr) return;
    using T = typename Y::value_type;
    Along const a = along(y);
    RowsOf<T> const value(a, y.data());
    RowsOf<T> const upstream(a, dy.data());
    RowsInto<T> dx(a, x.grad);
    if constexpr (Log) {
      kernels::log_softmax_pullback(a.rows(), a.size, value.data(), upstream.data(), dx.data());
    } else {
      kernels::softmax_pullback(a.rows(), a.size, value.data(), upstream.data(), dx.data());
    }
  }

  template <class Y>
  [[nodiscard]] Along along(Y const& y) const {
    return Along(y.shape(),
                 static_cast<std::size_t>(dim < 0 ? dim + static_cast<std::ptrdiff_t>(Y::dims_type::rank) : dim));
  }
};

}  // namespace detail

/// exp(x) / sum exp(x) over dimension `dim`, from the end if negative, without overflow. Shapes (...) -> (...).
/// Cost    a dimension that is not the last is copied there and back. Error: shape, if there is no such dimension.
template <TensorLike X>
auto softmax(X const& x, std::ptrdiff_t dim = -1) {
  return apply(detail::SoftmaxOp<false>{dim}, x);
}

/// log(softmax(x)), without overflow; the rest as softmax.
template <TensorLike X>
auto log_softmax(X const& x, std::ptrdiff_t dim = -1) {
  return apply(detail::SoftmaxOp<true>{dim}, x);
}

/// softmax over the last dimension, as a layer. torch.nn.Softmax(-1).
struct Softmax {
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return softmax(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("dim", -1); }
};

/// log_softmax over the last dimension, as a layer. torch.nn.LogSoftmax(-1).
struct LogSoftmax {
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return log_softmax(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("dim", -1); }
};

}  // namespace ashlar
