// tests/kernels/cuda/broken.hpp: kernels with one fault each, which the executors must find.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace cuda_test::broken {

namespace device = ashlar::kernels::device;

/// The sum of 256 values by a tree in shared memory. Barrier: what stands between the steps of the tree.
enum class Barrier { block, warp, none };
template <Barrier Kind>
struct TreeSum {
  static constexpr unsigned threads = 256;
  struct Shared {
    device::Array<float, threads> part;
  };
  using Local = device::None;
  float const* x;
  float* out;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    block.phase([&](auto& t, Shared& s, Local&) { s.part.set(t.index, x[t.index]); });
    if constexpr (Kind == Barrier::none) {
      block.phase([&](auto& t, Shared& s, Local&) {
        for (unsigned width = threads / 2; width > 0; width /= 2) step(t.index, width, s);
      });
    }
    for (unsigned width = threads / 2; Kind != Barrier::none && width > 0; width /= 2) {
      auto const one = [&](auto& t, Shared& s, Local&) { step(t.index, width, s); };
      if constexpr (Kind == Barrier::warp) {
        block.warps(one);
      } else {
        block.phase(one);
      }
    }
    block.last([&](auto& t, Shared& s, Local&) {
      if (t.index == 0) *out = s.part.get(0);
    });
  }

 private:
  ASHLAR_DEVICE static void step(unsigned at, unsigned width, Shared& s) {
    if (at < width) s.part.set(at, s.part.get(at) + s.part.get(at + width));
  }
};

/// y[i] = x[i + 1] for i < n - 1 by way of shared memory, and what goes wrong with it.
enum class ShiftFault {
  none,
  same_phase,    // reads what a neighbour writes, with no barrier between
  beyond_tile,   // the tile of 32 is read at its 33rd element
  unset,         // the last element of the tile is never written
  beyond_write,  // writes y[n - 1], which is behind its end
  beyond_read    // reads x[n], which is behind its end
};
template <ShiftFault Fault>
struct Shift {
  static constexpr unsigned threads = 32;
  struct Shared {
    device::Array<float, threads> tile;
  };
  using Local = device::None;
  std::size_t n;
  float const* x;
  float* y;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const first = std::size_t{block.index().x} * (threads - 1);
    auto const read = [&](unsigned at, Shared& s) {
      std::size_t const i = first + at;
      bool const inside = Fault == ShiftFault::beyond_read ? i <= n : i < n;
      if (Fault == ShiftFault::unset && at == threads - 1) return;
      s.tile.set(at, inside ? x[i] : 0.0f);
    };
    auto const write = [&](unsigned at, Shared& s) {
      std::size_t const i = first + at;
      bool const inside = Fault == ShiftFault::beyond_write ? i < n : i + 1 < n;
      if (inside && at + 1 < threads + (Fault == ShiftFault::beyond_tile)) y[i] = s.tile.get(at + 1);
    };
    if constexpr (Fault == ShiftFault::same_phase) {
      block.phase([&](auto& t, Shared& s, Local&) {
        read(t.index, s);
        write(t.index, s);
      });
    } else {
      block.phase([&](auto& t, Shared& s, Local&) { read(t.index, s); });
      block.phase([&](auto& t, Shared& s, Local&) { write(t.index, s); });
    }
  }
};

/// All blocks add to one element, one after the other: a sum without an order.
struct UnorderedSum {
  static constexpr unsigned threads = 32;
  using Shared = device::None;
  using Local = device::None;
  float const* x;
  float* out;
  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    block.last([&](auto& t, Shared&, Local&) { *out += x[block.index().x * threads + t.index]; });
  }
};

/// The sum of the lanes of a warp by exchanges, and what goes wrong with it.
enum class LaneFault {
  none,
  stale,         // a value is exchanged in the phase that computes it
  divergent,     // half of the lanes do not take part
  foreign,       // what is exchanged is no member of Local
  uninitialised  // a register is read that was never written
};
template <LaneFault Fault>
struct LaneSum {
  static constexpr unsigned threads = 64;
  using Shared = device::None;
  struct Local {
    float sum;
    float unset;
  };
  float const* x;
  float* out;
  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    block.warps([&](auto& t, Shared&, Local& l) { l.sum = x[t.index]; });
    for (unsigned mask = 16; mask > 0; mask /= 2) {
      block.warps([&](auto& t, Shared&, Local& l) {
        float const copy = l.sum;
        if (Fault == LaneFault::stale) l.sum += 1;
        if (Fault == LaneFault::divergent && t.lane() >= 16) return;
        l.sum += t.shuffle_xor(Fault == LaneFault::foreign ? copy : l.sum, mask);
      });
    }
    block.last([&](auto& t, Shared&, Local& l) {
      out[t.index] = Fault == LaneFault::uninitialised ? l.sum + l.unset : l.sum;
    });
  }
};

/// Loads four elements from where one is aligned.
struct Misaligned {
  static constexpr unsigned threads = 32;
  using Shared = device::None;
  using Local = device::None;
  float const* x;
  float* out;
  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    block.last([&](auto& t, Shared&, Local&) {
      if (t.index == 0) *out = device::load4(x + 1).v[3];
    });
  }
};

/// Has a phase behind the one that it calls its last.
struct NotLast {
  static constexpr unsigned threads = 32;
  using Shared = device::None;
  using Local = device::None;
  float* out;
  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    block.last([&](auto& t, Shared&, Local&) { out[t.index] = 1; });
    block.phase([&](auto& t, Shared&, Local&) { out[t.index] = 2; });
  }
};

}  // namespace cuda_test::broken
