// kernels/reduce/rows.cuh: the rows of a matrix added up, on the GPU.  SPDX-License-Identifier: BSL-1.0
//
// A block takes 32 columns of up to 512 rows: a warp reads 32 neighbours of a row, 8 warps read 8 rows. Their sums meet
// in a tree; if there is more than one block to a column, the blocks' sums are rows again, which are added up in turn.
// The order is fixed by the number of rows. Bytes: one read of x. Half of the bandwidth where rows are shorter than 32.
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// out[c] (+)= sum over r of term(r, c), a T.
template <class Term, class T>
struct AddRows {
  static constexpr unsigned threads = 256;
  static constexpr unsigned lanes = threads / 32;
  struct Shared {
    device::Array<T, threads> part;
  };
  using Local = device::None;

  Term term;
  std::size_t rows;
  std::size_t columns;
  std::size_t each;  // rows of a block
  T* out;  // a row of sums for each block's rows
  bool add;  // to what is in out, or store

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const split = block.index().y;
    std::size_t const first = split * each;
    std::size_t const last = rows - first < each ? rows : first + each;
    std::size_t const base = std::size_t{block.index().x} * 32;
    block.phase([&](auto& t, Shared& s, Local&) {
      std::size_t const c = base + t.lane();
      T sum = T(0);
      for (std::size_t r = first + t.warp(); c < columns && r < last; r += lanes) sum += term(r, c);
      s.part.set(t.index, sum);
    });
    for (unsigned width = lanes / 2; width > 0; width /= 2) {
      block.phase([&](auto& t, Shared& s, Local&) {
        if (t.warp() < width) s.part.set(t.index, s.part.get(t.index) + s.part.get(t.index + 32 * width));
      });
    }
    block.last([&](auto& t, Shared& s, Local&) {
      std::size_t const c = base + t.lane();
      if (t.warp() != 0 || c >= columns) return;
      T const sum = s.part.get(t.index);
      out[split * columns + c] = add ? out[split * columns + c] + sum : sum;
    });
  }
};

/// The element of a matrix.
template <class T>
struct ElementOf {
  T const* x;
  std::size_t columns;
  ASHLAR_DEVICE T operator()(std::size_t r, std::size_t c) const { return x[r * columns + c]; }
};

/// Blocks that share the rows, and elements of memory that their sums need, by the sizes alone.
constexpr std::size_t rows_each(std::size_t rows) { return rows <= 512 * 256 ? 512 : device::ceil_div(rows, 256); }
constexpr std::size_t rows_parts(std::size_t rows, std::size_t columns) {
  return rows <= 512 ? 0 : device::ceil_div(rows, rows_each(rows)) * columns;
}

/// out[c] = sum over r of term(r, c), or added to out[c]. parts: device memory for rows_parts(rows, columns) values;
/// null: the launcher's workspace is used.
template <bool Add, class T, class Term, class Launcher>
void sum_rows(Launcher& launcher, std::size_t rows, std::size_t columns, Term const& term, T* out, T* parts = nullptr) {
  if (columns == 0) return;
  std::size_t const each = rows_each(rows);
  std::size_t const splits = rows <= 512 ? 1 : device::ceil_div(rows, each);
  std::size_t const across = device::ceil_div(columns, 32);
  if (splits == 1) {
    launcher.launch({across}, AddRows<Term, T>{term, rows, columns, each, out, Add});
    return;
  }
  if (parts == nullptr) parts = static_cast<T*>(launcher.workspace(splits * columns * sizeof(T)));
  launcher.launch({across, splits}, AddRows<Term, T>{term, rows, columns, each, parts, false});
  launcher.launch({across}, AddRows<ElementOf<T>, T>{{parts, columns}, splits, columns, splits, out, Add});
}

/// out[c] += sum over r of x[r][c]: rows (rows, columns) added to a row.
template <class T, class Launcher>
void add_rows(Launcher& launcher, std::size_t rows, std::size_t columns, T const* x, T* out) {
  if (rows != 0) sum_rows<true>(launcher, rows, columns, ElementOf<T>{x, columns}, out);
}

}  // namespace ashlar::kernels::cuda
