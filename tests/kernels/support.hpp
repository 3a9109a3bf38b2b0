// tests/kernels/support.hpp: guarded, misaligned buffers, every level of instructions, comparisons.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/isa.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#ifndef ASHLAR_TEST_SUFFIX
#define ASHLAR_TEST_SUFFIX ""
#endif
#define KERNEL_CASE(name) TEST_CASE(name ASHLAR_TEST_SUFFIX, "[kernels]")

namespace {

namespace k = ashlar::kernels;

/// n values at an address that is aligned for T alone, with guards on both sides.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t n, std::size_t shift = 1) : size_(n), shift_(16 + shift), all_(n + 64, guard()) {
    std::fill(begin(), begin() + n, T(0));
  }
  T* begin() { return all_.data() + shift_; }
  T* data() { return begin(); }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return begin()[i]; }
  bool intact() const {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      T const expected = guard();
      if ((i < shift_ || i >= shift_ + size_) && std::memcmp(&all_[i], &expected, sizeof(T)) != 0) return false;
    }
    return true;
  }

 private:
  static T guard() { return T(-77777.25); }
  std::size_t size_;
  std::size_t shift_;
  std::vector<T> all_;
};

/// Values in [-1, 1), the same on every machine.
template <class T>
void randomise(Guarded<T>& x, std::uint32_t seed) {
  std::uint32_t state = seed * 2654435761u + 12345u;
  for (std::size_t i = 0; i < x.size(); ++i) {
    state = state * 1664525u + 1013904223u;
    x[i] = static_cast<T>(static_cast<std::int32_t>(state >> 8) - (1 << 23)) / static_cast<T>(1 << 23);
  }
}

template <class T>
Guarded<T> random_values(std::size_t n, std::uint32_t seed, std::size_t shift = 1) {
  Guarded<T> x(n, shift);
  randomise(x, seed);
  return x;
}

/// Largest difference, in units of the rounding of sums of `terms` terms of size 1.
template <class T>
double error(Guarded<T>& a, Guarded<T>& b, std::size_t terms) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(d <= largest)) largest = d;
  }
  double const unit = sizeof(T) == 4 ? 6e-8 : 1.2e-16;
  return largest / (unit * (4 + static_cast<double>(terms)));
}

template <class T>
bool same_bits(T const* a, T const* b, std::size_t n) {
  return n == 0 || std::memcmp(a, b, n * sizeof(T)) == 0;
}

/// Calls f once for each level this machine runs.
template <class F>
void each_isa(F const& f) {
  for (int level = 0; level <= static_cast<int>(k::best_isa()); ++level) {
    if (static_cast<int>(k::set_isa(static_cast<k::Isa>(level))) != level) continue;
    CAPTURE(level);
    f();
  }
  k::set_isa(k::best_isa());
}

}  // namespace
