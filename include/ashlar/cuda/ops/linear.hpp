// Ashlar: Linear on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/linear/cuda.cuh>
#include <ashlar/kernels/linear/tensor_cores.cuh>
#include <ashlar/kernels/reduce/rows.cuh>
#include <ashlar/nn/linear.hpp>

#include <cstddef>
#include <type_traits>

namespace ashlar::detail {

/// Calls exact() or, for m x n results of float that tensor cores have sooner, if this thread lets them round,
/// rounded<TensorCores>().
template <class T, class Exact, class Rounded>
void with_precision(std::size_t m, std::size_t n, Exact const& exact, Rounded const& rounded) {
  if constexpr (std::is_same_v<T, float>) {
    using kernels::cuda::TensorCores;
    if (!kernels::cuda::tensor_cores_pay(m, n)) return exact();
    switch (float32_matmul_precision) {
      case Float32MatmulPrecision::highest: break;
      case Float32MatmulPrecision::high: return rounded.template operator()<TensorCores::tf32>();
      case Float32MatmulPrecision::medium: return rounded.template operator()<TensorCores::bf16>();
    }
  }
  exact();
}

template <std::size_t In, std::size_t Out, class T, class Act>
struct DeviceOp<LinearOp<In, Out, T, Act>> {
  LinearOp<In, Out, T, Act> op;

  template <class Y, class X, class W>
  void forward(CudaLauncher& on, Y y, X x, W weight) const {
    run(on, y.numel() / Out, x.data(), weight.data(), nullptr, y.data());
  }
  template <class Y, class X, class W, class B>
  void forward(CudaLauncher& on, Y y, X x, W weight, B bias) const {
    run(on, y.numel() / Out, x.data(), weight.data(), bias.data(), y.data());
  }
  template <class Y, class X, class W, class... B>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x, W const& weight, B const&... bias) const {
    namespace cuda = kernels::cuda;
    std::size_t const rows = dy.numel() / Out;
    T* dbias = nullptr;
    ((dbias = bias.grad), ...);
    if (weight.grad != nullptr) {
      with_precision<T>(
          Out, In,
          [&] { cuda::linear_backward_parameters<In, Out, T>(on, rows, x.data(), dy.data(), weight.grad, dbias); },
          [&]<cuda::TensorCores Kind> {
            cuda::linear_backward_parameters<Kind, In, Out>(on, rows, x.data(), dy.data(), weight.grad, dbias);
          });
    } else if (dbias != nullptr) {
      cuda::add_rows(on, rows, Out, dy.data(), dbias);
    }
    if (x.grad == nullptr) return;
    with_precision<T>(
        rows, In, [&] { cuda::linear_backward_input<In, Out, T>(on, rows, dy.data(), weight.data(), x.grad); },
        [&]<cuda::TensorCores Kind> {
          cuda::linear_backward_input<Kind, In, Out>(on, rows, dy.data(), weight.data(), x.grad);
        });
  }

 private:
  static void run(CudaLauncher& on, std::size_t rows, T const* x, T const* weight, T const* bias, T* y) {
    namespace cuda = kernels::cuda;
    with_precision<T>(
        rows, Out, [&] { cuda::linear<In, Out, T, Act>(on, rows, x, weight, bias, y); },
        [&]<cuda::TensorCores Kind> { cuda::linear<Kind, In, Out, Act>(on, rows, x, weight, bias, y); });
  }
};

}  // namespace ashlar::detail
