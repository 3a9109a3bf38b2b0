// Ashlar: TorchRng, the random numbers of PyTorch on the CPU.  SPDX-License-Identifier: BSL-1.0
//
// For initial values that agree with torch.manual_seed. Randomness while training comes from Rng (core/rng.hpp), whose
// state is two integers.
#pragma once

#include <ashlar/core/dtype.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>

namespace ashlar {

namespace detail {

/// A random real of PyTorch has as many bits as its type has digits; 16-bit types are drawn as float and rounded at the
/// end.
template <class T>
using random_real = std::conditional_t<std::is_same_v<T, double>, double, float>;

}  // namespace detail

/// The generator behind torch.manual_seed(seed) on the CPU: mt19937, and the draws ATen makes from it.
///
/// Dtype   float, double, float16, bfloat16. Of the last two PyTorch 1.13 draws other numbers, and randint other ones
///         for 2^28 to 2^32 values: this is PyTorch 2.15.
/// Memory  2.5 KB, trivially copyable.
/// Cost    `normal` over 16 values or more computes logarithm, sine and cosine in double: at most 1 ulp from exact,
///         where PyTorch's vector unit is a few ulp off. Everything else gives PyTorch's very bits.
/// Source  aten/src/ATen/core/{MT19937RNGEngine,TransformationHelper,DistributionsHelper}.h,
///         aten/src/ATen/native/cpu/DistributionTemplates.h; oracle tests/golden/d2l/rng.safetensors.
class TorchRng {
 public:
  /// As PyTorch, uses the lower 32 bits of the seed.
  explicit constexpr TorchRng(std::uint64_t seed) {
    state_[0] = static_cast<std::uint32_t>(seed);
    for (std::uint32_t i = 1; i < n; ++i) {
      state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
    }
  }

  constexpr std::uint32_t random() {
    if (at_ == n) refill();
    std::uint32_t y = state_[at_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }
  /// Two draws, the first is the high half.
  constexpr std::uint64_t random64() {
    std::uint64_t const high = random();
    return high << 32 | random();
  }

  /// torch.rand: in [0, 1); of a 16-bit T before it is rounded.
  template <class T = float>
  constexpr detail::random_real<T> uniform() {
    using Real = detail::random_real<T>;
    constexpr std::uint64_t span = std::uint64_t{1} << (std::is_same_v<T, double> ? 53 : 24);
    std::uint64_t const bits = std::is_same_v<T, double> ? random64() : random();
    return static_cast<Real>(bits & (span - 1)) * (Real(1) / static_cast<Real>(span));
  }
  /// Tensor.uniform_(from, to). PyTorch's build contracts x * (to - from) + from into one rounding; so does this. What
  /// a 16-bit type rounds up to `to` becomes `from`.
  template <class T, std::size_t N>
  void fill_uniform(std::span<T, N> out, double from, double to) {
    using Real = detail::random_real<T>;
    Real const low = static_cast<Real>(from);
    Real const high = static_cast<Real>(to);
    for (T& x : out) {
      x = static_cast<T>(std::fma(uniform<T>(), high - low, low));
      if constexpr (!std::is_same_v<T, Real>) {
        if (static_cast<Real>(x) == static_cast<Real>(static_cast<T>(high))) x = static_cast<T>(low);
      }
    }
  }

  /// Tensor.normal_(mean, std). From 16 values on PyTorch takes another path, with other numbers.
  template <class T, std::size_t N>
  void fill_normal(std::span<T, N> out, double mean, double std) {
    if (out.size() < 16) {
      for (T& x : out) x = static_cast<T>(static_cast<detail::random_real<T>>(normal(mean, std)));
      return;
    }
    if constexpr (std::is_same_v<T, detail::random_real<T>>) {
      for (T& x : out) x = uniform<T>();
      for (std::size_t i = 0; i + 16 <= out.size(); i += 16) box_muller(out.data() + i, mean, std);
    } else {
      for (std::size_t i = 0; i + 16 <= out.size(); i += 16) draw_normal(out.data() + i, mean, std);
    }
    if (out.size() % 16 != 0) draw_normal(out.data() + out.size() - 16, mean, std);  // the last 16 are drawn anew
  }
  /// One value, as in a tensor of fewer than 16. Values come in pairs; the second waits for the next call.
  double normal(double mean = 0, double std = 1) {
    if (has_spare_) {
      has_spare_ = false;
      return spare_ * std + mean;
    }
    double const u1 = uniform<double>();
    double const u2 = uniform<double>();
    double const radius = std::sqrt(-2.0 * std::log1p(-u2));
    double const angle = 2.0 * std::numbers::pi * u1;
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle) * std + mean;
  }

  /// torch.randint(low, high): in [low, high). Before: low < high.
  constexpr std::int64_t randint(std::int64_t low, std::int64_t high) {
    std::uint64_t const range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    std::uint64_t const x = range >> 28 != 0 ? random64() : random();
    return static_cast<std::int64_t>(x % range + static_cast<std::uint64_t>(low));
  }
  /// torch.bernoulli of one float32 probability.
  constexpr bool bernoulli(float p) { return uniform<float>() < p; }
  /// One element of torch.nn.functional.dropout: true if it is kept, and then divided by 1 - p.
  constexpr bool dropout_keeps(double p) { return uniform<double>() < 1 - p; }

  /// torch.randperm(n), for fewer than 2^32 / 20 items.
  template <class I, std::size_t N>
  constexpr void randperm(std::span<I, N> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<I>(i);
    for (std::size_t i = 0; i + 1 < out.size(); ++i) std::swap(out[i], out[i + random() % (out.size() - i)]);
  }

 private:
  static constexpr std::uint32_t n = 624;
  static constexpr std::uint32_t m = 397;

  constexpr void refill() {
    for (std::uint32_t i = 0; i < n; ++i) {
      std::uint32_t const y = (state_[i] & 0x80000000u) | (state_[(i + 1) % n] & 0x7fffffffu);
      state_[i] = state_[(i + m) % n] ^ (y >> 1) ^ (y & 1u ? 0x9908b0dfu : 0u);
    }
    at_ = 0;
  }

  /// 16 uniform values in place: x[j] and x[j + 8] become one pair.
  template <class Real>
  static void box_muller(Real* x, double mean, double std) {
    for (std::size_t j = 0; j < 8; ++j) {
      double const u1 = 1.0 - static_cast<double>(x[j]);
      double const u2 = static_cast<double>(x[j + 8]);
      double const radius = std::sqrt(-2.0 * std::log(u1));
      double const angle = 2.0 * std::numbers::pi * u2;
      x[j] = static_cast<Real>(radius * std::cos(angle) * std + mean);
      x[j + 8] = static_cast<Real>(radius * std::sin(angle) * std + mean);
    }
  }
  /// 16 normal values, from 16 draws.
  template <class T>
  void draw_normal(T* x, double mean, double std) {
    detail::random_real<T> some[16];
    for (auto& u : some) u = uniform<T>();
    box_muller(some, mean, std);
    for (std::size_t j = 0; j < 16; ++j) x[j] = static_cast<T>(some[j]);
  }

  std::uint32_t state_[n]{};
  std::uint32_t at_ = n;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace ashlar
