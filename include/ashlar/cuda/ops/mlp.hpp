// Ashlar: small Linear layers and the activations between them in one kernel, on a CUDA device.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/linear/cuda.cuh>
#include <ashlar/kernels/linear/mlp.cuh>
#include <ashlar/nn/linear.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

/// Linear layers with biases of Sizes[0] -> Sizes[1] -> ... features, and a functor of Acts behind each but the last:
/// forward only. Operands are x and each layer's weight and bias.
template <class T, class Acts, std::size_t... Sizes>
struct MlpOp {
  static constexpr std::string_view name = "linear";
  static constexpr std::array sizes{Sizes...};

  template <std::size_t... E, class... Parameters>
  auto output(View<T const, E...> x, Parameters const&...) const {
    if constexpr (Dims<E...>::extents[sizeof...(E) - 1] == dyn) check_last(x.shape(), sizes.front(), "Linear");
    return like<T>(with_last<sizes.back()>(x.dims()));
  }
};

template <class T, class Acts, std::size_t... Sizes>
struct DeviceOp<MlpOp<T, Acts, Sizes...>> {
  using Op = MlpOp<T, Acts, Sizes...>;
  static constexpr std::size_t layers = sizeof...(Sizes) - 1;
  using Pointers = std::array<T const*, layers>;

  Op op;
  T* between[2] = {};  // what layers give to each other, if they run one by one

  template <class X, class... Parameters>
  void prepare(CudaRun& run, X x, Parameters const&...) {
    std::size_t const rows = x.numel() / Op::sizes.front();
    if (rows <= kernels::cuda::most_rows_of_mlp) return;
    std::size_t const widest = *std::max_element(Op::sizes.begin() + 1, Op::sizes.end());
    for (T*& buffer : between) buffer = run.allocate<T>(rows * widest);
  }
  template <class Y, class X, class... Parameters>
  void forward(CudaLauncher& on, Y y, X x, Parameters const&... parameters) const {
    std::array<T const*, 2 * layers> const all{parameters.data()...};
    Pointers weights;
    Pointers biases;
    for (std::size_t l = 0; l < layers; ++l) {
      weights[l] = all[2 * l];
      biases[l] = all[2 * l + 1];
    }
    std::size_t const rows = y.numel() / Op::sizes.back();
    if (between[0] == nullptr) {
      return kernels::cuda::mlp<T, Acts, Sizes...>(on, rows, x.data(), weights, biases, y.data());
    }
    [&]<std::size_t... L>(std::index_sequence<L...>) {
      (layer<L>(on, rows, L == 0 ? x.data() : between[(L + 1) % 2], weights[L], biases[L],
                L + 1 == layers ? y.data() : between[L % 2]),
       ...);
    }(std::make_index_sequence<layers>{});
  }

 private:
  template <std::size_t L>
  static void layer(CudaLauncher& on, std::size_t rows, T const* from, T const* weight, T const* bias, T* to) {
    using Behind = std::tuple_element_t<L, decltype(std::tuple_cat(Acts{}, std::tuple<kernels::Identity>{}))>;
    kernels::cuda::linear<Op::sizes[L], Op::sizes[L + 1], T, Behind>(on, rows, from, weight, bias, to);
  }
};

/// A Linear with a bias, also one inside a Named or a Frozen.
template <std::size_t In, std::size_t Out, class T>
Linear<In, Out, T, true> const& linear_of(Linear<In, Out, T, true> const& layer) {
  return layer;
}
template <class M>
concept LinearWithBias = requires(M const& m) { linear_of(m); };
template <LinearWithBias M>
using LinearOf = std::remove_cvref_t<decltype(linear_of(std::declval<M const&>()))>;

/// The op of members that are an MLP, Linear, activation, Linear and so on, in T: MlpOf<T, M...>::type. `In` is what
/// the first takes.
template <class T, class... M>
struct MlpOf {};
template <class T, LinearWithBias L>
struct MlpOf<T, L> {
  static constexpr std::size_t in = LinearOf<L>::in_features;
  using sizes = std::index_sequence<in, LinearOf<L>::out_features>;
  using acts = std::tuple<>;
};
template <class T, LinearWithBias L, class Act, class... Rest>
  requires requires {
    typename Act::kernel;
    requires MlpOf<T, Rest...>::in == LinearOf<L>::out_features;
    requires std::is_same_v<T, typename decltype(LinearOf<L>::weight)::value_type>;
  }
struct MlpOf<T, L, Act, Rest...> {
  static constexpr std::size_t in = LinearOf<L>::in_features;
  template <std::size_t... S>
  static std::index_sequence<in, S...> with_in(std::index_sequence<S...>);
  using sizes = decltype(with_in(typename MlpOf<T, Rest...>::sizes{}));
  using acts = decltype(std::tuple_cat(std::tuple<typename Act::kernel>{}, typename MlpOf<T, Rest...>::acts{}));
};

template <class T, class Acts, std::size_t... S>
MlpOp<T, Acts, S...> mlp_op(std::index_sequence<S...>) {
  return {};
}
template <class T, std::size_t... S>
constexpr bool mlp_fits_of(std::index_sequence<S...>) {
  return kernels::cuda::mlp_fits<T, S...>;
}

template <class T, class... M>
concept SmallMlp = requires { typename MlpOf<T, M...>::sizes; } && mlp_fits_of<T>(typename MlpOf<T, M...>::sizes{});

template <class M>
auto parameters_of(M const& member) {
  if constexpr (LinearWithBias<M>) {
    return std::tie(linear_of(member).weight, linear_of(member).bias);
  } else {
    return std::tuple<>{};
  }
}

}  // namespace detail

/// Members of a chain in one launch, found by `forward` for values that are not recorded.
template <class T, std::size_t... E, class... M>
  requires(sizeof...(M) > 1 && detail::SmallMlp<T, M...>)
auto fused_layers(CudaTraced<Inference, T, E...> const& x, M const&... members) {
  using Parts = detail::MlpOf<T, M...>;
  return std::apply(
      [&](auto const&... parameters) {
        return apply(detail::mlp_op<T, typename Parts::acts>(typename Parts::sizes{}), x, parameters...);
      },
      std::tuple_cat(detail::parameters_of(members)...));
}

}  // namespace ashlar
