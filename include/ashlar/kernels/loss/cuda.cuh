// kernels/loss/cuda.cuh: losses of pairs and their pullbacks on the GPU; cross_entropy.cuh has those of classes.
// SPDX-License-Identifier: BSL-1.0
//
// Sums run in double, in an order that n alone fixes (reduce/fold.cuh). 8 bytes an element and some 5 to 40 flop:
// bandwidth, on an H200 and on laptops, where the double addition an element (1/64 of the float rate on an RTX 4070:
// 0.24 TF/s) still passes 0.24e12 elements, 1.9 TB/s, eight times its bandwidth.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/loss/cross_entropy.cuh>
#include <ashlar/kernels/loss/elementwise.hpp>
#include <ashlar/kernels/reduce/fold.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// The functor itself, or BceWithLogitsLoss with the weight of element i's column.
template <class Loss>
struct SameLoss {
  Loss f;
  ASHLAR_DEVICE Loss const& at(std::size_t) const { return f; }
};
template <class T>
struct WeighedBce {
  T const* pos_weight;
  std::size_t columns;
  ASHLAR_DEVICE BceWithLogitsLoss at(std::size_t i) const {
    return {pos_weight == nullptr ? 1.0 : static_cast<double>(pos_weight[i % columns])};
  }
};

template <class Choice, class T>
struct LossSum {
  using Value = double;
  Choice choice;
  T const* x;
  T const* target;
  ASHLAR_DEVICE double none() const { return 0; }
  ASHLAR_DEVICE double take(double a, std::size_t i) const {
    return a + static_cast<double>(choice.at(i)(x[i], target[i]));
  }
  ASHLAR_DEVICE double join(double a, double b) const { return a + b; }
};

template <class T>
struct StoreLoss {
  double by;
  T* out;
  ASHLAR_DEVICE void operator()(double value) const { *out = static_cast<T>(value / by); }
};

template <class Choice, class T>
struct LossEach {
  Choice choice;
  T const* x;
  T const* target;
  T* out;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto v = device::load<N>(x + i);
    auto const t = device::load<N>(target + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) v.v[j] = choice.at(i + j)(v.v[j], t.v[j]);
    device::store(out + i, v);
  }
};

template <class Choice, class T>
struct LossPullback {
  Choice choice;
  T const* x;
  T const* target;
  T const* dout;
  bool each;  // dout has n values
  T by;       // that the only one is divided by
  T* dx;
  T* dtarget;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto const v = device::load<N>(x + i);
    auto const t = device::load<N>(target + i);
    device::Pack<T, N> scale;
    if (each) {
      scale = device::load<N>(dout + i);
    } else {
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < N; ++j) scale.v[j] = *dout / by;
    }
    if (dx != nullptr) {
      auto out = device::load<N>(dx + i);
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < N; ++j) out.v[j] += scale.v[j] * choice.at(i + j).derivative(v.v[j], t.v[j]);
      device::store(dx + i, out);
    }
    if (dtarget != nullptr) {
      auto out = device::load<N>(dtarget + i);
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < N; ++j) out.v[j] += scale.v[j] * choice.at(i + j).target_derivative(v.v[j], t.v[j]);
      device::store(dtarget + i, out);
    }
  }
};

template <class Launcher, class Choice, class T>
void loss_of(Launcher& launcher, Choice const& choice, std::size_t n, T const* x, T const* target, Reduction reduction,
             T* out) {
  if (reduction == Reduction::none) {
    device::for_each(launcher, n, LossEach<Choice, T>{choice, x, target, out}, x, target, out);
  } else {
    double const by = reduction == Reduction::mean ? static_cast<double>(n) : 1.0;
    fold(launcher, n, LossSum<Choice, T>{choice, x, target}, StoreLoss<T>{by, out});
  }
}
template <class Launcher, class Choice, class T>
void loss_pullback_of(Launcher& launcher, Choice const& choice, std::size_t n, T const* x, T const* target,
                      Reduction reduction, T const* dout, T* dx, T* dtarget) {
  bool const each = reduction == Reduction::none;
  T const by = reduction == Reduction::mean ? static_cast<T>(n) : T(1);
  T const* const aligned_too = each ? dout : nullptr;
  device::for_each(launcher, n, LossPullback<Choice, T>{choice, x, target, dout, each, by, dx, dtarget}, x, target,
                   aligned_too, dx, dtarget);
}

}  // namespace detail

/// Loss of n pairs (x[i], target[i]). out takes n values with Reduction::none, else one.
/// The mean of nothing is NaN, as in PyTorch.
template <class Loss, class T, class Launcher>
void loss(Launcher& launcher, Loss const& f, std::size_t n, T const* x, T const* target, Reduction reduction, T* out) {
  detail::loss_of(launcher, detail::SameLoss<Loss>{f}, n, x, target, reduction, out);
}

/// dx += dout * f', and dtarget likewise; either may be null. dout has n values with Reduction::none, else one.
template <class Loss, class T, class Launcher>
void loss_pullback(Launcher& launcher, Loss const& f, std::size_t n, T const* x, T const* target, Reduction reduction,
                   T const* dout, T* dx, T* dtarget = nullptr) {
  detail::loss_pullback_of(launcher, detail::SameLoss<Loss>{f}, n, x, target, reduction, dout, dx, dtarget);
}

/// BCE with logits and a weight of positive targets for each of the last dimension's `columns` elements:
/// x, target (rows, columns), pos_weight (columns), or null for ones.
template <class T, class Launcher>
void bce_with_logits(Launcher& launcher, std::size_t rows, std::size_t columns, T const* x, T const* target,
                     T const* pos_weight, Reduction reduction, T* out) {
  detail::WeighedBce<T> const choice{pos_weight, columns};
  detail::loss_of(launcher, choice, rows * columns, x, target, reduction, out);
}

/// Pullback of bce_with_logits: dx and dtarget are added to, either may be null.
template <class T, class Launcher>
void bce_with_logits_pullback(Launcher& launcher, std::size_t rows, std::size_t columns, T const* x, T const* target,
                              T const* pos_weight, Reduction reduction, T const* dout, T* dx, T* dtarget = nullptr) {
  detail::WeighedBce<T> const choice{pos_weight, columns};
  detail::loss_pullback_of(launcher, choice, rows * columns, x, target, reduction, dout, dx, dtarget);
}

}  // namespace ashlar::kernels::cuda
