// Ashlar: initial values, as PyTorch draws them.  SPDX-License-Identifier: BSL-1.0
//
// Bounds and deviations are computed in double and rounded once to the tensor's type, in the order of torch/nn/init.py:
// after the same seed a uniform initialiser gives the very bits PyTorch gives.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/rng.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/core/torch_rng.hpp>
#include <ashlar/reflect/fields.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace ashlar {

/// Arguments stand in one order everywhere: the tensor, numbers, the generator, choices. The tensor is a Parameter,
/// Buffer, Constant, Tensor or View of double, float, float16 or bfloat16.
///
/// Source  torch.nn.init (torch/nn/init.py); oracle tests/golden/d2l/inits.safetensors.
namespace init {

/// What follows the layer; decides the gain.
enum class Nonlinearity : unsigned char { linear, sigmoid, tanh, relu, leaky_relu, selu };
/// Which side a Kaiming initialiser keeps the variance of: fan_in the activations', fan_out the gradients'.
enum class FanMode : unsigned char { fan_in, fan_out };

/// `slope` is that of leaky_relu for negative values.
inline double calculate_gain(Nonlinearity nonlinearity, double slope = 0.01) {
  switch (nonlinearity) {
    case Nonlinearity::tanh: return 5.0 / 3;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2.0 / (1 + slope * slope));
    case Nonlinearity::selu: return 3.0 / 4;
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid: break;
  }
  return 1;
}

struct Fan {
  double in = 0;
  double out = 0;
};
/// Shapes  (out, in, kernel...): both sides count the kernel's elements.
constexpr Fan calculate_fan(Extents const& shape) {
  double kernel = 1;
  for (std::size_t d = 2; d < shape.rank; ++d) kernel *= static_cast<double>(shape[d]);
  return {static_cast<double>(shape[1]) * kernel, static_cast<double>(shape[0]) * kernel};
}
/// Errors  compile time: fewer than 2 dimensions have no fans.
template <class T>
constexpr Fan calculate_fan(T const& tensor) {
  static_assert(T::dims_type::rank >= 2, "ashlar: fan in and fan out need a tensor of at least 2 dimensions");
  return calculate_fan(tensor.shape());
}

namespace detail {

template <class T>
auto elements(T&& tensor) {
  return std::span(tensor.data(), tensor.numel());
}
inline double choose(Fan const& fan, FanMode mode) { return mode == FanMode::fan_in ? fan.in : fan.out; }

/// The y whose error function is x, for |x| <= 1: Winitzki's approximation (2e-3), then Newton's steps.
inline double erfinv(double x) {
  if (std::abs(x) >= 1) return std::copysign(HUGE_VAL, x);
  double const log_rest = std::log((1 - x) * (1 + x));
  double const a = 0.147;
  double const b = 2 / (std::numbers::pi * a) + log_rest / 2;
  double y = std::copysign(std::sqrt(std::sqrt(b * b - log_rest / a) - b), x);
  for (int i = 0; i < 3; ++i) y -= (std::erf(y) - x) / (2 * std::numbers::inv_sqrtpi * std::exp(-y * y));
  return y;
}

/// Gram and Schmidt, each projection taken twice so that the result is orthogonal to rounding.
/// v (count, length): element i of vector k lies at v[k * step + i * stride].
inline void orthonormalise(double* v, std::size_t count, std::size_t length, std::size_t step, std::size_t stride) {
  auto const dot = [&](std::size_t j, std::size_t k) {
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += v[j * step + i * stride] * v[k * step + i * stride];
    return sum;
  };
  for (std::size_t k = 0; k < count; ++k) {
    for (std::size_t j = 0; j < 2 * k; ++j) {
      double const along = dot(j % k, k);
      for (std::size_t i = 0; i < length; ++i) v[k * step + i * stride] -= along * v[j % k * step + i * stride];
    }
    double const norm = std::sqrt(dot(k, k));
    for (std::size_t i = 0; i < length; ++i) v[k * step + i * stride] /= norm;
  }
}

template <class T>
void scale(std::span<T> x, double by, double* from) {
  using Real = ashlar::detail::random_real<T>;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(static_cast<Real>(by * from[i]));
}

}  // namespace detail

/// Every element the same.
template <class T>
void constant_(T&& tensor, double value) {
  auto const x = detail::elements(tensor);
  using E = typename decltype(x)::value_type;
  for (E& e : x) e = static_cast<E>(static_cast<ashlar::detail::random_real<E>>(value));
}
template <class T>
void zeros_(T&& tensor) {
  constant_(tensor, 0);
}
template <class T>
void ones_(T&& tensor) {
  constant_(tensor, 1);
}
/// Shapes  (n, m): ones on the diagonal, zeros elsewhere.
template <class T>
void eye_(T&& tensor) {
  static_assert(std::remove_cvref_t<T>::dims_type::rank == 2, "ashlar: init::eye_ needs a tensor of 2 dimensions");
  zeros_(tensor);
  auto const x = detail::elements(tensor);
  using E = typename decltype(x)::value_type;
  std::size_t const columns = tensor.size(1);
  for (std::size_t i = 0; i < std::min(tensor.size(0), columns); ++i) x[i * columns + i] = static_cast<E>(1.0f);
}

/// Uniform in [a, b).
template <class T>
void uniform_(T&& tensor, double a, double b, TorchRng& rng) {
  rng.fill_uniform(detail::elements(tensor), a, b);
}
template <class T>
void normal_(T&& tensor, double mean, double std, TorchRng& rng) {
  rng.fill_normal(detail::elements(tensor), mean, std);
}
/// Normal, but within [a, b]. Values outside are replaced, by a uniform draw through the inverse of the distribution,
/// so that this ends however narrow the interval is. PyTorch 2.15 redraws them otherwise: only values inside agree with
/// it.
template <class T>
void trunc_normal_(T&& tensor, double mean, double std, double a, double b, TorchRng& rng) {
  auto const x = detail::elements(tensor);
  using E = typename decltype(x)::value_type;
  using Real = ashlar::detail::random_real<E>;
  rng.fill_normal(x, mean, std);
  auto const erf_at = [&](double at) { return std::erf((at - mean) / std / std::numbers::sqrt2); };
  double const low = erf_at(a);
  double const high = erf_at(b);
  for (E& e : x) {
    if (static_cast<double>(static_cast<Real>(e)) >= a && static_cast<double>(static_cast<Real>(e)) <= b) continue;
    double const z = detail::erfinv(low + (high - low) * rng.uniform<double>());
    e = static_cast<E>(static_cast<Real>(std::clamp(mean + std * std::numbers::sqrt2 * z, a, b)));
  }
}

/// Glorot and Bengio (2010): uniform with variance 2 / (in + out), times gain squared.
template <class T>
void xavier_uniform_(T&& tensor, double gain, TorchRng& rng) {
  Fan const fan = calculate_fan(tensor);
  double const std = gain * std::sqrt(2.0 / (fan.in + fan.out));
  double const bound = std::sqrt(3.0) * std;
  uniform_(tensor, -bound, bound, rng);
}
template <class T>
void xavier_uniform_(T&& tensor, TorchRng& rng) {
  xavier_uniform_(tensor, 1, rng);
}
template <class T>
void xavier_normal_(T&& tensor, double gain, TorchRng& rng) {
  Fan const fan = calculate_fan(tensor);
  normal_(tensor, 0, gain * std::sqrt(2.0 / (fan.in + fan.out)), rng);
}
template <class T>
void xavier_normal_(T&& tensor, TorchRng& rng) {
  xavier_normal_(tensor, 1, rng);
}

/// He et al. (2015): uniform with variance gain^2 / fan. `a` is the slope of leaky_relu; with a = sqrt(5) the bound is
/// 1 / sqrt(fan_in), the default of Linear and Conv2d.
template <class T>
void kaiming_uniform_(T&& tensor, double a, TorchRng& rng, FanMode mode = FanMode::fan_in,
                      Nonlinearity nonlinearity = Nonlinearity::leaky_relu) {
  if (tensor.numel() == 0) return;
  double const std = calculate_gain(nonlinearity, a) / std::sqrt(detail::choose(calculate_fan(tensor), mode));
  double const bound = std::sqrt(3.0) * std;
  uniform_(tensor, -bound, bound, rng);
}
template <class T>
void kaiming_normal_(T&& tensor, double a, TorchRng& rng, FanMode mode = FanMode::fan_in,
                     Nonlinearity nonlinearity = Nonlinearity::leaky_relu) {
  if (tensor.numel() == 0) return;
  double const std = calculate_gain(nonlinearity, a) / std::sqrt(detail::choose(calculate_fan(tensor), mode));
  normal_(tensor, 0, std, rng);
}

/// Saxe et al. (2013): orthonormal rows or columns, whichever are fewer, times gain. Later dimensions count as columns.
///
/// Cost    2 * rows * columns * min(rows, columns) multiply-adds in double; allocates 8 bytes an element.
template <class T>
void orthogonal_(T&& tensor, double gain, TorchRng& rng) {
  static_assert(std::remove_cvref_t<T>::dims_type::rank >= 2, "ashlar: init::orthogonal_ needs at least 2 dimensions");
  auto const x = detail::elements(tensor);
  using E = typename decltype(x)::value_type;
  if (x.empty()) return;
  rng.fill_normal(x, 0, 1);
  std::vector<double> work(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    work[i] = static_cast<double>(static_cast<ashlar::detail::random_real<E>>(x[i]));
  }
  std::size_t const rows = tensor.size(0);
  std::size_t const columns = x.size() / rows;
  if (rows < columns) {
    detail::orthonormalise(work.data(), rows, columns, columns, 1);
  } else {
    detail::orthonormalise(work.data(), columns, rows, 1, columns);
  }
  detail::scale<E>(x, gain, work.data());
}

}  // namespace init

/// Draws the initial values of a network, in the order in which PyTorch would: members in order, depth first.
///
/// Init    a type with `void reset_parameters(TorchRng&)` is left to it, with all it holds. Otherwise its members are
///         visited, through std::array, Sequential and Named; a Tied has nothing of its own. What no reset_parameters
///         writes stays as it is: `make` gives zeros and default member initialisers. So does a State: an optimizer
///         starts empty.
template <class T>
void initialise(T& net, TorchRng& rng) {
  if constexpr (requires { net.reset_parameters(rng); }) {
    net.reset_parameters(rng);
  } else if constexpr (detail::is_wrapper<T>) {
    ashlar::initialise(static_cast<detail::unwrapped_t<T>&>(net), rng);
  } else if constexpr (requires {
                         std::tuple_size<T>::value;
                         typename T::value_type;
                       }) {
    if constexpr (!Element<typename T::value_type>) {
      for (auto& child : net) ashlar::initialise(child, rng);
    }
  } else if constexpr (!detail::is_stored<T> && !detail::is_state<T> && !detail::CustomRows<T>::specialised &&
                       std::is_class_v<T> && !Element<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (ashlar::initialise(detail::get_field<I>(net), rng), ...);
    }(std::make_index_sequence<detail::field_count<T>()>{});
  }
}

/// After torch.manual_seed(rng.seed). The Rng is not advanced: it numbers other draws than PyTorch's generator.
template <class T>
void initialise(T& net, Rng const& rng) {
  TorchRng torch(rng.seed);
  ashlar::initialise(net, torch);
}

}  // namespace ashlar
