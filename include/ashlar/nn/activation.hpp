// Ashlar: activations and other functions of one element, as functions and as layers.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parallel.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/nn/flow.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

/// y[i] = f(x[i]), any shape.
template <class F>
struct PointwiseOp {
  static constexpr std::string_view name = type_name<F>();

  F f;

  template <class T, std::size_t... E>
  auto output(View<T const, E...> x) const {
    return like<T>(x.dims());
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    in_parts(y.numel(), least_elements,
             [&](std::size_t first, std::size_t count) { kernels::map(f, count, x.data() + first, y.data() + first); });
  }
  template <class Y, class X>
  void pullback(Y dy, Y y, X const& x) const {
    if (x.grad == nullptr) return;
    in_parts(y.numel(), least_elements, [&](std::size_t first, std::size_t count) {
      kernels::map_pullback(f, count, x.data() + first, y.data() + first, dy.data() + first, x.grad + first);
    });
  }
};

template <class F, class X>
auto pointwise(F f, X const& x) {
  return apply(PointwiseOp<F>{f}, x);
}

}  // namespace detail

// Functions of one element. Shapes (...) -> (...). Values and gradients at special points are PyTorch's; the kinks of
// the gradient are noted in kernels/pointwise/ops.hpp.
template <TensorLike X> auto relu(X const& x) { return detail::pointwise(kernels::ReLU{}, x); }
template <TensorLike X> auto leaky_relu(X const& x, double negative_slope = 0.01) {
  return detail::pointwise(kernels::LeakyReLU{negative_slope}, x);
}
template <TensorLike X> auto gelu(X const& x) { return detail::pointwise(kernels::GELU{}, x); }
template <TensorLike X> auto gelu_tanh(X const& x) { return detail::pointwise(kernels::GELUTanh{}, x); }
template <TensorLike X> auto silu(X const& x) { return detail::pointwise(kernels::SiLU{}, x); }
template <TensorLike X> auto tanh(X const& x) { return detail::pointwise(kernels::Tanh{}, x); }
template <TensorLike X> auto sigmoid(X const& x) { return detail::pointwise(kernels::Sigmoid{}, x); }
template <TensorLike X> auto elu(X const& x, double alpha = 1) { return detail::pointwise(kernels::ELU{alpha}, x); }
template <TensorLike X> auto selu(X const& x) { return detail::pointwise(kernels::SELU{}, x); }
template <TensorLike X> auto celu(X const& x, double alpha = 1) { return detail::pointwise(kernels::CELU{alpha}, x); }
template <TensorLike X> auto hardshrink(X const& x, double lambd = 0.5) {
  return detail::pointwise(kernels::Hardshrink{lambd}, x);
}
template <TensorLike X> auto softshrink(X const& x, double lambd = 0.5) {
  return detail::pointwise(kernels::Softshrink{lambd}, x);
}
template <TensorLike X> auto tanhshrink(X const& x) { return detail::pointwise(kernels::Tanhshrink{}, x); }
template <TensorLike X> auto softplus(X const& x, double beta = 1, double threshold = 20) {
  return detail::pointwise(kernels::Softplus{beta, threshold}, x);
}
template <TensorLike X> auto hardtanh(X const& x, double min_val = -1, double max_val = 1) {
  return detail::pointwise(kernels::Hardtanh{min_val, max_val}, x);
}
template <TensorLike X> auto relu6(X const& x) { return detail::pointwise(kernels::ReLU6{}, x); }
template <TensorLike X> auto hardswish(X const& x) { return detail::pointwise(kernels::Hardswish{}, x); }
template <TensorLike X> auto hardsigmoid(X const& x) { return detail::pointwise(kernels::Hardsigmoid{}, x); }
template <TensorLike X> auto logsigmoid(X const& x) { return detail::pointwise(kernels::LogSigmoid{}, x); }
template <TensorLike X> auto mish(X const& x) { return detail::pointwise(kernels::Mish{}, x); }
template <TensorLike X> auto softsign(X const& x) { return detail::pointwise(kernels::Softsign{}, x); }
template <TensorLike X> auto exp(X const& x) { return detail::pointwise(kernels::Exp{}, x); }
template <TensorLike X> auto log(X const& x) { return detail::pointwise(kernels::Log{}, x); }
template <TensorLike X> auto sqrt(X const& x) { return detail::pointwise(kernels::Sqrt{}, x); }
template <TensorLike X> auto abs(X const& x) { return detail::pointwise(kernels::Abs{}, x); }
template <TensorLike X> auto square(X const& x) { return detail::pointwise(kernels::Square{}, x); }

/// A layer with a functor of kernels/pointwise/ops.hpp and nothing to store. Keys: none. `kernel` offers the functor to
/// the layer before it in a chain, which may apply it to its results while they are in registers. What follows the name
/// is the body of extra_repr (nn/repr.hpp).
#define ASHLAR_PLAIN_ACTIVATION(Name, ...)                           \
  struct Name {                                                      \
    using kernel = kernels::Name;                                    \
    template <TensorLike X>                                          \
    [[nodiscard]] auto operator()(X const& x) const {                \
      return detail::pointwise(kernels::Name{}, x);                  \
    }                                                                \
    static constexpr FlowStep flow(Flow const& in) { return {in}; }  \
    void extra_repr([[maybe_unused]] auto& r) const { __VA_ARGS__; } \
  };

ASHLAR_PLAIN_ACTIVATION(ReLU)
ASHLAR_PLAIN_ACTIVATION(GELU, r.add("approximate", "none"))
ASHLAR_PLAIN_ACTIVATION(GELUTanh)
ASHLAR_PLAIN_ACTIVATION(SiLU)
ASHLAR_PLAIN_ACTIVATION(Tanh)
ASHLAR_PLAIN_ACTIVATION(Sigmoid)
ASHLAR_PLAIN_ACTIVATION(Hardswish)
ASHLAR_PLAIN_ACTIVATION(ReLU6)
ASHLAR_PLAIN_ACTIVATION(Hardsigmoid)
ASHLAR_PLAIN_ACTIVATION(LogSigmoid)
ASHLAR_PLAIN_ACTIVATION(Mish)
ASHLAR_PLAIN_ACTIVATION(Softsign)
ASHLAR_PLAIN_ACTIVATION(SELU)
ASHLAR_PLAIN_ACTIVATION(Tanhshrink)
ASHLAR_PLAIN_ACTIVATION(Identity)
#undef ASHLAR_PLAIN_ACTIVATION

// Activations with settings, which are scalar members and so part of an .ashlar file.

struct LeakyReLU {
  double negative_slope = 0.01;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pointwise(kernels::LeakyReLU{negative_slope}, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("negative_slope", negative_slope); }
};

struct ELU {
  double alpha = 1;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pointwise(kernels::ELU{alpha}, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("alpha", alpha); }
};

struct CELU {
  double alpha = 1;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pointwise(kernels::CELU{alpha}, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("alpha", alpha); }
};

struct Hardshrink {
  double lambd = 0.5;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pointwise(kernels::Hardshrink{lambd}, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add(lambd); }
};

struct Softshrink {
  double lambd = 0.5;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pointwise(kernels::Softshrink{lambd}, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add(lambd); }
};

struct Softplus {
  double beta = 1;
  double threshold = 20;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pointwise(kernels::Softplus{beta, threshold}, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("beta", beta).add("threshold", threshold); }
};

struct Hardtanh {
  double min_val = -1;
  double max_val = 1;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pointwise(kernels::Hardtanh{min_val, max_val}, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("min_val", min_val).add("max_val", max_val); }
};

}  // namespace ashlar
