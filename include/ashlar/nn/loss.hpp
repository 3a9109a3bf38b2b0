// Ashlar: losses of pairs of elements, input and target; the others come with it.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/loss/cpu.hpp>
#include <ashlar/nn/cross_entropy.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/reduction.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {

struct SmoothL1Options {
  double beta = 1;  ///< where the square ends; with 0 this is l1_loss
};
struct HuberOptions {
  double delta = 1;  ///< where the square ends
};
struct KlDivOptions {
  bool log_target = false;  ///< the targets are log-probabilities too
};
template <class T>
struct BceWithLogitsOptions {
  Weights<T> pos_weight{};  ///< of positive targets: (1), or one for each element of the last dimension
};

namespace detail {

template <class Op, class X, class Y>
struct PairLossMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr Extents x = X::dims_type::type();
    constexpr Extents y = Y::dims_type::type();
    bool fits = x.rank == y.rank;
    for (std::size_t d = 0; fits && d < x.rank; ++d) fits = x[d] == y[d] || x[d] == dyn || y[d] == dyn;
    if (!std::is_same_v<element_t<X>, element_t<Y>>) {
      s.add("ashlar: ").add(Op::name).add(" got ").add(name_of(dtype_of<element_t<X>>)).add(" and ");
      s.add(name_of(dtype_of<element_t<Y>>)).add(": nothing is converted silently");
    } else if (!fits) {
      s.add("ashlar: ").add(Op::name).add(" takes input and target of one shape but they are ");
      add_shape(s, x);
      s.add(" and ");
      add_shape(s, y);
    } else if (Op::by_rows && x.rank == 0) {
      s.add("ashlar: Reduction::batchmean divides by the number of rows, so the input has one dimension or more");
    }
    return s;
  }();
};

template <class Op, class X, class Y>
void check_pair(X const& input, Y const& target) {
  if (input.shape() == target.shape()) return;
  throw Error(Errc::shape, std::string(Op::name) + " takes input and target of one shape but they are " +
                               to_string(input.shape()) + " and " + to_string(target.shape()));
}

/// A loss of element pairs (input, target) by a functor of kernels/loss/elementwise.hpp.
template <class F, class R>
struct PairLossOp {
  static constexpr std::string_view name = F::name;
  static constexpr bool by_rows = R::by_rows;

  F f;

  template <class X, class Y>
  auto output(X input, Y target) const {
    check_pair<PairLossOp>(input, target);
    return reduced<R, typename X::value_type>(input.dims());
  }
  template <class Z, class X, class Y>
  void forward(Z z, X input, Y target) const {
    kernels::loss(f, input.numel(), input.data(), target.data(), R::value, z.data());
    if constexpr (by_rows) *z.data() /= static_cast<typename X::value_type>(input.size(0));
  }
  template <class Z, class X, class Y>
  void pullback(Z dz, Z, X const& input, Y const& target) const {
    auto const* upstream = dz.data();
    auto row_share = *upstream;
    if constexpr (by_rows) {
      row_share /= static_cast<typename X::value_type>(input.size(0));
      upstream = &row_share;
    }
    kernels::loss_pullback(f, input.numel(), input.data(), target.data(), R::value, upstream, input.grad, target.grad);
  }
};

/// Error: value, with the first number that is no probability. On a device, as in PyTorch, nobody looks.
template <class X>
void check_probabilities(X const& x, char const* loss) {
  if constexpr (on_host<X>()) {
    for (std::size_t i = 0; i < x.numel(); ++i) {
      if (x.data()[i] >= 0 && x.data()[i] <= 1) continue;
      throw Error(Errc::value, std::string(loss) + " takes probabilities, from 0 to 1, but element " +
                                   std::to_string(i) + " is " + std::to_string(x.data()[i]));
    }
  }
}

template <class T, class R>
struct BceWithLogitsOp {
  static constexpr std::string_view name = kernels::BceWithLogitsLoss::name;
  static constexpr bool by_rows = false;

  BceWithLogitsOptions<T> options;

  template <class X, class Y>
  auto output(X input, Y target, bool on_cuda = false) const {
    check_pair<BceWithLogitsOp>(input, target);
    std::size_t const size = options.pos_weight.size();
    options.pos_weight.check(size == 1 ? 1 : last(input), "binary_cross_entropy_with_logits", on_cuda);
    return reduced<R, T>(input.dims());
  }
  template <class X, class Y>
  void prepare(TapeCore& tape, X, Y) {
    options.pos_weight.keep(tape);
  }
  template <class Z, class X, class Y>
  void forward(Z z, X input, Y target) const {
    kernels::bce_with_logits(rows(input), columns(input), input.data(), target.data(), options.pos_weight.data(),
                             R::value, z.data());
  }
  template <class Z, class X, class Y>
  void pullback(Z dz, Z, X const& input, Y const& target) const {
    kernels::bce_with_logits_pullback(rows(input), columns(input), input.data(), target.data(),
                                      options.pos_weight.data(), R::value, dz.data(), input.grad, target.grad);
  }

  template <class X>
  [[nodiscard]] std::size_t columns(X const& input) const {
    return options.pos_weight.size() == 1 ? 1 : last(input);
  }
  template <class X>
  [[nodiscard]] std::size_t rows(X const& input) const {
    return input.numel() == 0 ? 0 : input.numel() / columns(input);
  }

 private:
  template <class X>
  static std::size_t last(X const& input) {
    return X::dims_type::rank == 0 ? 1 : input.shape().back();
  }
};

template <class Op, class X, class Y>
auto pair_loss(Op const& op, X const& input, Y const& target) {
  if constexpr (!together<X, Y>()) {
    return refuse_device<Op, X, Y>();
  } else if constexpr (!PairLossMistake<Op, X, Y>::value.empty()) {
    refuse<PairLossMistake<Op, X, Y>>();
    return harmless(input, Like<typename X::value_type>{});
  } else {
    return apply(op, input, target);
  }
}

}  // namespace detail

// Losses of (input, target). Shapes: equal -> (), or that shape with Reduction::none. Both get gradients, those of
// PyTorch. Errors: shape, at compile time where the types know. Source: torch.nn.functional's functions of these names;
// oracle tests/golden/layers.

/// (input - target)^2.
template <TensorLike X, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto mse_loss(X const& input, Y const& target, R = {}) {
  return detail::pair_loss(detail::PairLossOp<kernels::MseLoss, R>{}, input, target);
}

/// |input - target|.
template <TensorLike X, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto l1_loss(X const& input, Y const& target, R = {}) {
  return detail::pair_loss(detail::PairLossOp<kernels::L1Loss, R>{}, input, target);
}

/// Half the square over beta where |input - target| is below beta, else |input - target| - beta / 2.
template <TensorLike X, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto smooth_l1_loss(X const& input, Y const& target, SmoothL1Options options = {}, R = {}) {
  return detail::pair_loss(detail::PairLossOp<kernels::SmoothL1Loss, R>{{options.beta}}, input, target);
}

/// Half the square where |input - target| is at most delta, else delta * (|input - target| - delta / 2).
template <TensorLike X, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto huber_loss(X const& input, Y const& target, HuberOptions options = {}, R = {}) {
  return detail::pair_loss(detail::PairLossOp<kernels::HuberLoss, R>{{options.delta}}, input, target);
}

/// Kullback-Leibler divergence of log-probabilities from target probabilities. Reduction::batchmean, the sum over the
/// number of rows, is its mathematical definition; the default is the mean over elements, as in PyTorch.
template <TensorLike X, TensorLike Y, detail::IsReduction R = detail::Mean>
auto kl_div(X const& input, Y const& target, KlDivOptions options = {}, R = {}) {
  return detail::pair_loss(detail::PairLossOp<kernels::KlDivLoss, R>{{options.log_target}}, input, target);
}

/// Binary cross-entropy of probabilities against probabilities; logarithms are at least -100. With logits,
/// binary_cross_entropy_with_logits is more exact. Error: value, if an input on the host is not from 0 to 1.
template <TensorLike X, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto binary_cross_entropy(X const& input, Y const& target, R = {}) {
  detail::check_probabilities(input, "binary_cross_entropy");
  return detail::pair_loss(detail::PairLossOp<kernels::BceLoss, R>{}, input, target);
}

/// Binary cross-entropy of logits against probabilities, without overflow.
template <TensorLike X, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto binary_cross_entropy_with_logits(X const& input, Y const& target,
                                      BceWithLogitsOptions<detail::element_t<X>> const& options = {}, R = {}) {
  return detail::pair_loss(detail::BceWithLogitsOp<detail::element_t<X>, R>{options}, input, target);
}

}  // namespace ashlar
