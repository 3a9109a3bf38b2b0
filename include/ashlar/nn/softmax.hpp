// Ashlar: softmax and log-softmax over the last dimension.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/softmax/cpu.hpp>
#include <ashlar/nn/flow.hpp>

#include <cstddef>

namespace ashlar {
namespace detail {

template <bool Log>
struct SoftmaxOp {
  template <class T, std::size_t... E>
  auto output(View<T const, E...> x) const {
    static_assert(sizeof...(E) >= 1, "ashlar: softmax runs over the last dimension, so there is one");
    return like<T>(x.dims());
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    auto const [rows, classes] = split(y);
    if constexpr (Log) {
      kernels::log_softmax(rows, classes, x.data(), y.data());
    } else {
      kernels::softmax(rows, classes, x.data(), y.data());
    }
  }
  template <class Y, class X>
  void pullback(Y dy, Y y, X const& x) const {
    if (x.grad == nullptr) return;
    auto const [rows, classes] = split(y);
    if constexpr (Log) {
      kernels::log_softmax_pullback(rows, classes, y.data(), dy.data(), x.grad);
    } else {
      kernels::softmax_pullback(rows, classes, y.data(), dy.data(), x.grad);
    }
  }

 private:
  struct Split {
    std::size_t rows, classes;
  };
  template <class Y>
  static Split split(Y const& y) {
    std::size_t const classes = y.shape().back();
    return {classes == 0 ? 0 : y.numel() / classes, classes};
  }
};

}  // namespace detail

/// exp(x) / sum exp(x) over the last dimension, without overflow. Shapes (...) -> (...).
template <TensorLike X>
auto softmax(X const& x) {
  return apply(detail::SoftmaxOp<false>{}, x);
}

/// log(softmax(x)), without overflow. Shapes (...) -> (...).
template <TensorLike X>
auto log_softmax(X const& x) {
  return apply(detail::SoftmaxOp<true>{}, x);
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
