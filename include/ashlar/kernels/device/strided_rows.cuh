// kernels/device/strided_rows.cuh: the Ops of rows.cuh over a dimension that is not the last.
// SPDX-License-Identifier: BSL-1.0
//
// Of a tensor (outer, size, inner), row r has the elements (r / inner, :, r % inner), `inner` apart. Neighbouring
// threads have neighbouring rows, so that a warp reads 32 neighbours in memory for each element of its rows: bandwidth,
// as rows.cuh, where inner is 32 or more, and less by the share of each 32 bytes that is not wanted at once below,
// which L1 gives back as long as a block's rows fit there. Rows of up to 128 elements are a thread's, without a
// barrier; 8 threads share a longer one, of which there are fewer in the same memory. The order is fixed by the size of
// a row.
#pragma once

#include <ashlar/kernels/device/divide.cuh>
#include <ashlar/kernels/device/rows.cuh>

#include <cstddef>

namespace ashlar::kernels::device {

/// Where the elements of rows lie; inner is 1 for the last dimension.
struct RowPlaces {
  std::size_t size;
  std::size_t inner;
  [[nodiscard]] ASHLAR_DEVICE std::size_t of(std::size_t row, std::size_t i) const {
    Quotient const q = divide(row, inner);
    return (q.quotient * size + i) * inner + q.rest;
  }
};

template <class Op, unsigned Parts>
struct StridedRowKernel {
  using Value = typename Op::Value;
  static constexpr unsigned threads = 256;
  static constexpr unsigned rows_of_block = threads / Parts;
  struct Shared {
    Array<Value, Parts == 1 ? 1 : threads> part;
  };
  struct Local {
    Value result[Op::stages];
  };

  Op op;
  std::size_t rows;
  RowPlaces places;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const first = std::size_t{block.index().x} * rows_of_block;
    stage<0>(block, first);
    block.last([&](auto& t, Shared&, Local& l) {
      std::size_t const row = first + t.index % rows_of_block;
      if (row >= rows) return;
      std::size_t const start = places.of(row, 0);
      for (std::size_t i = t.index / rows_of_block; i < places.size; i += Parts) {
        op.write(row, start + i * places.inner, i, l.result);
      }
      if (t.index < rows_of_block) op.finish(row, l.result);
    });
  }

 private:
  template <unsigned S, class Block>
  ASHLAR_DEVICE void stage(Block& block, std::size_t first) const {
    block.warps([&](auto& t, Shared&, Local& l) {
      std::size_t const row = first + t.index % rows_of_block;
      Value value = op.template none<S>();
      if (row < rows) {
        std::size_t const start = places.of(row, 0);
        for (std::size_t i = t.index / rows_of_block; i < places.size; i += Parts) {
          value = op.template take<S>(value, row, start + i * places.inner, i, l.result);
        }
      }
      l.result[S] = value;
    });
    if constexpr (Parts > 1) {
      block.phase([&](auto& t, Shared& s, Local& l) { s.part.set(t.index, l.result[S]); });
      block.phase([&](auto& t, Shared& s, Local& l) {
        unsigned const column = t.index % rows_of_block;
        Value value = s.part.get(column);
        for (unsigned p = 1; p < Parts; ++p) value = op.template join<S>(value, s.part.get(p * rows_of_block + column));
        l.result[S] = value;
      });
    }
    if constexpr (S + 1 < Op::stages) stage<S + 1>(block, first);
  }
};

/// op for each of the rows, which are outer * inner.
template <class Launcher, class Op>
void for_each_strided_row(Launcher& launcher, std::size_t rows, std::size_t size, std::size_t inner, Op const& op) {
  if (inner == 1) return for_each_row(launcher, rows, size, op);
  if (size <= 128) {
    launcher.launch({ceil_div(rows, 256)}, StridedRowKernel<Op, 1>{op, rows, {size, inner}});
  } else {
    launcher.launch({ceil_div(rows, 32)}, StridedRowKernel<Op, 8>{op, rows, {size, inner}});
  }
}

}  // namespace ashlar::kernels::device
