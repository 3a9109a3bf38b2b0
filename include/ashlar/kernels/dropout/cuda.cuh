// kernels/dropout/cuda.cuh: dropout on the GPU, with the very numbers of Rng::dropout_mask.
// SPDX-License-Identifier: BSL-1.0
//
// A thread computes one Philox block, four words, for four elements: about 100 integer instructions for 16 (mask) or 32
// (dropout) bytes. An H200 issues 132 * 4 * 32 * 1.7e9 = 29e12 instructions a second, so 1.1e12 elements, 9 TB/s for
// dropout: bandwidth is still the limit, at a good half of the instructions. On an RTX 4070 mobile too, by far.
// The mask need not be kept: the way back computes it again from seed and place, which saves 4 of 12 bytes an element.
#pragma once

#include <ashlar/core/rng.hpp>
#include <ashlar/kernels/device/elementwise.cuh>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels::cuda {

/// The numbers of one call of dropout: element i drops if word i % 4 of block first + i / 4 is below the threshold.
struct DropoutNumbers {
  std::uint64_t seed;
  std::uint64_t first;
  std::uint64_t threshold;
  double keep;  // 1 / (1 - p), or 0

  /// Takes the numbers for n elements, as Rng::dropout_mask does.
  static DropoutNumbers take(Rng& rng, std::size_t n, double p) {
    std::uint64_t const threshold = dropout_threshold(p);
    return {rng.seed, rng.reserve(n), threshold, threshold >> 32 != 0 ? 0.0 : 1 / (1 - (p > 0 ? p : 0))};
  }
};

namespace detail {

/// out = the mask, x * mask, or out + x * mask. at<1> is for the few elements behind the last block of four, and for
/// arrays that are not aligned; it computes a block for each element.
enum class DropoutKind { mask, forward, pullback };
template <DropoutKind Kind, class T>
struct Dropout {
  DropoutNumbers numbers;
  T const* x;
  T* out;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    RngBlock const block = rng_block(numbers.seed, numbers.first + i / 4);
    T const keep = static_cast<T>(numbers.keep);
    device::Pack<T, N> v{};
    device::Pack<T, N> result{};
    if constexpr (Kind != DropoutKind::mask) v = device::load<N>(x + i);
    if constexpr (Kind == DropoutKind::pullback) result = device::load<N>(out + i);
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) {
      std::uint32_t const word = N == 4 ? block.word[j] : block.word[i % 4];
      T const mask = word < numbers.threshold ? T(0) : keep;
      if constexpr (Kind == DropoutKind::mask) result.v[j] = mask;
      if constexpr (Kind == DropoutKind::forward) result.v[j] = v.v[j] * mask;
      if constexpr (Kind == DropoutKind::pullback) result.v[j] += v.v[j] * mask;
    }
    device::store(out + i, result);
  }
};

}  // namespace detail

/// mask[i] (n) is 0 with probability p and else 1 / (1 - p): the bits of rng.dropout_mask(n, p, mask), and rng moves on
/// alike.
template <class T, class Launcher>
void dropout_mask(Launcher& launcher, Rng& rng, std::size_t n, double p, T* mask) {
  auto const numbers = DropoutNumbers::take(rng, n, p);
  device::for_each(launcher, n, detail::Dropout<detail::DropoutKind::mask, T>{numbers, nullptr, mask}, mask);
}

/// y = x * mask, with no mask in memory; y may be x.
template <class T, class Launcher>
void dropout(Launcher& launcher, DropoutNumbers const& numbers, std::size_t n, T const* x, T* y) {
  device::for_each(launcher, n, detail::Dropout<detail::DropoutKind::forward, T>{numbers, x, y}, x, y);
}

/// dx += dy * mask.
template <class T, class Launcher>
void dropout_pullback(Launcher& launcher, DropoutNumbers const& numbers, std::size_t n, T const* dy, T* dx) {
  device::for_each(launcher, n, detail::Dropout<detail::DropoutKind::pullback, T>{numbers, dy, dx}, dy, dx);
}

}  // namespace ashlar::kernels::cuda
