// Ashlar: softmax, losses, sums and means on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda/op.hpp>
#include <ashlar/kernels/broadcast/cuda.cuh>
#include <ashlar/kernels/loss/cross_entropy.cuh>
#include <ashlar/kernels/loss/cuda.cuh>
#include <ashlar/kernels/loss/nll.cuh>
#include <ashlar/kernels/pointwise/cuda.cuh>
#include <ashlar/kernels/reduce/cuda.cuh>
#include <ashlar/kernels/softmax/cuda.cuh>
#include <ashlar/nn/cross_entropy.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/nn/softmax.hpp>

#include <cstddef>

namespace ashlar::detail {

template <bool Log>
struct DeviceOp<SoftmaxOp<Log>> {
  SoftmaxOp<Log> op;

  template <class Y, class X>
  void forward(CudaLauncher& on, Y y, X x) const {
    Along const a = op.along(y);
    if (a.size == 0) return;
    if constexpr (Log) {
      kernels::cuda::log_softmax(on, a.rows(), a.size, x.data(), y.data(), a.inner);
    } else {
      kernels::cuda::softmax(on, a.rows(), a.size, x.data(), y.data(), a.inner);
    }
  }
  template <class Y, class X>
  void pullback(CudaLauncher& on, Y dy, Y y, X const& x) const {
    Along const a = op.along(y);
    if (x.grad == nullptr || a.size == 0) return;
    if constexpr (Log) {
      kernels::cuda::log_softmax_pullback(on, a.rows(), a.size, y.data(), dy.data(), x.grad, a.inner);
    } else {
      kernels::cuda::softmax_pullback(on, a.rows(), a.size, y.data(), dy.data(), x.grad, a.inner);
    }
  }
};

/// A target that is no class makes the loss NaN: the host does not look at them, because it would have to wait.
template <class T, class R>
struct DeviceOp<CrossEntropyOp<T, R>> {
  using Op = CrossEntropyOp<T, R>;
  Op op;
  double* counted = nullptr;

  template <class X, class Y>
  auto output(X input, Y targets) const {
    check_class_shapes<Op>(input, targets, op.options.weight, true);
    return op.result(input, targets);
  }
  template <class X, class Y>
  void prepare(CudaRun& run, X input, Y) {
    op.log_norm = run.allocate<T>(along_classes(input).rows());
    counted = run.allocate<double>(1);
    op.options.weight.keep_on_device(run);
  }
  template <class Z, class X, class Y>
  void forward(CudaLauncher& on, Z z, X input, Y targets) const {
    Along const a = along_classes(input);
    if constexpr (are_classes<Y>) {
      kernels::cuda::cross_entropy(on, a.rows(), a.size, input.data(), targets.data(), op.settings(), z.data(),
                                   op.log_norm, counted, a.inner);
    } else {
      kernels::cuda::cross_entropy_probabilities(on, a.rows(), a.size, input.data(), targets.data(), op.settings(),
                                                 z.data(), op.log_norm, a.inner);
    }
  }
  template <class Z, class X, class Y>
  void pullback(CudaLauncher& on, Z dz, Z, X const& input, Y const& targets) const {
    Along const a = along_classes(input);
    T const* const norm = op.log_norm;
    if constexpr (are_classes<Y>) {
      if (input.grad == nullptr) return;
      kernels::cuda::cross_entropy_pullback(on, a.rows(), a.size, input.data(), targets.data(), op.settings(), norm,
                                            static_cast<double const*>(counted), dz.data(), input.grad, a.inner);
    } else {
      kernels::cuda::cross_entropy_probabilities_pullback(on, a.rows(), a.size, input.data(), targets.data(),
                                                          op.settings(), norm, dz.data(), input.grad, targets.grad,
                                                          a.inner);
    }
  }
};

template <class T, class R>
struct DeviceOp<NllLossOp<T, R>> {
  using Op = NllLossOp<T, R>;
  Op op;
  double* counted = nullptr;

  template <class X, class Y>
  auto output(X input, Y targets) const {
    check_class_shapes<Op>(input, targets, op.options.weight, true);
    return reduced<R, T>(targets.dims());
  }
  template <class X, class Y>
  void prepare(CudaRun& run, X, Y) {
    counted = run.allocate<double>(1);
    op.options.weight.keep_on_device(run);
  }
  template <class Z, class X, class Y>
  void forward(CudaLauncher& on, Z z, X input, Y targets) const {
    Along const a = along_classes(input);
    kernels::cuda::nll(on, a.rows(), a.size, input.data(), targets.data(), op.settings(), z.data(), counted, a.inner);
  }
  template <class Z, class X, class Y>
  void pullback(CudaLauncher& on, Z dz, Z, X const& input, Y const& targets) const {
    if (input.grad == nullptr) return;
    Along const a = along_classes(input);
    kernels::cuda::nll_pullback(on, a.rows(), a.size, targets.data(), op.settings(),
                                static_cast<double const*>(counted), dz.data(), input.grad, a.inner);
  }
};

template <class F, class R>
struct DeviceOp<PairLossOp<F, R>> {
  PairLossOp<F, R> op;
  void* row_share = nullptr;  // dz over the number of rows, for Reduction::batchmean

  template <class X, class Y>
  void prepare(CudaRun& run, X, Y) {
    if constexpr (R::by_rows) row_share = run.template allocate<typename X::value_type>(1);
  }
  template <class Z, class X, class Y>
  void forward(CudaLauncher& on, Z z, X input, Y target) const {
    kernels::cuda::loss(on, op.f, input.numel(), input.data(), target.data(), R::value, z.data());
    if constexpr (R::by_rows) {
      kernels::cuda::div_scalar(on, 1, static_cast<decltype(input.data())>(z.data()), rows_of(input), z.data());
    }
  }
  template <class Z, class X, class Y>
  void pullback(CudaLauncher& on, Z dz, Z, X const& input, Y const& target) const {
    using T = typename X::value_type;
    T const* upstream = dz.data();
    if constexpr (R::by_rows) {
      kernels::cuda::div_scalar(on, 1, upstream, rows_of(input), static_cast<T*>(row_share));
      upstream = static_cast<T const*>(row_share);
    }
    kernels::cuda::loss_pullback(on, op.f, input.numel(), input.data(), target.data(), R::value, upstream, input.grad,
                                 target.grad);
  }

 private:
  template <class X>
  static auto rows_of(X const& input) {
    return static_cast<typename X::value_type>(input.size(0));
  }
};

template <class T, class R>
struct DeviceOp<BceWithLogitsOp<T, R>> {
  BceWithLogitsOp<T, R> op;

  template <class X, class Y>
  auto output(X input, Y target) const {
    return op.output(input, target, true);
  }
  template <class X, class Y>
  void prepare(CudaRun& run, X, Y) {
    op.options.pos_weight.keep_on_device(run);
  }
  template <class Z, class X, class Y>
  void forward(CudaLauncher& on, Z z, X input, Y target) const {
    kernels::cuda::bce_with_logits(on, op.rows(input), op.columns(input), input.data(), target.data(),
                                   op.options.pos_weight.data(), R::value, z.data());
  }
  template <class Z, class X, class Y>
  void pullback(CudaLauncher& on, Z dz, Z, X const& input, Y const& target) const {
    kernels::cuda::bce_with_logits_pullback(on, op.rows(input), op.columns(input), input.data(), target.data(),
                                            op.options.pos_weight.data(), R::value, dz.data(), input.grad, target.grad);
  }
};

template <bool Mean>
struct DeviceOp<ReduceOp<Mean>> {
  ReduceOp<Mean> op;

  template <class Y, class X>
  void forward(CudaLauncher& on, Y y, X x) const {
    if constexpr (Mean) {
      kernels::cuda::mean(on, x.numel(), x.data(), y.data());
    } else {
      kernels::cuda::sum(on, x.numel(), x.data(), y.data());
    }
  }
  template <class Y, class X>
  void pullback(CudaLauncher& on, Y dy, Y, X const& x) const {
    using T = typename Y::value_type;
    if (x.grad == nullptr) return;
    kernels::cuda::add_share(on, x.numel(), dy.data(), Mean ? static_cast<T>(x.numel()) : T(1), x.grad);
  }
};

}  // namespace ashlar::detail
