// Ashlar: two small Linear layers and the activation between them in one kernel, on a CUDA device.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/linear/cuda.cuh>
#include <ashlar/kernels/linear/mlp.cuh>
#include <ashlar/nn/linear.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

/// y = act(x * transpose(weight1) + bias1) * transpose(weight2) + bias2, forward only.
template <std::size_t In, std::size_t Hidden, std::size_t Out, class T, class Act>
struct MlpOp {
  static constexpr std::string_view name = "linear";

  template <std::size_t... E, class... Parameters>
  auto output(View<T const, E...> x, Parameters const&...) const {
    if constexpr (Dims<E...>::extents[sizeof...(E) - 1] == dyn) check_last(x.shape(), In, "Linear");
    return like<T>(with_last<Out>(x.dims()));
  }
};

template <std::size_t In, std::size_t Hidden, std::size_t Out, class T, class Act>
struct DeviceOp<MlpOp<In, Hidden, Out, T, Act>> {
  MlpOp<In, Hidden, Out, T, Act> op;
  T* hidden = nullptr;

  template <class X, class... Parameters>
  void prepare(CudaRun& run, X x, Parameters const&...) {
    std::size_t const rows = x.numel() / In;
    if (rows > kernels::cuda::most_rows_of_mlp) hidden = run.allocate<T>(rows * Hidden);
  }
  template <class Y, class X, class W1, class B1, class W2, class B2>
  void forward(CudaLauncher& on, Y y, X x, W1 weight1, B1 bias1, W2 weight2, B2 bias2) const {
    std::size_t const rows = y.numel() / Out;
    if (hidden == nullptr) {
      return kernels::cuda::mlp<In, Hidden, Out, T>(on, rows, x.data(), weight1.data(), bias1.data(), Act{},
                                                    weight2.data(), bias2.data(), y.data());
    }
    kernels::cuda::linear<In, Hidden, T, Act>(on, rows, x.data(), weight1.data(), bias1.data(), hidden);
    kernels::cuda::linear<Hidden, Out, T>(on, rows, hidden, weight2.data(), bias2.data(), y.data());
  }
};

}  // namespace detail

/// Three members of a chain in one launch, found by `forward` for values that are not recorded.
template <class T, std::size_t... E, std::size_t In, std::size_t Hidden, std::size_t Out, class Act>
  requires(kernels::cuda::mlp_fits<In, Hidden, Out, T> && requires { typename Act::kernel; })
auto fused_layers(CudaTraced<Inference, T, E...> const& x, Linear<In, Hidden, T, true> const& first, Act const&,
                  Linear<Hidden, Out, T, true> const& last) {
  return apply(detail::MlpOp<In, Hidden, Out, T, typename Act::kernel>{}, x, first.weight, first.bias, last.weight,
               last.bias);
}

}  // namespace ashlar
