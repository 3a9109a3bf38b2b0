// Ashlar: losses.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/loss/cpu.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ashlar {

/// How the losses of the rows (or elements) become the result.
using kernels::Reduction;

/// Settings of cross_entropy: PyTorch's names and defaults.
struct CrossEntropyOptions {
  double label_smoothing = 0;          ///< in [0, 1]: that share of the target is spread over all classes
  std::int64_t ignore_index = -100;    ///< rows with this target count neither in the sum nor in the mean
};

namespace detail {

template <class L, class Y>
struct CrossEntropyMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr Extents l = L::dims_type::type();
    constexpr Extents y = Y::dims_type::type();
    if (l.rank != 2 || y.rank != 1) {
      s.add("ashlar: cross_entropy takes logits (rows, classes) and targets (rows) but their ranks are ");
      s.add(l.rank).add(" and ").add(y.rank);
    } else if (l[0] != dyn && y[0] != dyn && l[0] != y[0]) {
      s.add("ashlar: cross_entropy got ").add(l[0]).add(" rows of logits but ").add(y[0]).add(" targets");
    }
    return s;
  }();
};

template <class T>
struct CrossEntropyOp {
  CrossEntropyOptions options;
  Reduction reduction;
  T* log_norm = nullptr;  // (rows): kept for the way back
  double counted = 0;

  template <class X, class Y, class... W>
  auto output(X logits, Y targets, W const&... weight) const {
    ((weight.numel() == logits.size(1) ? void() : throw_weights(weight.numel(), logits.size(1))), ...);
    if (logits.size(0) != targets.size(0)) {
      throw Error(Errc::shape, "cross_entropy got " + std::to_string(logits.size(0)) + " rows of logits but " +
                                   std::to_string(targets.size(0)) + " targets");
    }
    std::size_t const bad =
        kernels::first_bad_target(logits.size(0), logits.size(1), targets.data(), options.ignore_index);
    if (bad != logits.size(0)) {
      throw Error(Errc::value, "target " + std::to_string(targets.data()[bad]) + " of row " + std::to_string(bad) +
                                   " is no class: there are " + std::to_string(logits.size(1)) + ", from 0");
    }
    if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
      throw Error(Errc::value, "label_smoothing is from 0 to 1 but is " + std::to_string(options.label_smoothing));
    }
    return Like<T>{};
  }
  template <class X, class Y, class... W>
  void prepare(TapeCore& tape, X logits, Y, W const&...) {
    log_norm = tape.template allocate<T>(logits.size(0));
  }
  template <class Z, class X, class Y, class... W>
  void forward(Z z, X logits, Y targets, W const&... weight) {
    Tensor<T, dyn> scratch(detail::uninitialized_t{}, make_dims<dyn>(log_norm == nullptr ? logits.size(0) : 0));
    counted = kernels::cross_entropy(logits.size(0), logits.size(1), logits.data(), targets.data(), settings(weight...),
                                     z.data(), log_norm == nullptr ? scratch.data() : log_norm);
  }
  template <class Z, class X, class Y, class... W>
  void pullback(Z dz, Z, X const& logits, Y const& targets, W const&... weight) const {
    if (logits.grad == nullptr) return;
    kernels::cross_entropy_pullback(logits.size(0), logits.size(1), logits.data(), targets.data(), settings(weight...),
                                    static_cast<T const*>(log_norm), counted, dz.data(), logits.grad);
  }

 private:
  template <class... W>
  [[nodiscard]] kernels::CrossEntropy<T> settings(W const&... weight) const {
    T const* weights = nullptr;
    ((weights = weight.data()), ...);
    return {weights, options.ignore_index, reduction, options.label_smoothing};
  }
  [[noreturn]] static void throw_weights(std::size_t weights, std::size_t classes) {
    throw Error(Errc::shape, "cross_entropy takes one weight for each of " + std::to_string(classes) +
                                 " classes but got " + std::to_string(weights));
  }
};

/// A loss of element pairs (input, target): mean, or sum.
template <class F>
struct PairLossOp {
  F f;
  Reduction reduction;

  template <class X, class Y>
  auto output(X input, Y target) const {
    if (!(input.shape() == target.shape())) {
      throw Error(Errc::shape, "a loss takes input and target of one shape but they are " + to_string(input.shape()) +
                                   " and " + to_string(target.shape()));
    }
    return Like<typename X::value_type>{};
  }
  template <class Z, class X, class Y>
  void forward(Z z, X input, Y target) const {
    kernels::loss(f, input.numel(), input.data(), target.data(), reduction, z.data());
  }
  template <class Z, class X, class Y>
  void pullback(Z dz, Z, X const& input, Y const& target) const {
    kernels::loss_pullback(f, input.numel(), input.data(), target.data(), reduction, dz.data(), input.grad,
                           target.grad);
  }
};

template <class F, class X, class Y>
auto pair_loss(F f, X const& input, Y const& target, Reduction reduction) {
  static_assert(std::is_same_v<typename X::value_type, typename Y::value_type>,
                "ashlar: input and target of this loss have the same dtype");
  if (reduction == Reduction::none) {
    throw Error(Errc::value, "Reduction::none gives a tensor, not a scalar: use the elementwise functions for it");
  }
  return apply(PairLossOp<F>{f, reduction}, input, target);
}

template <class L, class Y, class... W>
auto cross_entropy_of(CrossEntropyOptions const& options, Reduction reduction, L const& logits, Y const& targets,
                      W const&... weight) {
  static_assert(std::is_same_v<typename Y::value_type, std::int64_t>,
                "ashlar: targets of cross_entropy are class indices, std::int64_t");
  using T = typename L::value_type;
  using Mistake = CrossEntropyMistake<L, Y>;
  refuse<Mistake>();
  if constexpr (!Mistake::value.empty()) {
    return harmless(logits, Like<T>{});
  } else {
    if (reduction == Reduction::none) {
      throw Error(Errc::value, "Reduction::none gives a tensor, not a scalar: use log_softmax for it");
    }
    return apply(CrossEntropyOp<T>{options, reduction}, logits, targets, weight...);
  }
}

}  // namespace detail

/// Cross-entropy of logits against class indices: torch.nn.functional.cross_entropy.
///
/// Shapes  logits (N, C), targets (N) of std::int64_t in [0, C) or ignore_index -> ().
/// Errors  run time: shape, if the numbers of rows differ; value, if a target is no class (its row is named).
///         compile time: other ranks.
/// Note    if all rows are ignored the mean is NaN, as in PyTorch.
/// Source  oracle tests/golden/layers/cross_entropy*.safetensors.
template <TensorLike L, TensorLike Y>
auto cross_entropy(L const& logits, Y const& targets, CrossEntropyOptions options = {},
                   Reduction reduction = Reduction::mean) {
  return detail::cross_entropy_of(options, reduction, logits, targets);
}

/// With a weight for each class, weight (C), which gets no gradient: the mean divides by the sum of the targets'
/// weights.
template <TensorLike L, TensorLike Y, TensorLike W>
auto cross_entropy(L const& logits, Y const& targets, W const& weight, CrossEntropyOptions options = {},
                   Reduction reduction = Reduction::mean) {
  static_assert(std::is_same_v<typename W::value_type, typename L::value_type>,
                "ashlar: the class weights of cross_entropy have the dtype of the logits");
  return detail::cross_entropy_of(options, reduction, logits, targets, weight);
}

/// Mean (or sum) of (input - target)^2. Shapes: equal -> (). torch.nn.functional.mse_loss.
template <TensorLike X, TensorLike Y>
auto mse_loss(X const& input, Y const& target, Reduction reduction = Reduction::mean) {
  return detail::pair_loss(kernels::MseLoss{}, input, target, reduction);
}

/// Mean (or sum) of |input - target|. Shapes: equal -> (). torch.nn.functional.l1_loss.
template <TensorLike X, TensorLike Y>
auto l1_loss(X const& input, Y const& target, Reduction reduction = Reduction::mean) {
  return detail::pair_loss(kernels::L1Loss{}, input, target, reduction);
}

/// Squared below beta, absolute above. Shapes: equal -> (). torch.nn.functional.smooth_l1_loss.
template <TensorLike X, TensorLike Y>
auto smooth_l1_loss(X const& input, Y const& target, double beta = 1, Reduction reduction = Reduction::mean) {
  return detail::pair_loss(kernels::SmoothL1Loss{beta}, input, target, reduction);
}

/// Squared below delta, linear above. Shapes: equal -> (). torch.nn.functional.huber_loss.
template <TensorLike X, TensorLike Y>
auto huber_loss(X const& input, Y const& target, double delta = 1, Reduction reduction = Reduction::mean) {
  return detail::pair_loss(kernels::HuberLoss{delta}, input, target, reduction);
}

/// Binary cross-entropy of logits against probabilities, without overflow. Shapes: equal -> ().
/// torch.nn.functional.binary_cross_entropy_with_logits.
template <TensorLike X, TensorLike Y>
auto binary_cross_entropy_with_logits(X const& input, Y const& target, Reduction reduction = Reduction::mean) {
  return detail::pair_loss(kernels::BceWithLogitsLoss{}, input, target, reduction);
}

}  // namespace ashlar
