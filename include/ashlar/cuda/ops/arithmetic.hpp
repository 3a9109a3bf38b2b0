// Ashlar: + - * / on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/broadcast/cuda.cuh>
#include <ashlar/kernels/pointwise/cuda.cuh>
#include <ashlar/kernels/reduce/rows.cuh>
#include <ashlar/nn/arithmetic.hpp>

#include <cstddef>

namespace ashlar::detail {

template <Arithmetic K, bool BIsSmall>
struct DeviceOp<BinaryOp<K, BIsSmall>> {
  BinaryOp<K, BIsSmall> op;
  void* each = nullptr;  // what each element gives to a repeated operand

  template <class A, class B>
  void prepare(CudaRun& run, A a, B b) {
    using T = typename A::value_type;
    if (a.numel() != b.numel()) each = run.template allocate<T>(BIsSmall ? a.numel() : b.numel());
  }
  template <class Y, class A, class B>
  void forward(CudaLauncher& on, Y y, A a, B b) const {
    std::size_t const n = y.numel();
    if (n == 0) return;
    if (a.numel() != b.numel()) return repeated(on, n, a, b, y.data());
    if constexpr (K == Arithmetic::add) kernels::cuda::add(on, n, a.data(), b.data(), y.data());
    if constexpr (K == Arithmetic::sub) kernels::cuda::sub(on, n, a.data(), b.data(), y.data());
    if constexpr (K == Arithmetic::mul) kernels::cuda::mul(on, n, a.data(), b.data(), y.data());
    if constexpr (K == Arithmetic::div) kernels::cuda::div(on, n, a.data(), b.data(), y.data());
  }
  template <class Y, class A, class B>
  void pullback(CudaLauncher& on, Y dy, Y y, A const& a, B const& b) const {
    if (dy.numel() == 0) return;
    if (a.grad != nullptr) to_a(on, dy, a, b);
    if (b.grad != nullptr) to_b(on, dy, y, a, b);
  }

 private:
  template <class A, class B, class T>
  static void repeated(CudaLauncher& on, std::size_t n, A const& a, B const& b, T* y) {
    auto const run = [&](auto f) { kernels::cuda::repeated(on, f, n, a.data(), a.numel(), b.data(), b.numel(), y); };
    if constexpr (K == Arithmetic::add) run(kernels::cuda::Add{});
    if constexpr (K == Arithmetic::sub) run(kernels::cuda::Sub{});
    if constexpr (K == Arithmetic::mul) run(kernels::cuda::Mul{});
    if constexpr (K == Arithmetic::div) run(kernels::cuda::Div{});
  }
  /// from (n) is added to out, row by row if that is smaller.
  template <class T>
  static void add_to(CudaLauncher& on, std::size_t n, T const* from, std::size_t size, T* out) {
    if (n == size) return kernels::cuda::accumulate(on, n, from, out);
    kernels::cuda::add_rows(on, n / size, size, from, out);
  }

  template <class Y, class A, class B>
  void to_a(CudaLauncher& on, Y dy, A const& a, B const& b) const {
    using T = typename Y::value_type;
    std::size_t const n = dy.numel();
    if constexpr (K == Arithmetic::add || K == Arithmetic::sub) {
      add_to(on, n, dy.data(), a.numel(), a.grad);
    } else if (a.numel() == b.numel()) {
      if constexpr (K == Arithmetic::mul) kernels::cuda::mul_pullback(on, n, dy.data(), b.data(), a.grad);
      else kernels::cuda::div_pullback_a(on, n, dy.data(), b.data(), a.grad);
    } else {
      T* const share = static_cast<T*>(each);
      repeated_share(on, n, dy.data(), b, share);
      add_to(on, n, static_cast<T const*>(share), a.numel(), a.grad);
    }
  }
  template <class Y, class A, class B>
  void to_b(CudaLauncher& on, Y dy, Y y, A const& a, B const& b) const {
    using T = typename Y::value_type;
    std::size_t const n = dy.numel();
    if constexpr (K == Arithmetic::add) {
      add_to(on, n, dy.data(), b.numel(), b.grad);
    } else if (a.numel() == b.numel()) {
      if constexpr (K == Arithmetic::sub) kernels::cuda::axpy(on, n, T(-1), dy.data(), b.grad);
      if constexpr (K == Arithmetic::mul) kernels::cuda::mul_pullback(on, n, dy.data(), a.data(), b.grad);
      if constexpr (K == Arithmetic::div) kernels::cuda::div_pullback_b(on, n, dy.data(), b.data(), y.data(), b.grad);
    } else {
      T* const share = static_cast<T*>(each);
      if constexpr (K == Arithmetic::mul) {
        kernels::cuda::repeated(on, kernels::cuda::Mul{}, n, dy.data(), n, a.data(), a.numel(), share);
      } else {  // -dy, or -dy * y / b
        kernels::cuda::mul_scalar(on, n, dy.data(), T(-1), share);
        if constexpr (K == Arithmetic::div) {
          kernels::cuda::mul(on, n, static_cast<T const*>(share), y.data(), share);
          kernels::cuda::repeated(on, kernels::cuda::Div{}, n, static_cast<T const*>(share), n, b.data(), b.numel(),
                                  share);
        }
      }
      add_to(on, n, static_cast<T const*>(share), b.numel(), b.grad);
    }
  }
  /// dy * b or dy / b.
  template <class T, class B>
  static void repeated_share(CudaLauncher& on, std::size_t n, T const* dy, B const& b, T* share) {
    if constexpr (K == Arithmetic::mul) {
      kernels::cuda::repeated(on, kernels::cuda::Mul{}, n, dy, n, b.data(), b.numel(), share);
    } else {
      kernels::cuda::repeated(on, kernels::cuda::Div{}, n, dy, n, b.data(), b.numel(), share);
    }
  }
};

template <Arithmetic K, bool NumberFirst, class T>
struct DeviceOp<ScalarOp<K, NumberFirst, T>> {
  ScalarOp<K, NumberFirst, T> op;

  template <class Y, class A>
  void forward(CudaLauncher& on, Y y, A a) const {
    std::size_t const n = y.numel();
    if constexpr (K == Arithmetic::add) kernels::cuda::add_scalar(on, n, a.data(), op.s, y.data());
    if constexpr (K == Arithmetic::mul) kernels::cuda::mul_scalar(on, n, a.data(), op.s, y.data());
    if constexpr (K == Arithmetic::sub && !NumberFirst) kernels::cuda::add_scalar(on, n, a.data(), -op.s, y.data());
    if constexpr (K == Arithmetic::sub && NumberFirst) kernels::cuda::scalar_sub(on, n, op.s, a.data(), y.data());
    if constexpr (K == Arithmetic::div && !NumberFirst) kernels::cuda::div_scalar(on, n, a.data(), op.s, y.data());
    if constexpr (K == Arithmetic::div && NumberFirst) kernels::cuda::scalar_div(on, n, op.s, a.data(), y.data());
  }
  template <class Y, class A>
  void pullback(CudaLauncher& on, Y dy, Y y, A const& a) const {
    if (a.grad == nullptr) return;
    std::size_t const n = dy.numel();
    if constexpr (K == Arithmetic::div && NumberFirst) {
      kernels::cuda::div_pullback_b(on, n, dy.data(), a.data(), y.data(), a.grad);
    } else {
      T const slope = K == Arithmetic::mul                  ? op.s
                      : K == Arithmetic::div                ? T(1) / op.s
                      : K == Arithmetic::sub && NumberFirst ? T(-1)
                                                            : T(1);
      kernels::cuda::axpy(on, n, slope, dy.data(), a.grad);
    }
  }
};

}  // namespace ashlar::detail
