// kernels/device/rows.cuh: kernels that reduce each row of a matrix, once or in several stages, and then write it.
// SPDX-License-Identifier: BSL-1.0
//
// Rows of up to 1024 elements are a warp's, 8 to a block, and longer ones a block's. A thread takes every 32nd (256th)
// element; the threads' values are joined by exchanges among the lanes and, in a block, by shared memory: an order that
// the length of a row alone fixes. Each stage reads the row anew, after the first from L1 or L2, so that bytes from
// memory are one read and one write of an element: bandwidth (elementwise.cuh), less 10 % or so for the 5 exchanges a
// stage where rows are shorter than 128.
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::kernels::device {

/// Op:  Value, stages                            what a stage reduces to, and how many stages there are
///      Value none<S>()                          of no element
///      Value take<S>(Value, row, at, i, before) with element i of a row, at `at` of the matrix, more; before has the
///                                               results of the stages before
///      Value join<S>(Value, Value)              of two parts; commutative to the bit
///      void write(row, at, i, results)          for each element, when all stages are done
///      void finish(row, results)                once a row
template <class Op, unsigned Lanes>
struct RowKernel {
  using Value = typename Op::Value;
  static constexpr unsigned threads = 256;
  static constexpr unsigned warps = threads / 32;
  static constexpr unsigned rows_of_block = threads / Lanes;
  struct Shared {
    Array<Value, warps> part;
  };
  struct Local {
    Value result[Op::stages];
  };

  Op op;
  std::size_t rows;
  std::size_t columns;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const first = std::size_t{block.index().x} * rows_of_block;
    stage<0>(block, first);
    block.last([&](auto& t, Shared&, Local& l) {
      std::size_t const row = first + t.index / Lanes;
      if (row >= rows) return;
      for (std::size_t i = t.index % Lanes; i < columns; i += Lanes) op.write(row, row * columns + i, i, l.result);
      if (t.index % Lanes == 0) op.finish(row, l.result);
    });
  }

 private:
  template <unsigned S, class Block>
  ASHLAR_DEVICE void stage(Block& block, std::size_t first) const {
    block.warps([&](auto& t, Shared&, Local& l) {
      std::size_t const row = first + t.index / Lanes;
      Value value = op.template none<S>();
      if (row < rows) {
        for (std::size_t i = t.index % Lanes; i < columns; i += Lanes) {
          value = op.template take<S>(value, row, row * columns + i, i, l.result);
        }
      }
      l.result[S] = value;
    });
    for (unsigned mask = 16; mask > 0; mask /= 2) {
      block.warps([&](auto& t, Shared&, Local& l) {
        l.result[S] = op.template join<S>(l.result[S], t.shuffle_xor(l.result[S], mask));
      });
    }
    if constexpr (Lanes > 32) {
      block.phase([&](auto& t, Shared& s, Local& l) {
        if (t.lane() == 0) s.part.set(t.warp(), l.result[S]);
      });
      block.phase([&](auto&, Shared& s, Local& l) {
        Value value = s.part.get(0);
        for (unsigned w = 1; w < warps; ++w) value = op.template join<S>(value, s.part.get(w));
        l.result[S] = value;
      });
    }
    if constexpr (S + 1 < Op::stages) stage<S + 1>(block, first);
  }
};

template <class Launcher, class Op>
void for_each_row(Launcher& launcher, std::size_t rows, std::size_t columns, Op const& op) {
  if (columns <= 1024) {
    launcher.launch({ceil_div(rows, 8)}, RowKernel<Op, 32>{op, rows, columns});
  } else {
    launcher.launch({rows}, RowKernel<Op, 256>{op, rows, columns});
  }
}

}  // namespace ashlar::kernels::device
