// kernels/rnn/persistent.cuh: all steps of a recurrent layer in one launch, for hidden sizes whose weights a block
// holds. SPDX-License-Identifier: BSL-1.0
//
// A block a sequence, from the first step to the last (Diamos et al., Persistent RNNs, 2016). Each thread keeps the
// weights of one sum in registers, H of them; h goes around in shared memory, two barriers a step. What x gives is
// there already, and that of the next step is fetched while this one is computed.
//
// A step has H / 4 loads of shared memory and H multiply-adds a thread, some 200 to 300 cycles with the barriers and
// the activations: on paper 0.2 us on an H200, where two launches take 5. Registers let two blocks of an LSTM of 64 on
// a multiprocessor, so that from 264 sequences on the time grows with their number, to that of a product of matrices
// and its launches (rnn/cuda.cuh) at some thousands. Above H = 64 the weights do not fit, and launches a step are what
// there is.
#pragma once

#include <ashlar/kernels/device/device.cuh>
#include <ashlar/kernels/rnn/reference.hpp>
#include <ashlar/kernels/rnn/shape.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda::detail {

/// True if a thread holds the weights of a sum in 64 registers.
template <std::size_t H, class T>
inline constexpr bool stays = H * sizeof(T) <= 256;

/// Row of step s of sequence b.
struct PlaceOfStep {
  std::size_t by_batch;
  std::size_t by_step;
  static PlaceOfStep of(Sequence const& q) {
    return q.batch_first ? PlaceOfStep{q.length, 1} : PlaceOfStep{1, q.batch};
  }
  static PlaceOfStep kept(Sequence const& q) {
    return q.batch_first ? PlaceOfStep{q.steps, 1} : PlaceOfStep{1, q.batch};
  }
  [[nodiscard]] ASHLAR_DEVICE std::size_t of(std::size_t b, std::size_t s) const { return b * by_batch + s * by_step; }
};

/// The sizes of a block. Each sum has its thread; vectors of H are padded to fours.
template <class Cell, std::size_t H>
struct RnnBlock {
  static constexpr unsigned gates = static_cast<unsigned>(Cell::gates);
  static constexpr unsigned size = static_cast<unsigned>(H);
  static constexpr unsigned padded = (size + 3) / 4 * 4;
  static constexpr unsigned out = gates * size;
  static constexpr unsigned threads = (out + 31) / 32 * 32;
  static constexpr unsigned resident = 2;  // blocks of a multiprocessor: the compiler would take registers for one
};

template <class Cell, std::size_t H, class T>
struct RnnForward : RnnBlock<Cell, H> {
  using Sizes = RnnBlock<Cell, H>;
  using Sizes::gates, Sizes::size, Sizes::padded, Sizes::out, Sizes::threads;
  struct Shared {
    device::Array<T, padded> h;
    device::Array<T, out> from_h;
  };
  struct Local {
    T weight[padded];  // of sum t.index
    T bias;
    T c;           // of element t.index, and what x gives to its gates in the step to come
    T of_x[gates];
  };

  std::size_t steps;
  bool reverse;
  PlaceOfStep rows;       // of y
  PlaceOfStep kept_rows;  // of sums and kept
  T const* hh;            // (out, H)
  T const* bias_hh;       // or null
  T* h;                   // (batch, H)
  T* c;                   // (batch, H), or null
  T* y;
  std::size_t ldy;
  T* sums;  // those of x, (rows, out), which become the gates
  T* kept;  // or null

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const b = block.index().x;
    block.phase([&](auto& t, Shared& s, Local& l) {
      if (t.index < out) {
        ASHLAR_DEVICE_UNROLL
        for (unsigned k = 0; k < padded; ++k) l.weight[k] = k < size ? hh[t.index * size + k] : T(0);
        l.bias = bias_hh != nullptr ? bias_hh[t.index] : T(0);
      }
      if (t.index < padded) s.h.set(t.index, t.index < size ? h[b * size + t.index] : T(0));
      if (t.index < size) {
        l.c = c != nullptr ? c[b * size + t.index] : T(0);
        fetch(b, 0, t.index, l);
      }
    });
    for (std::size_t i = 0; i < steps; ++i) {
      block.phase([&](auto& t, Shared& s, Local& l) {
        if (t.index >= out) return;
        T sum = l.bias;
        ASHLAR_DEVICE_UNROLL
        for (unsigned k = 0; k < padded; k += 4) {
          device::Vec4<T> const v = s.h.get4(k);
          ASHLAR_DEVICE_UNROLL
          for (unsigned j = 0; j < 4; ++j) sum += l.weight[k + j] * v.v[j];
        }
        s.from_h.set(t.index, sum);
      });
      block.phase([&](auto& t, Shared& s, Local& l) {
        if (t.index >= size) return;
        unsigned const j = t.index;
        T of_h[gates], gate[gates];
        ASHLAR_DEVICE_UNROLL
        for (unsigned g = 0; g < gates; ++g) of_h[g] = s.from_h.get(g * size + j);
        T keep = T(0);
        T const after = reference::cell(Cell{}, l.of_x, of_h, s.h.get(j), l.c, gate, keep);
        s.h.set(j, after);
        y[rows.of(b, step(i)) * ldy + j] = after;
        if (kept != nullptr) {
          std::size_t const at = kept_rows.of(b, step(i));
          kept[at * size + j] = keep;
          ASHLAR_DEVICE_UNROLL
          for (unsigned g = 0; g < gates; ++g) sums[(at * gates + g) * size + j] = gate[g];
        }
        if (i + 1 < steps) fetch(b, i + 1, j, l);
      });
    }
    block.last([&](auto& t, Shared& s, Local& l) {
      if (t.index >= size) return;
      h[b * size + t.index] = s.h.get(t.index);
      if (c != nullptr) c[b * size + t.index] = l.c;
    });
  }

 private:
  [[nodiscard]] ASHLAR_DEVICE std::size_t step(std::size_t i) const { return reverse ? steps - 1 - i : i; }
  ASHLAR_DEVICE void fetch(std::size_t b, std::size_t i, unsigned j, Local& l) const {
    std::size_t const at = kept_rows.of(b, step(i));
    ASHLAR_DEVICE_UNROLL
    for (unsigned g = 0; g < gates; ++g) l.of_x[g] = sums[(at * gates + g) * size + j];
  }
};

/// Pullback through time: gates become the gradients of the sums of x, from_h gets those of h, `before` h before each
/// step; dh and dc become the gradients of the first state.
template <class Cell, std::size_t H, class T>
struct RnnBackward : RnnBlock<Cell, H> {
  using Sizes = RnnBlock<Cell, H>;
  using Sizes::gates, Sizes::size, Sizes::padded, Sizes::out, Sizes::threads;
  struct Shared {
    device::Array<T, gates * padded> of_h;
    device::Array<T, out> part;  // of dh, by each gate
  };
  struct Local {
    T weight[padded];  // of element t.index % H of h in the sums of gate t.index / H
    T dh;
    T dc;
    T gate[gates];  // of the step to come, all of the rest too
    T kept;
    T h_before;
    T c_before;
    T dy;
  };

  std::size_t steps;
  bool reverse;
  PlaceOfStep rows;
  T const* hh;
  T const* h;  // the first state, (batch, H)
  T const* c;  // or null
  T const* y;
  std::size_t ldy;
  T* all_gates;
  T const* all_kept;
  T const* dy;
  T* dh;
  T* dc;  // or null
  T* from_h;
  T* before;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const b = block.index().x;
    block.phase([&](auto& t, Shared& s, Local& l) {
      if (t.index < out) {
        unsigned const first = t.index / size * size;
        ASHLAR_DEVICE_UNROLL
        for (unsigned k = 0; k < padded; ++k) {
          l.weight[k] = k < size ? hh[(first + k) * size + t.index % size] : T(0);
        }
        s.part.set(t.index, T(0));
      }
      for (unsigned k = t.index; k < gates * padded; k += threads) s.of_h.set(k, T(0));
      if (t.index < size) {
        l.dh = dh[b * size + t.index];
        l.dc = dc != nullptr ? dc[b * size + t.index] : T(0);
        fetch(b, steps - 1, t.index, l);
      }
    });
    for (std::size_t i = steps; i-- > 0;) {
      block.phase([&](auto& t, Shared& s, Local& l) {
        if (t.index >= size) return;
        unsigned const j = t.index;
        T of_x[gates], of_h[gates];
        T d = sum_of_parts(s, j, l.dh) + l.dy;
        reference::cell_pullback(Cell{}, l.gate, l.kept, l.h_before, l.c_before, d, l.dc, of_x, of_h);
        l.dh = d;
        std::size_t const r = rows.of(b, step(i));
        before[r * size + j] = l.h_before;
        ASHLAR_DEVICE_UNROLL
        for (unsigned g = 0; g < gates; ++g) {
          s.of_h.set(g * padded + j, of_h[g]);
          all_gates[(r * gates + g) * size + j] = of_x[g];
          from_h[(r * gates + g) * size + j] = of_h[g];
        }
        if (i != 0) fetch(b, i - 1, j, l);
      });
      block.phase([&](auto& t, Shared& s, Local& l) {
        if (t.index >= out) return;
        T sum = T(0);
        ASHLAR_DEVICE_UNROLL
        for (unsigned k = 0; k < padded; k += 4) {
          device::Vec4<T> const v = s.of_h.get4(t.index / size * padded + k);
          ASHLAR_DEVICE_UNROLL
          for (unsigned j = 0; j < 4; ++j) sum += l.weight[k + j] * v.v[j];
        }
        s.part.set(t.index, sum);
      });
    }
    block.last([&](auto& t, Shared& s, Local& l) {
      if (t.index >= size) return;
      dh[b * size + t.index] = sum_of_parts(s, t.index, l.dh);
      if (dc != nullptr) dc[b * size + t.index] = l.dc;
    });
  }

 private:
  [[nodiscard]] ASHLAR_DEVICE std::size_t step(std::size_t i) const { return reverse ? steps - 1 - i : i; }
  ASHLAR_DEVICE static T sum_of_parts(Shared const& s, unsigned j, T sum) {
    ASHLAR_DEVICE_UNROLL
    for (unsigned g = 0; g < gates; ++g) sum += s.part.get(g * size + j);
    return sum;
  }
  ASHLAR_DEVICE void fetch(std::size_t b, std::size_t i, unsigned j, Local& l) const {
    std::size_t const r = rows.of(b, step(i));
    std::size_t const then = i == 0 ? 0 : rows.of(b, step(i - 1));
    ASHLAR_DEVICE_UNROLL
    for (unsigned g = 0; g < gates; ++g) l.gate[g] = all_gates[(r * gates + g) * size + j];
    l.kept = all_kept[r * size + j];
    l.dy = dy[r * ldy + j];
    l.h_before = i == 0 ? h[b * size + j] : y[then * ldy + j];
    l.c_before = c == nullptr ? T(0) : i == 0 ? c[b * size + j] : all_kept[then * size + j];
  }
};

}  // namespace ashlar::kernels::cuda::detail
