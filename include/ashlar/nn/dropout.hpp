// Ashlar: Dropout.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/rng.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/nn/flow.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

/// y = x * mask / (1 - p). The mask is kept on the tape: the way back multiplies by the same numbers.
template <class T>
struct DropoutOp {
  static constexpr std::string_view name = "Dropout";

  double p;
  T* mask = nullptr;

  template <std::size_t... E>
  auto output(View<T const, E...> x) const {
    return like<T>(x.dims());
  }
  /// The tape's. Error: value, if it has none or p is no probability.
  Rng& generator(TapeCore& tape) const {
    if (tape.rng() == nullptr) {
      throw Error(Errc::value, "Dropout needs random numbers: give the tape an Rng, Tape tape(net, grads, rng)");
    }
    if (!(p >= 0 && p <= 1)) throw Error(Errc::value, "Dropout takes a probability but p is " + std::to_string(p));
    return *tape.rng();
  }
  template <class X>
  void prepare(TapeCore& tape, X x) {
    Rng& rng = generator(tape);
    mask = tape.allocate<T>(x.numel());
    rng.dropout_mask(x.numel(), p, mask);
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    kernels::mul(y.numel(), x.data(), static_cast<T const*>(mask), y.data());
  }
  template <class Y, class X>
  void pullback(Y dy, Y, X const& x) const {
    if (x.grad != nullptr) kernels::mul_pullback(dy.numel(), dy.data(), static_cast<T const*>(mask), x.grad);
  }
};

}  // namespace detail

/// In training, sets each element to 0 with probability p and scales the others by 1/(1-p); else the identity.
///
/// Shapes  (...) -> (...).
/// Memory  p is a scalar member, so it is part of an .ashlar file.
/// Random  numbers come from the tape's Rng, whose counter is in a checkpoint: training resumes bit-identically. They
///         are not PyTorch's, whose generator depends on the device and the vector unit.
/// Errors  run time: value, if p is no probability, or if the tape has no Rng.
/// Source  Srivastava et al., Dropout, JMLR 15 (2014); torch.nn.Dropout.
struct Dropout {
  double p = 0.5;

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    if constexpr (detail::is_training<X>) {
      return apply(detail::DropoutOp<typename X::value_type>{p}, x);
    } else {
      return x;
    }
  }
  static constexpr FlowStep flow(Flow const& in) { return {in}; }
  void extra_repr(auto& r) const { r.add("p", p).add("inplace", false); }
};

}  // namespace ashlar
