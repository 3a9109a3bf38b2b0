// kernels/pointwise/ops.hpp: activations and elementwise functions, one functor each, with PyTorch's values
// and gradients at 0, at kinks, for infinities and NaN. The oracle of the vector forms in cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
//
// A functor has  T operator()(T x)        y = f(x)
//           and  T derivative(T x, T y)   f'(x), given y = f(x); the pullback multiplies it with dy.
// A type with these two members works with map and map_pullback; nothing needs to be registered.
#pragma once

#include <ashlar/kernels/scalar_math.hpp>

namespace ashlar::kernels {

struct Identity {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return x; }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T) const noexcept { return T(1); }
};

/// max(x, 0); NaN stays NaN and passes its gradient on, and -0 stays -0, as in PyTorch.
struct ReLU {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return x < T(0) ? T(0) : x; }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T y) const noexcept { return y <= T(0) ? T(0) : T(1); }
};

struct LeakyReLU {
  double slope = 0.01;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    return x > T(0) ? x : x * static_cast<T>(slope);
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    return x > T(0) ? T(1) : static_cast<T>(slope);
  }
};

/// x * Phi(x), with the error function.
struct GELU {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    return x * (T(0.5) * (T(1) + scalar::erf(x * T(0.70710678118654752440))));
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const cdf = T(0.5) * (T(1) + scalar::erf(x * T(0.70710678118654752440)));
    T const pdf = T(0.39894228040143267794) * scalar::exp(x * x * T(-0.5));
    return cdf + x * pdf;
  }
};

/// GELU by tanh (PyTorch: approximate="tanh").
struct GELUTanh {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    T const inner = T(0.79788456080286535588) * (x + T(0.044715) * x * x * x);
    return T(0.5) * x * (T(1) + scalar::tanh(inner));
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const inner = T(0.79788456080286535588) * (x + T(0.044715) * x * x * x);
    T const t = scalar::tanh(inner);
    T const slope = T(0.79788456080286535588) * (T(1) + T(3) * T(0.044715) * x * x);
    return T(0.5) * (T(1) + t) + T(0.5) * x * ((T(1) - t * t) * slope);
  }
};

/// 1 / (1 + exp(-x)).
struct Sigmoid {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return T(1) / (T(1) + scalar::exp(-x)); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T y) const noexcept { return (T(1) - y) * y; }
};

/// x * sigmoid(x).
struct SiLU {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return x / (T(1) + scalar::exp(-x)); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const s = Sigmoid{}(x);
    return s * (T(1) + x * (T(1) - s));
  }
};

struct Tanh {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return scalar::tanh(x); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T y) const noexcept { return T(1) - y * y; }
};

/// min(max(x, low), high); NaN stays NaN.
struct Hardtanh {
  double low = -1;
  double high = 1;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    T const lo = static_cast<T>(low);
    T const hi = static_cast<T>(high);
    T const raised = x < lo ? lo : x;
    return raised > hi ? hi : raised;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    return x <= static_cast<T>(low) || x >= static_cast<T>(high) ? T(0) : T(1);
  }
};

struct ReLU6 {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return Hardtanh{0, 6}(x); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T y) const noexcept {
    return Hardtanh{0, 6}.derivative(x, y);
  }
};

/// x * relu6(x + 3) / 6.
struct Hardswish {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return x * Hardtanh{0, 6}(x + T(3)) / T(6); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    if (x <= T(-3)) return T(0);
    if (x >= T(3)) return T(1);
    return x / T(3) + T(0.5);
  }
};

/// relu6(x + 3) / 6. PyTorch's slope is 1/6 rounded to float for double too, and 0 at NaN; so is this one.
struct Hardsigmoid {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return Hardtanh{0, 6}(x + T(3)) / T(6); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    return x > T(-3) && x < T(3) ? T(1.0f / 6.0f) : T(0);
  }
};

/// x, or alpha * (exp(x) - 1) below 0; the gradient at 0 is alpha.
struct ELU {
  double alpha = 1;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    return x < T(0) ? scalar::expm1(x) * static_cast<T>(alpha) : x;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    return x <= T(0) ? static_cast<T>(alpha) * scalar::exp(x) : T(1);
  }
};

/// ELU with the slope and the limit that keep mean and variance (Klambauer et al., 2017); constants of PyTorch.
struct SELU {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    T const scale = T(1.0507009873554804934193349852946);
    return x < T(0) ? scalar::expm1(x) * (T(1.6732632423543772848170429916717) * scale) : x * scale;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const scale = T(1.0507009873554804934193349852946);
    return x <= T(0) ? T(1.6732632423543772848170429916717) * scale * scalar::exp(x) : scale;
  }
};

/// x, or alpha * (exp(x / alpha) - 1) below 0. The gradient has 1 / alpha of a float for double too, as PyTorch's.
struct CELU {
  double alpha = 1;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    return x < T(0) ? scalar::expm1(x * static_cast<T>(1 / alpha)) * static_cast<T>(alpha) : x;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const inverse = static_cast<T>(1.0 / static_cast<double>(static_cast<float>(alpha)));
    return x <= T(0) ? inverse * static_cast<T>(alpha) * scalar::exp(x * inverse) : T(1);
  }
};

/// x, or 0 within lambd of 0.
struct Hardshrink {
  double lambd = 0.5;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    return x >= static_cast<T>(-lambd) && x <= static_cast<T>(lambd) ? T(0) : x;
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    return x >= static_cast<T>(-lambd) && x <= static_cast<T>(lambd) ? T(0) : T(1);
  }
};

/// x moved towards 0 by lambd, and 0 within that; NaN stays NaN.
struct Softshrink {
  double lambd = 0.5;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    T const l = static_cast<T>(lambd);
    return x > l ? x - l : (x < -l ? x + l : x * T(0));
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    return Hardshrink{lambd}.derivative(x, x);
  }
};

/// x - tanh(x).
struct Tanhshrink {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return x - scalar::tanh(x); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const t = scalar::tanh(x);
    return t * t;
  }
};

/// log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold.
struct Softplus {
  double beta = 1;
  double threshold = 20;
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    T const scaled = x * static_cast<T>(beta);
    return scaled > static_cast<T>(threshold) ? x : scalar::log1p(scalar::exp(scaled)) / static_cast<T>(beta);
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const scaled = x * static_cast<T>(beta);
    if (scaled > static_cast<T>(threshold)) return T(1);
    T const z = scalar::exp(scaled);
    return z / (z + T(1));
  }
};

/// log(sigmoid(x)), without overflow on either side.
struct LogSigmoid {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    T const low = x < T(0) ? x : (x != x ? x : T(0));
    return low - scalar::log1p(scalar::exp(-scalar::abs(x)));
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const z = scalar::exp(-scalar::abs(x));
    return x < T(0) ? T(1) / (T(1) + z) : z / (T(1) + z);
  }
};

/// x * tanh(softplus(x)).
struct Mish {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept {
    return x * scalar::tanh(scalar::log1p(scalar::exp(x)));
  }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept {
    T const t = scalar::tanh(scalar::log1p(scalar::exp(x)));
    return t + x * (Sigmoid{}(x) * (T(1) - t * t));
  }
};

/// x / (1 + |x|); at infinity both this and its gradient are NaN, as in PyTorch.
struct Softsign {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return x / (T(1) + scalar::abs(x)); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T y) const noexcept {
    T const d = T(1) + scalar::abs(x);
    return y != y ? y : T(1) / (d * d);
  }
};

struct Exp {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return scalar::exp(x); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T y) const noexcept { return y; }
};

struct Log {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return scalar::log(x); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept { return T(1) / x; }
};

struct Sqrt {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return scalar::sqrt(x); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T y) const noexcept { return T(1) / (T(2) * y); }
};

/// |x|; its gradient is the sign, so 0 at 0 and at NaN.
struct Abs {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return scalar::abs(x); }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept { return T((x > T(0)) - (x < T(0))); }
};

struct Neg {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return -x; }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T, T) const noexcept { return T(-1); }
};

struct Square {
  template <class T> ASHLAR_HOST_DEVICE T operator()(T x) const noexcept { return x * x; }
  template <class T> ASHLAR_HOST_DEVICE T derivative(T x, T) const noexcept { return T(2) * x; }
};

}  // namespace ashlar::kernels
