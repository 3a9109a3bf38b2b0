// kernels/optimizer/cuda.cuh: optimizer updates in one pass over a flat block, on the GPU.
// Elements are independent and computed alike, in the order of operations of reference.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// Bytes an element, float: SGD 12, with momentum 20, Adam 28, AMSGrad 36; some 10 to 20 flop and, for Adam, a square
// root and two divisions. Bandwidth is the limit (device/elementwise.cuh): Adam on 100 million parameters is 2.8 GB,
// 0.65 ms on an H200 at 90 %, 12 ms on an RTX 4070 mobile. What depends on the step alone is computed on the host:
// double arithmetic is slow on laptops' GPUs.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/optimizer/steps.hpp>
#include <ashlar/kernels/scalar_math.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// g, or -g, plus weight decay.
template <class T>
struct Descent {
  bool maximize;
  bool decays;
  T decay;
  ASHLAR_DEVICE T operator()(T g, T p) const {
    T const d = maximize ? -g : g;
    return decays ? d + decay * p : d;
  }
};

/// The running mean a + weight * (d - a), as torch.lerp rounds it.
template <class T>
ASHLAR_DEVICE T lerp(T a, T d, T weight) {
  return weight < T(0.5) ? a + weight * (d - a) : d - (d - a) * (T(1) - weight);
}

template <class T>
struct Sgd {
  Descent<T> descent;
  bool has_momentum, nesterov, first;
  T momentum, share, size;
  T* p;
  T const* g;
  T* buf;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto vp = device::load<N>(p + i);
    auto const vg = device::load<N>(g + i);
    device::Pack<T, N> vb{};
    if (has_momentum && !first) vb = device::load<N>(buf + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      T d = descent(vg.v[j], vp.v[j]);
      if (has_momentum) {
        vb.v[j] = first ? d : vb.v[j] * momentum + share * d;
        d = nesterov ? d + momentum * vb.v[j] : vb.v[j];
      }
      vp.v[j] += size * d;
    }
    if (has_momentum) device::store(buf + i, vb);
    device::store(p + i, vp);
  }
};

template <class T>
struct Adam {
  Descent<T> descent;
  bool shrinks, amsgrad;
  T shrink, weight1, beta2, weight2, root, size, eps;
  T* p;
  T const* g;
  T* m;
  T* v;
  T* vmax;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto vp = device::load<N>(p + i);
    auto const vg = device::load<N>(g + i);
    auto vm = device::load<N>(m + i);
    auto vv = device::load<N>(v + i);
    device::Pack<T, N> vx{};
    if (amsgrad) vx = device::load<N>(vmax + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      T const d = descent(vg.v[j], vp.v[j]);
      if (shrinks) vp.v[j] *= shrink;
      vm.v[j] = lerp(vm.v[j], d, weight1);
      vv.v[j] = vv.v[j] * beta2 + weight2 * d * d;
      T second = vv.v[j];
      if (amsgrad) second = vx.v[j] = vx.v[j] < second ? second : vx.v[j];
      vp.v[j] += size * vm.v[j] / (scalar::sqrt(second) / root + eps);
    }
    device::store(m + i, vm);
    device::store(v + i, vv);
    if (amsgrad) device::store(vmax + i, vx);
    device::store(p + i, vp);
  }
};

template <class T>
struct Rmsprop {
  Descent<T> descent;
  bool centered, has_momentum;
  T alpha, rest, eps, momentum, size;
  T* p;
  T const* g;
  T* square;
  T* mean;
  T* buf;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto vp = device::load<N>(p + i);
    auto const vg = device::load<N>(g + i);
    auto vs = device::load<N>(square + i);
    device::Pack<T, N> vm{};
    device::Pack<T, N> vb{};
    if (centered) vm = device::load<N>(mean + i);
    if (has_momentum) vb = device::load<N>(buf + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      T const d = descent(vg.v[j], vp.v[j]);
      vs.v[j] = vs.v[j] * alpha + rest * d * d;
      T variance = vs.v[j];
      if (centered) {
        vm.v[j] = lerp(vm.v[j], d, rest);
        variance -= vm.v[j] * vm.v[j];
      }
      T const denominator = scalar::sqrt(variance) + eps;
      if (has_momentum) {
        vb.v[j] = vb.v[j] * momentum + d / denominator;
        vp.v[j] += size * vb.v[j];
      } else {
        vp.v[j] += size * d / denominator;
      }
    }
    device::store(square + i, vs);
    if (centered) device::store(mean + i, vm);
    if (has_momentum) device::store(buf + i, vb);
    device::store(p + i, vp);
  }
};

template <class T>
struct Adagrad {
  Descent<T> descent;
  T eps, size;
  T* p;
  T const* g;
  T* sum;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto vp = device::load<N>(p + i);
    auto const vg = device::load<N>(g + i);
    auto vs = device::load<N>(sum + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      T const d = descent(vg.v[j], vp.v[j]);
      vs.v[j] += d * d;
      vp.v[j] += size * d / (scalar::sqrt(vs.v[j]) + eps);
    }
    device::store(sum + i, vs);
    device::store(p + i, vp);
  }
};

template <class T>
struct Ema {
  T rest;
  T const* p;
  T* average;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto const vp = device::load<N>(p + i);
    auto va = device::load<N>(average + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) va.v[j] += rest * (vp.v[j] - va.v[j]);
    device::store(average + i, va);
  }
};

}  // namespace detail

/// p (n) is updated from g (n); buf (n) is the momentum buffer, null if momentum is 0.
template <class T, class Launcher>
void sgd(Launcher& launcher, std::size_t n, SgdStep<T> const& step, T* p, T const* g, T* buf) {
  detail::Sgd<T> const f{{step.maximize, step.weight_decay != 0, static_cast<T>(step.weight_decay)},
                         step.momentum != 0,
                         step.nesterov,
                         step.first,
                         static_cast<T>(step.momentum),
                         static_cast<T>(1 - step.dampening),
                         static_cast<T>(-step.lr),
                         p,
                         g,
                         buf};
  device::for_each(launcher, n, f, p, g, buf);
}

/// m, v (n) are the moments; vmax (n) is null unless amsgrad.
template <class T, class Launcher>
void adam(Launcher& launcher, std::size_t n, AdamStep<T> const& step, T* p, T const* g, T* m, T* v, T* vmax) {
  bool const decays = step.weight_decay != 0;
  detail::Adam<T> const f{{step.maximize, decays && !step.decoupled, static_cast<T>(step.weight_decay)},
                          decays && step.decoupled,
                          step.amsgrad,
                          static_cast<T>(1 - step.lr * step.weight_decay),
                          static_cast<T>(1 - step.beta1),
                          static_cast<T>(step.beta2),
                          static_cast<T>(1 - step.beta2),
                          static_cast<T>(scalar::sqrt(step.bias_correction2)),
                          static_cast<T>(-(step.lr / step.bias_correction1)),
                          static_cast<T>(step.eps),
                          p,
                          g,
                          m,
                          v,
                          vmax};
  device::for_each(launcher, n, f, p, g, m, v, vmax);
}

/// square (n): running mean of squares; mean (n): null unless centered; buf (n): null if momentum is 0.
template <class T, class Launcher>
void rmsprop(Launcher& launcher, std::size_t n, RmspropStep<T> const& step, T* p, T const* g, T* square, T* mean,
             T* buf) {
  detail::Rmsprop<T> const f{{step.maximize, step.weight_decay != 0, static_cast<T>(step.weight_decay)},
                             step.centered,
                             step.momentum > 0,
                             static_cast<T>(step.alpha),
                             static_cast<T>(1 - step.alpha),
                             static_cast<T>(step.eps),
                             static_cast<T>(step.momentum),
                             static_cast<T>(-step.lr),
                             p,
                             g,
                             square,
                             mean,
                             buf};
  device::for_each(launcher, n, f, p, g, square, mean, buf);
}

/// sum (n): sum of squared gradients.
template <class T, class Launcher>
void adagrad(Launcher& launcher, std::size_t n, AdagradStep<T> const& step, T* p, T const* g, T* sum) {
  detail::Adagrad<T> const f{{step.maximize, step.weight_decay != 0, static_cast<T>(step.weight_decay)},
                             static_cast<T>(step.eps),
                             static_cast<T>(-step.lr),
                             p,
                             g,
                             sum};
  device::for_each(launcher, n, f, p, g, sum);
}

/// average += (1 - decay) * (p - average), an exponential moving average.
template <class T, class Launcher>
void ema(Launcher& launcher, std::size_t n, double decay, T const* p, T* average) {
  device::for_each(launcher, n, detail::Ema<T>{static_cast<T>(1 - decay), p, average}, p, average);
}

}  // namespace ashlar::kernels::cuda
