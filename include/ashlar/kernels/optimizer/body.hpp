// kernels/optimizer/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/optimizer/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// A vector at p + i: all lanes, or the n - i that are left.
template <class S, class T>
ASHLAR_INLINE typename S::V take(T const* p, std::size_t i, std::size_t n) noexcept {
  return i + S::lanes <= n ? S::load(p + i) : S::load(p + i, n - i);
}

template <class S, class T>
ASHLAR_INLINE void put(T* p, typename S::V v, std::size_t i, std::size_t n) noexcept {
  if (i + S::lanes <= n) S::store(p + i, v);
  else S::store(p + i, v, n - i);
}

/// The gradient that the update uses: sign for maximize, L2 penalty.
template <class S, class T>
ASHLAR_INLINE typename S::V penalised(typename S::V g, typename S::V p, T weight_decay, bool maximize) noexcept {
  if (maximize) g = -g;
  return weight_decay != T(0) ? S::fma(S::broadcast(weight_decay), p, g) : g;
}

/// a + w * (b - a), from the nearer end, as torch.lerp.
template <class S, class T>
ASHLAR_INLINE typename S::V lerp(typename S::V a, typename S::V b, T w) noexcept {
  return w < T(0.5) ? S::fma(S::broadcast(w), b - a, a) : b - (b - a) * (T(1) - w);
}

template <class T>
ASHLAR_TARGET void sgd(std::size_t n, SgdStep<T> const& step, T* p, T const* g, T* buf) noexcept {
  using S = Simd<T>;
  using V = typename S::V;
  bool const with_momentum = step.momentum != 0;
  bool const first = step.first;
  bool const nesterov = step.nesterov;
  bool const maximize = step.maximize;
  T const decay = static_cast<T>(step.weight_decay);
  V const momentum = S::broadcast(static_cast<T>(step.momentum));
  V const share = S::broadcast(static_cast<T>(1 - step.dampening));
  V const rate = S::broadcast(static_cast<T>(-step.lr));
  for (std::size_t i = 0; i < n; i += S::lanes) {
    V const at = take<S>(p, i, n);
    V d = penalised<S>(take<S>(g, i, n), at, decay, maximize);
    if (with_momentum) {
      V const b = first ? d : S::fma(share, d, take<S>(buf, i, n) * momentum);
      put<S>(buf, b, i, n);
      d = nesterov ? S::fma(momentum, b, d) : b;
    }
    put<S>(p, S::fma(rate, d, at), i, n);
  }
}

template <class T>
ASHLAR_TARGET void adam(std::size_t n, AdamStep<T> const& step, T* p, T const* g, T* m, T* v, T* vmax) noexcept {
  using S = Simd<T>;
  using V = typename S::V;
  bool const amsgrad = step.amsgrad;
  bool const maximize = step.maximize;
  T const decay = step.decoupled ? T(0) : static_cast<T>(step.weight_decay);
  V const keep = S::broadcast(step.decoupled ? static_cast<T>(1 - step.lr * step.weight_decay) : T(1));
  T const w1 = static_cast<T>(1 - step.beta1);
  V const w2 = S::broadcast(static_cast<T>(1 - step.beta2));
  V const beta2 = S::broadcast(static_cast<T>(step.beta2));
  // -lr / bc1 * m / (sqrt(v) / root + eps), multiplied through by root: one division an element instead of two.
  double const root = scalar::sqrt(step.bias_correction2);
  V const size = S::broadcast(static_cast<T>(-(step.lr / step.bias_correction1) * root));
  V const eps = S::broadcast(static_cast<T>(step.eps * root));
  for (std::size_t i = 0; i < n; i += S::lanes) {
    V const at = take<S>(p, i, n) * keep;
    V const d = penalised<S>(take<S>(g, i, n), at, decay, maximize);
    V const first = lerp<S>(take<S>(m, i, n), d, w1);
    V second = S::fma(w2 * d, d, take<S>(v, i, n) * beta2);
    put<S>(m, first, i, n);
    put<S>(v, second, i, n);
    if (amsgrad) {
      V const before = take<S>(vmax, i, n);
      second = before < second ? second : before;
      put<S>(vmax, second, i, n);
    }
    put<S>(p, at + size * first / (S::sqrt(second) + eps), i, n);
  }
}

template <class T>
ASHLAR_TARGET void rmsprop(std::size_t n, RmspropStep<T> const& step, T* p, T const* g, T* square, T* mean,
                           T* buf) noexcept {
  using S = Simd<T>;
  using V = typename S::V;
  T const rest = static_cast<T>(1 - step.alpha);
  V const alpha = S::broadcast(static_cast<T>(step.alpha));
  V const eps = S::broadcast(static_cast<T>(step.eps));
  V const momentum = S::broadcast(static_cast<T>(step.momentum));
  V const rate = S::broadcast(static_cast<T>(-step.lr));
  for (std::size_t i = 0; i < n; i += S::lanes) {
    V const at = take<S>(p, i, n);
    V d = penalised<S>(take<S>(g, i, n), at, static_cast<T>(step.weight_decay), step.maximize);
    V variance = S::fma(rest * d, d, take<S>(square, i, n) * alpha);
    put<S>(square, variance, i, n);
    if (step.centered) {
      V const average = lerp<S>(take<S>(mean, i, n), d, rest);
      put<S>(mean, average, i, n);
      variance = variance - average * average;
    }
    d = d / (S::sqrt(variance) + eps);
    if (step.momentum > 0) {
      d = S::fma(take<S>(buf, i, n), momentum, d);
      put<S>(buf, d, i, n);
    }
    put<S>(p, S::fma(rate, d, at), i, n);
  }
}

template <class T>
ASHLAR_TARGET void adagrad(std::size_t n, AdagradStep<T> const& step, T* p, T const* g, T* sum) noexcept {
  using S = Simd<T>;
  using V = typename S::V;
  V const eps = S::broadcast(static_cast<T>(step.eps));
  V const rate = S::broadcast(static_cast<T>(-step.lr));
  for (std::size_t i = 0; i < n; i += S::lanes) {
    V const at = take<S>(p, i, n);
    V const d = penalised<S>(take<S>(g, i, n), at, static_cast<T>(step.weight_decay), step.maximize);
    V const total = S::fma(d, d, take<S>(sum, i, n));
    put<S>(sum, total, i, n);
    put<S>(p, at + rate * d / (S::sqrt(total) + eps), i, n);
  }
}

template <class T>
ASHLAR_TARGET void ema(std::size_t n, T rest, T const* p, T* average) noexcept {
  using S = Simd<T>;
  for (std::size_t i = 0; i < n; i += S::lanes) {
    typename S::V const a = take<S>(average, i, n);
    put<S>(average, S::fma(S::broadcast(rest), take<S>(p, i, n) - a, a), i, n);
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
