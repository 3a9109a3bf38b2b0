// tests/kernels/cuda/device.hpp: what the cases of kernels for the GPU run on: the executors on the CPU, or a GPU.
// SPDX-License-Identifier: BSL-1.0
//
// A Device has  launcher()
//               Buffer<T> upload(std::vector<T>, shift)     memory that kernels reach, `shift` elements off 64 bytes
//               std::vector<T> download(Buffer<T> const&)
// A case is a template over the Device; it includes neither Catch2 nor CUDA, so g++, clang and nvcc compile the same
// one.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace cuda_test {

/// Values in [-1, 1), the same on every machine.
template <class T>
std::vector<T> random(std::size_t n, std::uint32_t seed) {
  std::uint32_t state = seed * 2654435761u + 12345u;
  std::vector<T> out(n);
  for (T& x : out) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<T>(static_cast<std::int32_t>(state >> 8) - (1 << 23)) / static_cast<T>(1 << 23);
  }
  return out;
}

/// Collects what is wrong.
class Failures {
 public:
  void add(std::string text) {
    if (texts_.size() < 8) texts_.push_back(std::move(text));
    ++count_;
  }
  [[nodiscard]] bool none() const { return count_ == 0; }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (auto const& one : texts_) all.append(one).append("\n");
    if (count_ > texts_.size()) all.append("... ").append(std::to_string(count_)).append(" in all\n");
    return all;
  }

  /// |a - b| <= bound * (1 + |b|), or both infinite or NaN alike.
  template <class T>
  void expect_close(std::string const& what, std::vector<T> const& got, std::vector<T> const& expected, double bound) {
    if (got.size() != expected.size()) return add(what + ": another size");
    for (std::size_t i = 0; i < got.size(); ++i) {
      double const a = static_cast<double>(got[i]);
      double const b = static_cast<double>(expected[i]);
      if (a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= bound * (1 + std::abs(b))) continue;
      return add(what + "[" + std::to_string(i) + "]: " + std::to_string(a) + " but expected " + std::to_string(b));
    }
  }
  template <class T>
  void expect_same_bits(std::string const& what, std::vector<T> const& got, std::vector<T> const& expected) {
    if (got.size() != expected.size()) return add(what + ": another size");
    if (!got.empty() && std::memcmp(got.data(), expected.data(), got.size() * sizeof(T)) != 0) {
      expect_close(what, got, expected, 0);
      if (none()) add(what + ": other bits of zeros or NaN");
    }
  }

 private:
  std::size_t count_ = 0;
  std::vector<std::string> texts_;
};

/// Bound for sums of `terms` products of numbers below 1: the roundings of a sum of that length, with room for the
/// order.
template <class T>
double rounding(std::size_t terms) {
  return 2 * static_cast<double>(std::numeric_limits<T>::epsilon()) * (4 + static_cast<double>(terms));
}

}  // namespace cuda_test
