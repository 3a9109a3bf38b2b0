// Ashlar: cross_entropy and nll_loss, the losses of classifiers.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/loss/cpu.hpp>
#include <ashlar/nn/along.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/reduction.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// Settings of cross_entropy: PyTorch's names, order and defaults.
template <class T>
struct CrossEntropyOptions {
  Weights<T> weight{};               ///< of the classes, (C): the mean divides by the sum of the targets' weights
  std::int64_t ignore_index = -100;  ///< rows with this target count neither in the sum nor in the mean
  double label_smoothing = 0;        ///< in [0, 1]: that share of the target is spread over all classes
};

/// Settings of nll_loss.
template <class T>
struct NllLossOptions {
  Weights<T> weight{};
  std::int64_t ignore_index = -100;
};

namespace detail {

/// Classes lie in dimension 1; a single row (C) has no other.
constexpr std::size_t class_dim(std::size_t rank) { return rank > 1 ? 1 : 0; }

constexpr Extents without_classes(Extents const& e) {
  Extents rest{e.rank - 1, {}};
  for (std::size_t d = 0; d < rest.rank; ++d) rest[d] = e[d < class_dim(e.rank) ? d : d + 1];
  return rest;
}

template <class Y>
inline constexpr bool are_classes = std::is_same_v<typename Y::value_type, std::int64_t>;

template <class Op, class L, class Y>
struct ClassLossMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr Extents input = L::dims_type::type();
    constexpr Extents targets = Y::dims_type::type();
    constexpr bool probabilities = Op::takes_probabilities && std::is_same_v<element_t<Y>, element_t<L>>;
    if (!are_classes<Y> && !probabilities) {
      s.add("ashlar: ").add(Op::name).add(" takes targets of i64");
      if (Op::takes_probabilities) s.add(", or probabilities of ").add(name_of(dtype_of<element_t<L>>));
      s.add(", but got ").add(name_of(dtype_of<element_t<Y>>));
    } else if (input.rank == 0) {
      s.add("ashlar: ").add(Op::name).add(" takes an input (N, C), (N, C, ...) or (C) but got ()");
    } else {
      Extents const expected = probabilities ? input : without_classes(input);
      bool fits = expected.rank == targets.rank;
      for (std::size_t d = 0; fits && d < expected.rank; ++d) {
        fits = expected[d] == targets[d] || expected[d] == dyn || targets[d] == dyn;
      }
      if (!fits) {
        s.add("ashlar: ").add(Op::name).add(" of an input ");
        add_shape(s, input);
        s.add(" takes targets ");
        add_shape(s, expected);
        s.add(" but got ");
        add_shape(s, targets);
      }
    }
    return s;
  }();
};

/// The extents of a loss: `dims` with Reduction::none, else none.
template <class R, class T, class D>
auto reduced(D const& dims) {
  if constexpr (R::value == kernels::Reduction::none) {
    return like<T>(dims);
  } else {
    return Like<T>{};
  }
}

/// Checks of the extents what the types left open, and the weights. Errors: shape, device.
template <class Op, class X, class Y>
void check_class_shapes(X const& input, Y const& targets, Weights<typename X::value_type> const& weight,
                        bool on_cuda = false) {
  Extents const expected = are_classes<Y> ? without_classes(input.shape()) : input.shape();
  if (!(targets.shape() == expected)) {
    throw Error(Errc::shape, std::string(Op::name) + " of an input " + to_string(input.shape()) + " takes targets " +
                                 to_string(expected) + " but got " + to_string(targets.shape()));
  }
  std::size_t const classes = input.size(class_dim(X::dims_type::rank));
  if (classes == 0) throw Error(Errc::shape, std::string(Op::name) + " takes at least one class");
  weight.check(classes, Op::name.data(), on_cuda);
}

/// Checks what the types left open. Errors: shape, value.
template <class Op, class X, class Y>
void check_classes(X const& input, Y const& targets, Weights<typename X::value_type> const& weight,
                   std::int64_t ignore_index) {
  check_class_shapes<Op>(input, targets, weight);
  if constexpr (are_classes<Y>) {
    std::size_t const classes = input.size(class_dim(X::dims_type::rank));
    std::size_t const bad = kernels::first_bad_target(targets.numel(), classes, targets.data(), ignore_index);
    if (bad != targets.numel()) {
      throw Error(Errc::value, "target " + std::to_string(targets.data()[bad]) + " of row " + std::to_string(bad) +
                                   " is no class: there are " + std::to_string(classes) + ", from 0");
    }
  }
}

template <class X>
Along along_classes(X const& input) {
  return Along(input.shape(), class_dim(X::dims_type::rank));
}

template <class T, class R>
struct CrossEntropyOp {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr bool takes_probabilities = true;

  CrossEntropyOptions<T> options;
  T* log_norm = nullptr;  // (rows): kept for the way back
  double counted = 0;

  template <class X, class Y>
  auto output(X input, Y targets) const {
    check_classes<CrossEntropyOp>(input, targets, options.weight, options.ignore_index);
    return result(input, targets);
  }
  /// What output gives, with no element read.
  template <class X, class Y>
  auto result(X input, Y targets) const {
    if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
      throw Error(Errc::value, "label_smoothing is from 0 to 1 but is " + std::to_string(options.label_smoothing));
    }
    if constexpr (are_classes<Y>) {
      return reduced<R, T>(targets.dims());
    } else {
      return reduced<R, T>(without_dim<class_dim(X::dims_type::rank)>(input.dims()));
    }
  }
  template <class X, class Y>
  void prepare(TapeCore& tape, X input, Y) {
    log_norm = tape.template allocate<T>(along_classes(input).rows());
    options.weight.keep(tape);
  }
  template <class Z, class X, class Y>
  void forward(Z z, X input, Y targets) {
    Along const a = along_classes(input);
    RowsOf<T> const x(a, input.data());
    Tensor<T, dyn> scratch(uninitialized_t{}, make_dims<dyn>(log_norm == nullptr ? a.rows() : 0));
    T* const norm = log_norm == nullptr ? scratch.data() : log_norm;
    if constexpr (are_classes<Y>) {
      counted = kernels::cross_entropy(a.rows(), a.size, x.data(), targets.data(), settings(), z.data(), norm);
    } else {
      RowsOf<T> const q(a, targets.data());
      kernels::cross_entropy_probabilities(a.rows(), a.size, x.data(), q.data(), settings(), z.data(), norm);
    }
  }
  template <class Z, class X, class Y>
  void pullback(Z dz, Z, X const& input, Y const& targets) const {
    Along const a = along_classes(input);
    RowsOf<T> const x(a, input.data());
    RowsInto<T> dx(a, input.grad);
    T const* const norm = log_norm;
    if constexpr (are_classes<Y>) {
      if (input.grad == nullptr) return;
      kernels::cross_entropy_pullback(a.rows(), a.size, x.data(), targets.data(), settings(), norm, counted, dz.data(),
                                      dx.data());
    } else {
      RowsOf<T> const q(a, targets.data());
      RowsInto<T> dq(a, targets.grad);
      kernels::cross_entropy_probabilities_pullback(a.rows(), a.size, x.data(), q.data(), settings(), norm, dz.data(),
                                                    dx.data(), dq.data());
    }
  }

  [[nodiscard]] kernels::CrossEntropy<T> settings() const {
    return {options.weight.data(), options.ignore_index, R::value, options.label_smoothing};
  }
};

template <class T, class R>
struct NllLossOp {
  static constexpr std::string_view name = "nll_loss";
  static constexpr bool takes_probabilities = false;

  NllLossOptions<T> options;
  double counted = 0;

  template <class X, class Y>
  auto output(X input, Y targets) const {
    check_classes<NllLossOp>(input, targets, options.weight, options.ignore_index);
    return reduced<R, T>(targets.dims());
  }
  template <class X, class Y>
  void prepare(TapeCore& tape, X, Y) {
    options.weight.keep(tape);
  }
  template <class Z, class X, class Y>
  void forward(Z z, X input, Y targets) {
    Along const a = along_classes(input);
    RowsOf<T> const x(a, input.data());
    counted = kernels::nll(a.rows(), a.size, x.data(), targets.data(), settings(), z.data());
  }
  template <class Z, class X, class Y>
  void pullback(Z dz, Z, X const& input, Y const& targets) const {
    if (input.grad == nullptr) return;
    Along const a = along_classes(input);
    RowsInto<T> dx(a, input.grad);
    kernels::nll_pullback(a.rows(), a.size, targets.data(), settings(), counted, dz.data(), dx.data());
  }

  [[nodiscard]] kernels::CrossEntropy<T> settings() const {
    return {options.weight.data(), options.ignore_index, R::value, 0};
  }
};

template <class Op, class L, class Y, class Options>
auto class_loss(L const& input, Y const& targets, Options const& options) {
  if constexpr (!together<L, Y>()) {
    return refuse_device<Op, L, Y>();
  } else if constexpr (!ClassLossMistake<Op, L, Y>::value.empty()) {
    refuse<ClassLossMistake<Op, L, Y>>();
    return harmless(input, Like<typename L::value_type>{});
  } else {
    return apply(Op{options}, input, targets);
  }
}

}  // namespace detail

/// Cross-entropy of logits against class indices, or against probabilities: torch.nn.functional.cross_entropy.
///
/// Shapes  logits (N, C), (N, C, d...) or (C); class indices without C: (N), (N, d...) or (), or probabilities of the
///         shape of the logits -> (), with Reduction::none the shape of the class indices.
/// Dtype   indices are std::int64_t in [0, C) or ignore_index; probabilities and weights have the logits' dtype.
///         Probabilities get a gradient; ignore_index has no meaning for them and their mean divides by the rows.
/// Memory  classes that are not the last dimension are copied there, with memory from the pool.
/// Errors  run time: shape, if targets or weights do not fit; value, if a target is no class (its row is named).
///         compile time: the same, where the types know.
/// Note    if all rows are ignored the mean is NaN, as in PyTorch.
/// Source  oracle tests/golden/layers/cross_entropy*.safetensors.
template <TensorLike L, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto cross_entropy(L const& logits, Y const& targets, CrossEntropyOptions<detail::element_t<L>> const& options = {},
                   R = {}) {
  return detail::class_loss<detail::CrossEntropyOp<detail::element_t<L>, R>>(logits, targets, options);
}

/// Negative log-likelihood of log-probabilities, taken as they are: torch.nn.functional.nll_loss.
///
/// Shapes and errors are those of cross_entropy with class indices.
/// Source  oracle tests/golden/layers/nll*.safetensors.
template <TensorLike L, TensorLike Y, detail::PlainReduction R = detail::Mean>
auto nll_loss(L const& log_probabilities, Y const& targets, NllLossOptions<detail::element_t<L>> const& options = {},
              R = {}) {
  return detail::class_loss<detail::NllLossOp<detail::element_t<L>, R>>(log_probabilities, targets, options);
}

}  // namespace ashlar
