// kernels/sort/cuda.cuh: a stable sort of 32-bit keys, each with a value, on the GPU.  SPDX-License-Identifier: BSL-1.0
//
// By digits of 8 bits, the lowest first (Knuth 5.2.5), without atomics, so that there is one result. For a digit each
// block counts those of its 2048 keys, one more block adds the counts up, and each block puts its keys where they
// belong. A warp takes 32 neighbours at a time: eight ballots tell each lane which others have its digit, and so how
// many of them come before it (Ashkiani et al., GPU Multisplit, 2016).
//
// Bytes a key and digit: 4 to count and 16 to move, which lie in L2 up to some million keys. Below, launches are the
// cost: three a digit, 8 us.
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels::cuda {
namespace detail {

ASHLAR_DEVICE_INLINE unsigned count_bits(unsigned x) {
#ifdef __CUDA_ARCH__
  return static_cast<unsigned>(__popc(x));
#else
  return static_cast<unsigned>(__builtin_popcount(x));
#endif
}

inline constexpr unsigned sort_rounds = 8;  // of 32 neighbours, for each of 8 warps
inline constexpr unsigned sort_tile = 256 * sort_rounds;
inline constexpr unsigned sort_digits = 256;

/// Counts the digits of a block's keys or, Move, puts these where they belong. counts: (digits, blocks), and added up
/// to places for Move.
template <bool Move>
struct SortTile {
  static constexpr unsigned threads = 256;
  static constexpr unsigned warps = threads / 32;
  struct Shared {
    device::Array<unsigned, warps * sort_digits> seen;  // of each digit, by each warp
  };
  struct Local {
    unsigned key[sort_rounds];
    unsigned before[sort_rounds];  // keys of the same digit that the warp had before
    unsigned equal;  // lanes with the same digit
    bool bit[8];
    bool inside;
  };

  std::size_t n;
  unsigned shift;
  std::uint32_t const* keys;
  std::uint32_t const* values;
  std::uint32_t* counts;
  std::uint32_t* keys_to;
  std::uint32_t* values_to;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const blocks = block.count().x;
    std::size_t const me = block.index().x;
    block.phase([&](auto& t, Shared& s, Local&) {
      for (unsigned w = 0; w < warps; ++w) s.seen.set(w * sort_digits + t.index, 0);
    });
    ASHLAR_DEVICE_UNROLL
    for (unsigned round = 0; round < sort_rounds; ++round) {
      block.warps([&](auto& t, Shared&, Local& l) {
        std::size_t const i = place(me, t, round);
        l.inside = i < n;
        l.key[round] = l.inside ? keys[i] : 0;
        ASHLAR_DEVICE_UNROLL
        for (unsigned b = 0; b < 8; ++b) l.bit[b] = (l.key[round] >> (shift + b) & 1) != 0;
      });
      block.warps([&](auto& t, Shared& s, Local& l) {
        unsigned equal = t.ballot(l.inside);
        ASHLAR_DEVICE_UNROLL
        for (unsigned b = 0; b < 8; ++b) {
          unsigned const set = t.ballot(l.bit[b]);
          equal &= l.bit[b] ? set : ~set;
        }
        l.equal = equal;
        l.before[round] =
            s.seen.get(t.warp() * sort_digits + digit(l.key[round])) + count_bits(equal & ((1u << t.lane()) - 1));
      });
      block.warps([&](auto& t, Shared& s, Local& l) {
        bool const first = l.inside && (l.equal & ((1u << t.lane()) - 1)) == 0;
        if (first) s.seen.set(t.warp() * sort_digits + digit(l.key[round]), l.before[round] + count_bits(l.equal));
      });
    }
    block.phase([](auto&, Shared&, Local&) {});
    if constexpr (!Move) {
      block.last([&](auto& t, Shared& s, Local&) {
        unsigned sum = 0;
        for (unsigned w = 0; w < warps; ++w) sum += s.seen.get(w * sort_digits + t.index);
        counts[t.index * blocks + me] = sum;
      });
    } else {
      block.phase([&](auto& t, Shared& s, Local&) {
        unsigned at = counts[t.index * blocks + me];
        for (unsigned w = 0; w < warps; ++w) {
          unsigned const here = s.seen.get(w * sort_digits + t.index);
          s.seen.set(w * sort_digits + t.index, at);
          at += here;
        }
      });
      block.last([&](auto& t, Shared& s, Local& l) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned round = 0; round < sort_rounds; ++round) {
          std::size_t const i = place(me, t, round);
          if (i >= n) continue;
          std::size_t const to = s.seen.get(t.warp() * sort_digits + digit(l.key[round])) + l.before[round];
          keys_to[to] = l.key[round];
          values_to[to] = values[i];
        }
      });
    }
  }

 private:
  [[nodiscard]] ASHLAR_DEVICE unsigned digit(unsigned key) const { return key >> shift & (sort_digits - 1); }
  template <class Thread>
  ASHLAR_DEVICE static std::size_t place(std::size_t block, Thread const& t, unsigned round) {
    return block * sort_tile + t.warp() * (32 * sort_rounds) + round * 32 + t.lane();
  }
};

/// Each of n counts becomes the sum of those before it; one block.
struct SortPlaces {
  static constexpr unsigned threads = 1024;
  struct Shared {
    device::Array<unsigned, 2 * threads> sum;
  };
  using Local = device::None;

  std::size_t n;
  std::uint32_t* counts;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const each = (n + threads - 1) / threads;
    block.phase([&](auto& t, Shared& s, Local&) {
      unsigned sum = 0;
      for (std::size_t i = t.index * each; i < (t.index + 1) * each && i < n; ++i) sum += counts[i];
      s.sum.set(t.index, sum);
    });
    unsigned from = 0;
    for (unsigned by = 1; by < threads; by *= 2) {  // from one half of the memory to the other
      block.phase([&](auto& t, Shared& s, Local&) {
        unsigned const own = s.sum.get(from + t.index);
        s.sum.set(threads - from + t.index, t.index < by ? own : own + s.sum.get(from + t.index - by));
      });
      from = threads - from;
    }
    block.last([&](auto& t, Shared& s, Local&) {
      unsigned sum = t.index == 0 ? 0 : s.sum.get(from + t.index - 1);
      for (std::size_t i = t.index * each; i < (t.index + 1) * each && i < n; ++i) {
        unsigned const here = counts[i];
        counts[i] = sum;
        sum += here;
      }
    });
  }
};

}  // namespace detail

/// Numbers of 32 bits that sort works in, beside its keys and values.
constexpr std::size_t sort_workspace(std::size_t n) {
  return 2 * n + device::ceil_div(n, detail::sort_tile) * detail::sort_digits;
}

/// Where sort has left its result.
struct Sorted {
  std::uint32_t const* keys;
  std::uint32_t const* values;
};

/// Keys (n), none above `largest`, in order, and their values with them; equal keys keep the order of before. Keys and
/// values are written over. work: sort_workspace. All are device pointers; n is below 2^31.
template <class Launcher>
Sorted sort(Launcher& launcher, std::size_t n, std::uint32_t largest, std::uint32_t* keys, std::uint32_t* values,
            std::uint32_t* work) {
  std::uint32_t* to_keys = work;
  std::uint32_t* to_values = work + n;
  std::uint32_t* const counts = work + 2 * n;
  std::size_t const blocks = device::ceil_div(n, detail::sort_tile);
  device::Grid const grid{blocks};
  for (unsigned shift = 0; n != 0 && shift < 32 && (shift == 0 || largest >> shift != 0); shift += 8) {
    launcher.launch(grid, detail::SortTile<false>{n, shift, keys, values, counts, to_keys, to_values});
    launcher.launch({}, detail::SortPlaces{blocks * detail::sort_digits, counts});
    launcher.launch(grid, detail::SortTile<true>{n, shift, keys, values, counts, to_keys, to_values});
    std::uint32_t* const k = keys;
    std::uint32_t* const v = values;
    keys = to_keys, values = to_values;
    to_keys = k, to_values = v;
  }
  return {keys, values};
}

}  // namespace ashlar::kernels::cuda
