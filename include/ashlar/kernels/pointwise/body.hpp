// kernels/pointwise/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// Vector forms of the functors of ops.hpp, which are their oracle. The tail of an array goes through the same vector
// code, masked, so an element's bits do not depend on where it stands.
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/pointwise/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// Vectors of float and of integers of the same size.
typedef float F __attribute__((vector_size(ASHLAR_BYTES)));
typedef std::int32_t Bits __attribute__((vector_size(ASHLAR_BYTES)));

/// exp(x) = 2^n * (1 + r + r^2 q(r)) with |r| <= log(2) / 2; error below 1.5 ulp (Cephes' polynomial).
/// Returns r + r^2 q(r), with which exp(x) - 1 stays exact near 0, and stores 2^(n/2) and 2^(n - n/2).
ASHLAR_INLINE F exp_parts(F x, F& scale_a, F& scale_b) noexcept {
  using S = Simd<float>;
  x = x > 89.0f ? S::broadcast(89.0f) : x;  // exp overflows at 88.73; a NaN passes
  x = x < -104.0f ? S::broadcast(-104.0f) : x;
  F const shifted = S::fma(x, S::broadcast(1.44269504f), S::broadcast(12582912.0f));  // 1.5 * 2^23: rounds
  F const n = shifted - 12582912.0f;
  F r = S::fma(n, S::broadcast(-0.693359375f), x);
  r = S::fma(n, S::broadcast(2.12194440e-4f), r);
  F q = S::fma(r, S::broadcast(1.9875691500e-4f), S::broadcast(1.3981999507e-3f));
  q = S::fma(q, r, S::broadcast(8.3334519073e-3f));
  q = S::fma(q, r, S::broadcast(4.1665795894e-2f));
  q = S::fma(q, r, S::broadcast(1.6666665459e-1f));
  q = S::fma(q, r, S::broadcast(5.0000001201e-1f));
  Bits const whole = (Bits)shifted - 0x4b400000;
  Bits const half = whole >> 1;
  scale_a = (F)((half + 127) << 23);
  scale_b = (F)((whole - half + 127) << 23);
  return S::fma(q, r * r, r);
}

ASHLAR_INLINE F exp_of(F x) noexcept {
  F a;
  F b;
  F const p = exp_parts(x, a, b);
  return (p + 1.0f) * a * b;
}

ASHLAR_INLINE F expm1_of(F x) noexcept {
  F a;
  F b;
  F const p = exp_parts(x, a, b);
  return a * b == 1.0f ? p : (p + 1.0f) * a * b - 1.0f;
}

ASHLAR_INLINE F abs_of(F x) noexcept { return (F)((Bits)x & 0x7fffffff); }

ASHLAR_INLINE F copy_sign(F magnitude, F x) noexcept {
  return (F)(((Bits)magnitude & 0x7fffffff) | ((Bits)x & static_cast<std::int32_t>(0x80000000u)));
}

ASHLAR_INLINE F sigmoid_of(F x) noexcept { return 1.0f / (1.0f + exp_of(-x)); }

/// A polynomial below 0.625 (Cephes), 1 - 2 / (exp(2 |x|) + 1) above; error below 2 ulp.
ASHLAR_INLINE F tanh_of(F x) noexcept {
  using S = Simd<float>;
  F const t = abs_of(x);
  F const z = t * t;
  F p = S::fma(z, S::broadcast(-5.70498872745e-3f), S::broadcast(2.06390887954e-2f));
  p = S::fma(p, z, S::broadcast(-5.37397155531e-2f));
  p = S::fma(p, z, S::broadcast(1.33314422036e-1f));
  p = S::fma(p, z, S::broadcast(-3.33332819422e-1f));
  F const low = S::fma(p * z, t, t);
  F const high = 1.0f - 2.0f / (exp_of(t + t) + 1.0f);
  return copy_sign(t < 0.625f ? low : high, x);
}

/// Norbert Juffa's polynomials; error below 1.5 ulp.
ASHLAR_INLINE F erf_of(F x) noexcept {
  using S = Simd<float>;
  F const t = abs_of(x);
  F const s = x * x;
  F p = S::fma(t, S::broadcast(-1.72853470e-5f), S::broadcast(3.83197126e-4f));
  F const u = S::fma(t, S::broadcast(-3.88396438e-3f), S::broadcast(2.42546219e-2f));
  p = S::fma(p, s, u);
  p = S::fma(p, t, S::broadcast(-1.06777877e-1f));
  p = S::fma(p, t, S::broadcast(-6.34846687e-1f));
  p = S::fma(p, t, S::broadcast(-1.28717512e-1f));
  p = S::fma(p, t, -t);
  F const high = t > 4.0f ? S::broadcast(1.0f) : 1.0f - exp_of(p);  // from 3.92 on erf rounds to 1
  F q = S::fma(s, S::broadcast(-5.96761703e-4f), S::broadcast(4.99119423e-3f));
  q = S::fma(q, s, S::broadcast(-2.67681349e-2f));
  q = S::fma(q, s, S::broadcast(1.12819925e-1f));
  q = S::fma(q, s, S::broadcast(-3.76125336e-1f));
  q = S::fma(q, s, S::broadcast(1.28379166e-1f));
  F const low = S::fma(q, x, x);
  return t > 0.921875f ? copy_sign(high, x) : low;
}

/// x between two bounds; a NaN passes.
template <class S, class T>
ASHLAR_INLINE typename S::V clamp_of(typename S::V x, T low, T high) noexcept {
  x = x < low ? S::broadcast(low) : x;
  return x > high ? S::broadcast(high) : x;
}

ASHLAR_INLINE F silu_slope(F x) noexcept {
  F const s = sigmoid_of(x);
  return s * (1.0f + x * (1.0f - s));
}

ASHLAR_INLINE F gelu_slope(F x) noexcept {
  F const cdf = 0.5f * (1.0f + erf_of(x * 0.70710678f));
  return cdf + x * (0.39894228f * exp_of(x * x * -0.5f));
}

ASHLAR_INLINE F gelu_tanh_slope(F x) noexcept {
  F const t = tanh_of(0.79788456f * (x + 0.044715f * x * x * x));
  return 0.5f * (1.0f + t) + 0.5f * x * ((1.0f - t * t) * (0.79788456f * (1.0f + 0.134145f * x * x)));
}

/// tanh(log(1 + exp(x))) = w / (w + 2), w = e (e + 2), e = exp(x); from 20 on it is 1.
ASHLAR_INLINE F mish_gate(F x) noexcept {
  F const e = exp_of(x > 20.0f ? Simd<float>::broadcast(20.0f) : x);
  F const w = e * (e + 2.0f);
  return w / (w + 2.0f);
}

ASHLAR_INLINE F mish_slope(F x) noexcept {
  F const t = mish_gate(x);
  return t + x * (sigmoid_of(x) * (1.0f - t * t));
}

/// Vector form of a functor for T, or none.
template <class Op, class T>
struct VectorOp {
  static constexpr bool exists = false;
};

// ASHLAR_VECTOR_OP(Op, type, y = f(x) for a V x and Op const& op, f' for V x, V y): one functor's vector form.
#define ASHLAR_VECTOR_OP(Op, type, value, slope)                                                  \
  struct VectorOp<Op, type> {                                                                     \
    static constexpr bool exists = true;                                                          \
    using S = Simd<type>;                                                                         \
    using V = typename S::V;                                                                      \
    ASHLAR_INLINE static V forward([[maybe_unused]] Op const& op, V x) noexcept { return value; } \
    ASHLAR_INLINE static V derivative([[maybe_unused]] Op const& op, [[maybe_unused]] V x,        \
                                      [[maybe_unused]] V y) noexcept {                            \
      return slope;                                                                               \
    }                                                                                             \
  };
#define ASHLAR_CONST(v) S::broadcast(static_cast<typename std::remove_cvref_t<decltype(x[0])>>(v))

template <class T>
ASHLAR_VECTOR_OP(ReLU, T, S::max(V{}, x), y <= T(0) ? V{} : ASHLAR_CONST(1))
template <class T>
ASHLAR_VECTOR_OP(LeakyReLU, T, x > T(0) ? x : x * static_cast<T>(op.slope),
                 x > T(0) ? ASHLAR_CONST(1) : ASHLAR_CONST(op.slope))
template <class T>
ASHLAR_VECTOR_OP(Hardtanh, T, clamp_of<S>(x, static_cast<T>(op.low), static_cast<T>(op.high)),
                 x <= static_cast<T>(op.low) ? V{} : (x >= static_cast<T>(op.high) ? V{} : ASHLAR_CONST(1)))
template <class T>
ASHLAR_VECTOR_OP(ReLU6, T, clamp_of<S>(x, T(0), T(6)), x <= T(0) ? V{} : (x >= T(6) ? V{} : ASHLAR_CONST(1)))
template <class T>
ASHLAR_VECTOR_OP(Hardswish, T, x* clamp_of<S>(x + T(3), T(0), T(6)) / T(6),
                 x <= T(-3) ? V{} : (x >= T(3) ? ASHLAR_CONST(1) : x / T(3) + T(0.5)))
template <class T>
ASHLAR_VECTOR_OP(Hardsigmoid, T, clamp_of<S>(x + T(3), T(0), T(6)) / T(6),
                 x > T(-3) ? (x < T(3) ? ASHLAR_CONST(1.0f / 6.0f) : V{}) : V{})
template <class T>
ASHLAR_VECTOR_OP(Neg, T, -x, ASHLAR_CONST(-1))
template <class T>
ASHLAR_VECTOR_OP(Square, T, x* x, x + x)
template <class T>
ASHLAR_VECTOR_OP(Sqrt, T, S::sqrt(x), T(1) / (y + y))

template <>
ASHLAR_VECTOR_OP(Exp, float, exp_of(x), y)
template <>
ASHLAR_VECTOR_OP(Sigmoid, float, sigmoid_of(x), (1.0f - y) * y)
template <>
ASHLAR_VECTOR_OP(Tanh, float, tanh_of(x), 1.0f - y * y)
template <>
ASHLAR_VECTOR_OP(SiLU, float, x / (1.0f + exp_of(-x)), silu_slope(x))
template <>
ASHLAR_VECTOR_OP(ELU, float, x < 0.0f ? expm1_of(x) * static_cast<float>(op.alpha) : x,
                 x <= 0.0f ? exp_of(x) * static_cast<float>(op.alpha) : ASHLAR_CONST(1))
template <>
ASHLAR_VECTOR_OP(GELU, float, x * (0.5f * (1.0f + erf_of(x * 0.70710678f))), gelu_slope(x))
template <>
ASHLAR_VECTOR_OP(GELUTanh, float, 0.5f * x * (1.0f + tanh_of(0.79788456f * (x + 0.044715f * x * x * x))),
                 gelu_tanh_slope(x))
template <>
ASHLAR_VECTOR_OP(Softsign, float, x / (1.0f + abs_of(x)), y != y ? y : 1.0f / ((1.0f + abs_of(x)) * (1.0f + abs_of(x))))
template <>
ASHLAR_VECTOR_OP(Abs, float, abs_of(x), x > 0.0f ? ASHLAR_CONST(1) : (x < 0.0f ? ASHLAR_CONST(-1) : V{}))
template <>
ASHLAR_VECTOR_OP(Mish, float, x* mish_gate(x), mish_slope(x))
#undef ASHLAR_CONST
#undef ASHLAR_VECTOR_OP

/// y[i] = op(x[i]).
template <class Op, class T>
ASHLAR_TARGET void map(Op const& op, std::size_t n, T const* x, T* y) noexcept {
  using W = VectorOp<Op, T>;
  if constexpr (W::exists) {
    using S = Simd<T>;
    std::size_t i = 0;
    for (; i + S::lanes <= n; i += S::lanes) S::store(y + i, W::forward(op, S::load(x + i)));
    if (i < n) S::store(y + i, W::forward(op, S::load(x + i, n - i)), n - i);
  } else {
    for (std::size_t i = 0; i < n; ++i) y[i] = op(x[i]);
  }
}

/// dx[i] += dy[i] * op.derivative(x[i], y[i]).
template <class Op, class T>
ASHLAR_TARGET void map_pullback(Op const& op, std::size_t n, T const* x, T const* y, T const* dy, T* dx) noexcept {
  using W = VectorOp<Op, T>;
  if constexpr (W::exists) {
    using S = Simd<T>;
    std::size_t i = 0;
    for (; i + S::lanes <= n; i += S::lanes) {
      S::store(dx + i, S::load(dx + i) + S::load(dy + i) * W::derivative(op, S::load(x + i), S::load(y + i)));
    }
    if (i < n) {
      std::size_t const m = n - i;
      auto const slope = W::derivative(op, S::load(x + i, m), S::load(y + i, m));
      S::store(dx + i, S::load(dx + i, m) + S::load(dy + i, m) * slope, m);
    }
  } else {
    for (std::size_t i = 0; i < n; ++i) dx[i] += dy[i] * op.derivative(x[i], y[i]);
  }
}

// ASHLAR_ZIP(name, expression of the vectors a, b, c and s): y[i] = expression.
#define ASHLAR_ZIP(name, expression)                                                                       \
  template <class T>                                                                                       \
  ASHLAR_TARGET void name(std::size_t n, T const* pa, T const* pb, T const* pc, T scalar, T* y) noexcept { \
    using S = Simd<T>;                                                                                     \
    [[maybe_unused]] typename S::V const s = S::broadcast(scalar);                                         \
    std::size_t i = 0;                                                                                     \
    for (; i + S::lanes <= n; i += S::lanes) {                                                             \
      [[maybe_unused]] typename S::V const a = S::load(pa + i);                                            \
      [[maybe_unused]] typename S::V const b = S::load(pb + i);                                            \
      [[maybe_unused]] typename S::V const c = S::load(pc + i);                                            \
      S::store(y + i, expression);                                                                         \
    }                                                                                                      \
    if (i < n) {                                                                                           \
      [[maybe_unused]] typename S::V const a = S::load(pa + i, n - i);                                     \
      [[maybe_unused]] typename S::V const b = S::load(pb + i, n - i);                                     \
      [[maybe_unused]] typename S::V const c = S::load(pc + i, n - i);                                     \
      S::store(y + i, expression, n - i);                                                                  \
    }                                                                                                      \
  }
ASHLAR_ZIP(zip_fill, s)
ASHLAR_ZIP(zip_add, a + b)
ASHLAR_ZIP(zip_sub, a - b)
ASHLAR_ZIP(zip_mul, a* b)
ASHLAR_ZIP(zip_div, a / b)
ASHLAR_ZIP(zip_add_scalar, a + s)
ASHLAR_ZIP(zip_mul_scalar, a* s)
ASHLAR_ZIP(zip_scalar_sub, s - a)
ASHLAR_ZIP(zip_div_scalar, a / s)
ASHLAR_ZIP(zip_scalar_div, s / a)
ASHLAR_ZIP(zip_axpy, S::fma(s, a, b))
ASHLAR_ZIP(zip_mul_add, S::fma(a, b, c))
ASHLAR_ZIP(zip_div_add, c + a / b)
#undef ASHLAR_ZIP

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
