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

/// One pass over parameters, gradients and what is kept of each element: rule(p, g, kept), where kept[k] is read and
/// written back unless array k is null.
template <class Rule, class T, unsigned Kept>
struct Update {
  Rule rule;
  T* p;
  T const* g;
  T* kept[Kept];
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto vp = device::load<N>(p + i);
    auto const vg = device::load<N>(g + i);
    device::Pack<T, N> v[Kept];
    ASHLAR_DEVICE_UNROLL
    for (unsigned k = 0; k < Kept; ++k) v[k] = kept[k] != nullptr ? device::load<N>(kept[k] + i) : device::Pack<T, N>{};
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      T one[Kept];
      ASHLAR_DEVICE_UNROLL
      for (unsigned k = 0; k < Kept; ++k) one[k] = v[k].v[j];
      rule(vp.v[j], vg.v[j], one);
      ASHLAR_DEVICE_UNROLL
      for (unsigned k = 0; k < Kept; ++k) v[k].v[j] = one[k];
    }
    ASHLAR_DEVICE_UNROLL
    for (unsigned k = 0; k < Kept; ++k) {
      if (kept[k] != nullptr) device::store(kept[k] + i, v[k]);
    }
    device::store(p + i, vp);
  }
};

template <class Rule, class T, class Launcher, class... Kept>
void update(Launcher& launcher, std::size_t n, Rule const& rule, T* p, T const* g, Kept*... kept) {
  device::for_each(launcher, n, Update<Rule, T, sizeof...(Kept)>{rule, p, g, {kept...}}, p, g, kept...);
}

template <class T>
struct Sgd {
  Descent<T> descent;
  bool has_momentum, nesterov, first;
  T momentum, share, size;
  /// kept: the momentum.
  ASHLAR_DEVICE void operator()(T& p, T g, T (&kept)[1]) const {
    T d = descent(g, p);
    if (has_momentum) {
      kept[0] = first ? d : kept[0] * momentum + share * d;
      d = nesterov ? d + momentum * kept[0] : kept[0];
    }
    p += size * d;
  }
};

template <class T>
struct Adam {
  Descent<T> descent;
  bool shrinks, amsgrad;
  T shrink, weight1, beta2, weight2, root, size, eps;
  /// kept: both moments, and the largest second one.
  ASHLAR_DEVICE void operator()(T& p, T g, T (&kept)[3]) const {
    T const d = descent(g, p);
    if (shrinks) p *= shrink;
    kept[0] = lerp(kept[0], d, weight1);
    kept[1] = kept[1] * beta2 + weight2 * d * d;
    T second = kept[1];
    if (amsgrad) second = kept[2] = kept[2] < second ? second : kept[2];
    p += size * kept[0] / (scalar::sqrt(second) / root + eps);
  }
};

template <class T>
struct Rmsprop {
  Descent<T> descent;
  bool centered, has_momentum;
  T alpha, rest, eps, momentum, size;
  /// kept: running means of squares and of gradients, and the momentum.
  ASHLAR_DEVICE void operator()(T& p, T g, T (&kept)[3]) const {
    T const d = descent(g, p);
    kept[0] = kept[0] * alpha + rest * d * d;
    T variance = kept[0];
    if (centered) {
      kept[1] = lerp(kept[1], d, rest);
      variance -= kept[1] * kept[1];
    }
    T const denominator = scalar::sqrt(variance) + eps;
    if (has_momentum) {
      kept[2] = kept[2] * momentum + d / denominator;
      p += size * kept[2];
    } else {
      p += size * d / denominator;
    }
  }
};

template <class T>
struct Adagrad {
  Descent<T> descent;
  T eps, size;
  /// kept: the sum of squares.
  ASHLAR_DEVICE void operator()(T& p, T g, T (&kept)[1]) const {
    T const d = descent(g, p);
    kept[0] += d * d;
    p += size * d / (scalar::sqrt(kept[0]) + eps);
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
                         static_cast<T>(-step.lr)};
  detail::update(launcher, n, f, p, g, f.has_momentum ? buf : nullptr);
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
                          static_cast<T>(step.eps)};
  detail::update(launcher, n, f, p, g, m, v, f.amsgrad ? vmax : nullptr);
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
                             static_cast<T>(-step.lr)};
  detail::update(launcher, n, f, p, g, square, f.centered ? mean : nullptr, f.has_momentum ? buf : nullptr);
}

/// sum (n): sum of squared gradients.
template <class T, class Launcher>
void adagrad(Launcher& launcher, std::size_t n, AdagradStep<T> const& step, T* p, T const* g, T* sum) {
  detail::Adagrad<T> const f{{step.maximize, step.weight_decay != 0, static_cast<T>(step.weight_decay)},
                             static_cast<T>(step.eps),
                             static_cast<T>(-step.lr)};
  detail::update(launcher, n, f, p, g, sum);
}

/// average += (1 - decay) * (p - average), an exponential moving average.
template <class T, class Launcher>
void ema(Launcher& launcher, std::size_t n, double decay, T const* p, T* average) {
  device::for_each(launcher, n, detail::Ema<T>{static_cast<T>(1 - decay), p, average}, p, average);
}

}  // namespace ashlar::kernels::cuda
