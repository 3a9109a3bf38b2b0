// Ashlar: Rng, random numbers that resume: two integers are the whole state.  SPDX-License-Identifier: BSL-1.0
//
// Word number c of seed s is a function of (s, c) alone, so draws may be made in any order, by any number of lanes,
// threads or devices, and a checkpoint that holds an Rng continues with the very numbers that would have come next.
#pragma once

#include <ashlar/core/host_device.hpp>
#include <ashlar/core/language.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>

namespace ashlar {

/// What one call of the generator gives: 128 random bits.
struct RngBlock {
  std::uint32_t word[4];
};

/// Philox4x32-10: a bijection of 128-bit counters, one for each 64-bit key. No state, no memory, no branch.
///
/// Source  Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
ASHLAR_HOST_DEVICE constexpr RngBlock philox4x32(RngBlock counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const p0 = std::uint64_t{0xD2511F53u} * counter.word[0];
    std::uint64_t const p1 = std::uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(p1 >> 32) ^ counter.word[1] ^ key0, static_cast<std::uint32_t>(p1),
                static_cast<std::uint32_t>(p0 >> 32) ^ counter.word[3] ^ key1, static_cast<std::uint32_t>(p0)}};
    key0 += 0x9E3779B9u;  // golden ratio
    key1 += 0xBB67AE85u;  // sqrt(3) - 1
  }
  return counter;
}

/// Words 4 * index ... 4 * index + 3 of a seed. `stream` 0 is what an Rng draws from, 1 what its forks are seeded from.
ASHLAR_HOST_DEVICE constexpr RngBlock rng_block(std::uint64_t seed, std::uint64_t index, std::uint32_t stream = 0) {
  return philox4x32({{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), stream, 0}},
                    static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}

namespace detail {

/// `lanes` blocks at once, word j of block first + l in out[j][l]: the same numbers as rng_block, in loops that
/// compilers turn into vector code at -O2. ns an element of a dropout mask of 3.1 million, -O2 without -march, best of
/// 10, g++ 12 / clang 19: a block at a time 9.3 / 24.0, 8 lanes 6.9 / 2.4.
inline constexpr std::size_t rng_lanes = 8;
constexpr void rng_blocks(std::uint64_t seed, std::uint64_t first, std::uint32_t (&out)[4][rng_lanes]) {
  auto& [c0, c1, c2, c3] = out;
  for (std::size_t l = 0; l < rng_lanes; ++l) {
    c0[l] = static_cast<std::uint32_t>(first + l);
    c1[l] = static_cast<std::uint32_t>((first + l) >> 32);
    c2[l] = 0;
    c3[l] = 0;
  }
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t l = 0; l < rng_lanes; ++l) {
      std::uint64_t const p0 = std::uint64_t{0xD2511F53u} * c0[l];
      std::uint64_t const p1 = std::uint64_t{0xCD9E8D57u} * c2[l];
      c0[l] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[l] ^ key0;
      c1[l] = static_cast<std::uint32_t>(p1);
      c2[l] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[l] ^ key1;
      c3[l] = static_cast<std::uint32_t>(p0);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

}  // namespace detail

/// Word number `counter` of a seed: what a CUDA thread calls for its own element.
ASHLAR_HOST_DEVICE constexpr std::uint32_t rng_word(std::uint64_t seed, std::uint64_t counter) {
  return rng_block(seed, counter / 4).word[counter % 4];
}

/// Words below the threshold are dropped, with probability p, exact to 2^-32. p is taken as 0 below 0 and for NaN,
/// as 1 above 1.
ASHLAR_HOST_DEVICE constexpr std::uint64_t dropout_threshold(double p) {
  if (!(p > 0)) return 0;
  return p < 1 ? static_cast<std::uint64_t>(p * 4294967296.0) : std::uint64_t{1} << 32;
}

/// A stream of random numbers whose position is a number.
///
/// Dtype   draws are 32-bit words; `counter` counts those taken. A float takes one, a double two.
/// Keys    seed, counter: two scalars of a checkpoint.
/// Memory  16 bytes, trivially copyable. A copy repeats what the original will draw; `fork` gives an independent one.
/// Cost    one Philox block (10 rounds) a draw, and one for 4 words in bulk. A fill of n values equals n single draws.
/// Usage   `ashlar::Rng rng{42};`
struct Rng {
  std::uint64_t seed = 0;
  std::uint64_t counter = 0;

  constexpr std::uint32_t next_u32() { return rng_word(seed, counter++); }
  /// Two words, the first is the high half.
  constexpr std::uint64_t next_u64() {
    std::uint64_t const high = next_u32();
    return high << 32 | next_u32();
  }

  /// In [0, 1), on the grid 2^-24 (float) or 2^-53 (double).
  template <class T = float>
  constexpr T uniform() {
    return from_bits<T>([this] { return next_u32(); });
  }
  /// a + (b - a) * uniform(): in [a, b], where b is met only by rounding.
  template <class T>
  constexpr T uniform(T a, T b) {
    return a + (b - a) * uniform<T>();
  }
  template <class T, std::size_t N>
  void fill_uniform(std::span<T, N> out, std::type_identity_t<T> a = 0, std::type_identity_t<T> b = 1) {
    Words words{*this};
    for (T& x : out) x = a + (b - a) * from_bits<T>(words);
  }

  /// Normally distributed: Box and Muller's cosine, of two uniform numbers.
  template <class T = float>
  T normal(T mean = 0, T std = 1) {
    return normal_from<T>([this] { return next_u32(); }, mean, std);
  }
  template <class T, std::size_t N>
  void fill_normal(std::span<T, N> out, std::type_identity_t<T> mean = 0, std::type_identity_t<T> std = 1) {
    Words words{*this};
    for (T& x : out) x = normal_from<T>(words, mean, std);
  }

  /// True with probability p, exact to 2^-32.
  constexpr bool bernoulli(double p) { return next_u32() < dropout_threshold(p); }

  /// In [0, n), each as likely as any other; 0 if n is 0. Takes a word, or two where n > 2^32, and with a probability
  /// below n / 2^32 (n / 2^64) takes as many again.
  constexpr std::uint64_t below(std::uint64_t n) {
    if (n <= 1) return 0;
    if (n <= std::uint64_t{1} << 32) {  // Lemire: Fast random integer generation in an interval (2019)
      std::uint64_t const reject_below = (std::uint64_t{1} << 32) % n;
      for (;;) {
        std::uint64_t const product = next_u32() * n;
        if ((product & 0xffffffffu) >= reject_below) return product >> 32;
      }
    }
    std::uint64_t const reject_below = (0 - n) % n;  // 2^64 mod n
    for (;;) {
      std::uint64_t const x = next_u64();
      if (x >= reject_below) return x % n;
    }
  }

  /// A random order, all equally likely (Fisher and Yates, from the back).
  template <class T, std::size_t N>
  constexpr void shuffle(std::span<T, N> items) {
    for (std::size_t n = items.size(); n > 1; --n) std::swap(items[n - 1], items[static_cast<std::size_t>(below(n))]);
  }

  /// An independent generator, for a worker or a layer. Each call gives another; advances by one word.
  constexpr Rng fork() {
    RngBlock const b = rng_block(seed, counter++, 1);
    return {std::uint64_t{b.word[0]} << 32 | b.word[1], 0};
  }

  /// Moves to the next multiple of 4 words and reserves ceil(n / 4) blocks; returns the index of the first of them.
  /// Element i of a kernel then uses `rng_block(seed, first + i / 4).word[i % 4]`, on any device, in any order.
  constexpr std::uint64_t reserve(std::size_t n) {
    std::uint64_t const first = (counter + 3) / 4;
    counter = 4 * (first + (n + 3) / 4);
    return first;
  }

  /// mask[i] (n) is 0 with probability p and else 1 / (1 - p): element i drops if its word is below the threshold.
  /// Takes `reserve(n)`, so the position afterwards depends on n alone.
  template <class T>
  void dropout_mask(std::size_t n, double p, T* mask) {
    std::uint64_t const first = reserve(n);
    std::uint64_t const threshold = dropout_threshold(p);
    T const keep = threshold >> 32 != 0 ? T(0) : static_cast<T>(1 / (1 - (p > 0 ? p : 0)));
    if (threshold == 0 || threshold >> 32 != 0) {  // p is 0 or 1; the loop below compares words with 32 bits
      std::fill_n(mask, n, keep);
      return;
    }
    auto const drop_below = static_cast<std::uint32_t>(threshold);
    std::uint32_t word[4][detail::rng_lanes];
    std::size_t at = 0;
    for (; at + 4 * detail::rng_lanes <= n; at += 4 * detail::rng_lanes) {
      detail::rng_blocks(seed, first + at / 4, word);
      for (std::size_t l = 0; l < detail::rng_lanes; ++l) {
        for (std::size_t j = 0; j < 4; ++j) mask[at + 4 * l + j] = word[j][l] < drop_below ? T(0) : keep;
      }
    }
    detail::rng_blocks(seed, first + at / 4, word);
    for (std::size_t i = 0; at + i < n; ++i) mask[at + i] = word[i % 4][i / 4] < drop_below ? T(0) : keep;
  }

 private:
  /// Successive words of an Rng, a block at a time.
  struct Words {
    Rng& rng;
    RngBlock block = rng_block(rng.seed, rng.counter / 4);

    constexpr std::uint32_t operator()() {
      std::uint32_t const w = block.word[rng.counter % 4];
      if (++rng.counter % 4 == 0) block = rng_block(rng.seed, rng.counter / 4);
      return w;
    }
  };

  template <class T, class Next>
  static constexpr T from_bits(Next&& next) {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "ashlar: random reals are float or double");
    if constexpr (std::is_same_v<T, float>) {
      return static_cast<float>(next() >> 8) * 0x1p-24f;
    } else {
      std::uint64_t const high = next();
      return static_cast<double>((high << 32 | next()) >> 11) * 0x1p-53;
    }
  }
  template <class T, class Next>
  static T normal_from(Next&& next, T mean, T std) {
    T const u = T(1) - from_bits<T>(next);  // (0, 1]: its logarithm is finite
    T const angle = 2 * std::numbers::pi_v<T> * from_bits<T>(next);
    return mean + std * (std::sqrt(T(-2) * std::log(u)) * std::cos(angle));
  }
};

}  // namespace ashlar
