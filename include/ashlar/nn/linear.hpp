// Ashlar: Linear, an affine map over the last dimension.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parallel.hpp>
#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/linear/cpu.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/reflect/given_names.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <cmath>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar {
namespace detail {

template <class X, class W, class... B>
struct LinearMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr Extents w = W::dims_type::type();
    if (W::dims_type::has_infer) {
      s.add("ashlar: nothing fills in the input features of Linear<infer, ").add(w[0]);
      s.add(">: write the number, put it in a Sequential, or use Inferred");
      return s;
    }
    if (w.rank != 2 || w[0] == dyn || w[1] == dyn) {
      s.add("ashlar: linear takes a weight (out features, in features) of static extents but its rank is ").add(w.rank);
      return s;
    }
    [[maybe_unused]] auto const check_bias = [&](Extents const& b) {
      if (s.empty() && !(b.rank == 1 && b[0] == w[0])) {
        s.add("ashlar: linear has ").add(w[0]).add(" out features but its bias has ").add(b.rank == 1 ? b[0] : 0);
      }
    };
    (check_bias(B::dims_type::type()), ...);
    FlowStep const step = flow_last(flow_of<X>(), w[1], w[0]);
    if (s.empty() && !step.fits) {
      s.add("ashlar: Linear<").add(w[1]).add(", ").add(w[0]).add("> takes ").add(w[1]);
      s.add(" features but the input has ").add(step.gives);
    }
    return s;
  }();
};

/// y = x * transpose(weight) (+ bias): x (..., In), weight (Out, In), bias (Out) -> y (..., Out). With an activation
/// Act behind it, which kernels::linear takes, it runs forward only.
template <std::size_t In, std::size_t Out, class T, class Act = kernels::Identity>
struct LinearOp {
  static constexpr std::string_view name = "linear";

  template <std::size_t... E, class... Parameters>
  auto output(View<T const, E...> x, Parameters const&...) const {
    if constexpr (Dims<E...>::extents[sizeof...(E) - 1] == dyn) check_last(x.shape(), In, "Linear");
    return like<T>(with_last<Out>(x.dims()));
  }
  template <class Y, class X, class W>
  void forward(Y y, X x, W weight) const {
    linear(y, x.data(), weight.data(), nullptr);
  }
  template <class Y, class X, class W, class B>
  void forward(Y y, X x, W weight, B bias) const {
    linear(y, x.data(), weight.data(), bias.data());
  }
  template <class Y, class X, class W, class... B>
  void pullback(Y dy, Y, X const& x, W const& weight, B const&... bias) const {
    static_assert(std::is_same_v<Act, kernels::Identity>);
    T* dbias = nullptr;
    ((dbias = bias.grad), ...);
    if (weight.grad != nullptr) {
      in_parts(Out, items_of_part(least_products, rows(dy) * In), [&](std::size_t first, std::size_t count) {
        kernels::linear_backward_parameters<In, Out, T>(rows(dy), x.data(), dy.data(), weight.grad, dbias, first,
                                                        count);
      });
    } else if (dbias != nullptr) {
      for (std::size_t i = 0; i < dy.numel(); ++i) dbias[i % Out] += dy.data()[i];
    }
    if (x.grad != nullptr) {
      in_parts(rows(dy), least_rows, [&](std::size_t first, std::size_t count) {
        kernels::linear_backward_input<In, Out, T>(count, dy.data() + first * Out, weight.data(), x.grad + first * In);
      });
    }
  }

 private:
  // A row alone may have other bits than among others; two have not (kernels/linear/cpu.hpp).
  static constexpr std::size_t least_rows = items_of_part(least_products, In* Out, 2);

  template <class Y>
  static void linear(Y y, T const* x, T const* weight, T const* bias) {
    in_parts(rows(y), least_rows, [&](std::size_t first, std::size_t count) {
      kernels::linear<In, Out, T, Act>(count, x + first * In, weight, bias, y.data() + first * Out);
    });
  }
  template <class Y>
  static std::size_t rows(Y const& y) {
    return y.numel() / Out;
  }
};

}  // namespace detail

/// y = x * transpose(weight) + bias, as a function: torch.nn.functional.linear. The bias may be left out.
/// Shapes  x (..., In), weight (Out, In), bias (Out) -> (..., Out).
template <TensorLike X, TensorLike W, TensorLike... B>
auto linear(X const& x, W const& weight, B const&... bias) {
  if constexpr (!detail::together<X, W, B...>()) {
    return detail::refuse_device<detail::LinearOp<0, 0, float>, X, W, B...>();
  } else if constexpr (!detail::one_dtype<X, W, B...>()) {
    detail::refuse<detail::DtypeMistake<detail::LinearOp<0, 0, float>, X, W, B...>>();
    return detail::harmless(x, detail::like<typename X::value_type>(x.dims()));
  } else if constexpr (!detail::LinearMistake<X, W, B...>::value.empty()) {
    detail::refuse<detail::LinearMistake<X, W, B...>>();
    return detail::harmless(x, detail::like<typename X::value_type>(x.dims()));
  } else {
    constexpr std::size_t out = W::dims_type::extents[0];
    constexpr std::size_t in = W::dims_type::extents[1];
    return apply(detail::LinearOp<in, out, typename X::value_type>{}, x, weight, bias...);
  }
}

namespace detail {

/// True if a Linear runs the layer Next, which follows it, in one pass with itself.
template <class Next, std::size_t In, std::size_t Out>
concept RunsNext = requires { typename Next::kernel; } && kernels::fuses<In, Out, typename Next::kernel>;

}  // namespace detail

/// Affine map over the last dimension: y = x * transpose(weight) + bias.
///
/// Shapes  x (..., In), weight (Out, In), bias (Out) -> y (..., Out). Leading dimensions pass through.
/// Dtype   T for parameters, input and result; nothing is converted silently.
/// Keys    weight, bias: what torch.nn.Linear writes into a state_dict.
/// Init    both uniform in [-1/sqrt(In), 1/sqrt(In)), the very numbers PyTorch draws from the same seed.
/// Memory  an aggregate of inline arrays, so a mapped file can be used as a Linear.
/// Cost    2*B*In*Out flops for B rows; allocates y and nothing else.
/// Errors  compile time: the last dimension of x is known and is not In; In is `infer` where nothing fills it in.
///         run time: shape, if it is `dyn` and turns out different.
/// Source  torch.nn.Linear; oracle tests/golden/layers/linear*.safetensors.
template <std::size_t In, std::size_t Out, class T = float, bool Bias = true>
struct Linear {
  static constexpr std::size_t in_features = In;
  static constexpr std::size_t out_features = Out;
  template <std::size_t N>
  using with_input = Linear<N, Out, T, Bias>;

  Parameter<T, Out, In> weight;  // (Out, In)
  Parameter<T, Out> bias;        // (Out)

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return linear(x, weight, bias);
  }
  /// The layer Next behind this one, in one pass, with the same bits: asked by a chain that runs plain tensors.
  template <TensorLike X, detail::RunsNext<In, Out> Next>
  [[nodiscard]] auto fused(X const& x, Next const&) const {
    return apply(detail::LinearOp<In, Out, T, typename Next::kernel>{}, x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return detail::flow_last(in, In, Out); }
  void extra_repr(auto& r) const { r.add("in_features", In).add("out_features", Out).add("bias", Bias); }

  void reset_parameters(TorchRng& rng) {
    init::kaiming_uniform_(weight, std::sqrt(5.0), rng);
    double const bound = 1 / std::sqrt(static_cast<double>(In));
    init::uniform_(bias, -bound, bound, rng);
  }
};

/// Without a bias: y = x * transpose(weight).
template <std::size_t In, std::size_t Out, class T>
struct Linear<In, Out, T, false> {
  static constexpr std::size_t in_features = In;
  static constexpr std::size_t out_features = Out;
  template <std::size_t N>
  using with_input = Linear<N, Out, T, false>;

  Parameter<T, Out, In> weight;  // (Out, In)

  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return linear(x, weight);
  }
  template <TensorLike X, detail::RunsNext<In, Out> Next>
  [[nodiscard]] auto fused(X const& x, Next const&) const {
    return apply(detail::LinearOp<In, Out, T, typename Next::kernel>{}, x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return detail::flow_last(in, In, Out); }
  void extra_repr(auto& r) const { r.add("in_features", In).add("out_features", Out).add("bias", false); }

  void reset_parameters(TorchRng& rng) { init::kaiming_uniform_(weight, std::sqrt(5.0), rng); }
};

template <std::size_t In, std::size_t Out, class T = float>
using LinearNoBias = Linear<In, Out, T, false>;

namespace detail {

template <std::size_t In, std::size_t Out, class T>
struct GivenNames<Linear<In, Out, T, true>> : WeightAndBias {};
template <std::size_t In, std::size_t Out, class T>
struct GivenNames<Linear<In, Out, T, false>> : OnlyWeight {};

template <std::size_t In, std::size_t Out, class T>
struct NameOf<Linear<In, Out, T, true>> : ShortName<Linear<In, Out, T, true>, 3> {};
template <std::size_t In, std::size_t Out>
struct NameOf<Linear<In, Out, float, true>> : NumberedName<"Linear", In, Out> {};

}  // namespace detail

}  // namespace ashlar
