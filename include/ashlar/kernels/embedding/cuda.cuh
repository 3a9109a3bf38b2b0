// kernels/embedding/cuda.cuh: rows of a table and their pullback on the GPU.
// Has the bits of reference.hpp: gradients are added in the order of the indices.  SPDX-License-Identifier: BSL-1.0
//
// Forward: bandwidth, 8 bytes an element and an index a row. Backward: without atomics, the rows of dy that belong to
// one row of the table are added by one block, in order: bytes of dy and dweight once. To find them,
// - of up to 4096 indices, a block an index looks for others like it, and the first of equals adds: count^2 / 2 indices
//   from L2, on paper 13 us for 4096 on an H200, less than the launches of a sort;
// - of more, the places of the indices are sorted by index (sort/cuda.cuh), which is linear in their number: 8 launches
//   for a table of up to 65535 rows, where 65536 indices would take 4 ms in pairs.
// A row that many indices name is one block's, one addition behind the other for each of dim.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/reduce/channels.cuh>
#include <ashlar/kernels/reduce/fold.cuh>
#include <ashlar/kernels/sort/cuda.cuh>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels::cuda {
namespace detail {

template <class I>
struct FirstBadIndex {
  using Value = std::size_t;
  std::size_t count;
  std::size_t rows;
  I const* index;
  ASHLAR_DEVICE std::size_t none() const { return count; }
  ASHLAR_DEVICE std::size_t take(std::size_t a, std::size_t i) const {
    bool const good = index[i] >= 0 && static_cast<std::uint64_t>(index[i]) < rows;
    return good || i > a ? a : i;
  }
  ASHLAR_DEVICE std::size_t join(std::size_t a, std::size_t b) const { return a < b ? a : b; }
};
struct StorePlace {
  std::size_t* out;
  ASHLAR_DEVICE void operator()(std::size_t place) const { *out = place; }
};

template <class I, class T>
struct Embedding {
  std::size_t rows;
  std::size_t dim;
  I const* index;
  T const* weight;
  T* y;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    Quotient const q = divide(i, dim);
    std::uint64_t const row = row_of(q);
    if (N == 4 && dim % 4 == 0 && row < rows) {
      device::store(y + i, device::load<N>(weight + row * dim + q.rest));
    } else {
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < N; ++j) y[i + j] = one(divide(i + j, dim));
    }
  }
  [[nodiscard]] ASHLAR_DEVICE std::uint64_t row_of(Quotient const& q) const {
    return static_cast<std::uint64_t>(index[q.quotient]);  // of a negative index it is large
  }
  [[nodiscard]] ASHLAR_DEVICE T one(Quotient const& q) const {
    std::uint64_t const row = row_of(q);
    return row < rows ? weight[row * dim + q.rest] : static_cast<T>(__builtin_nan(""));
  }
};

template <class I, class T>
struct EmbeddingBackward {
  static constexpr unsigned threads = 128;
  struct Shared {
    device::Array<int, threads> same;
  };
  using Local = device::None;

  std::size_t count;
  std::size_t rows;
  std::size_t dim;
  I const* index;
  std::size_t padding;
  T const* dy;
  T* dweight;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const place = block.index().x;
    std::uint64_t const row = static_cast<std::uint64_t>(index[place]);
    if (row == padding || row >= rows) return;
    bool const later = block.any([&](auto& t, Shared&, Local&) {
      bool found = false;
      for (std::size_t i = t.index; i < place; i += threads) found = found || index[i] == index[place];
      return found;
    });
    if (later) return;  // the block of an earlier index adds this row
    for (std::size_t base = place; base < count; base += threads) {
      block.phase([&](auto& t, Shared& s, Local&) {
        std::size_t const i = base + t.index;
        s.same.set(t.index, i < count && index[i] == index[place] ? 1 : 0);
      });
      block.phase([&](auto& t, Shared& s, Local&) {
        for (unsigned j = 0; j < threads; ++j) {
          if (s.same.get(j) == 0) continue;
          for (std::size_t d = t.index; d < dim; d += threads) dweight[row * dim + d] += dy[(base + j) * dim + d];
        }
      });
    }
  }
};

/// A key an index, and its place. What gets no gradient is behind all rows.
template <class I>
struct EmbeddingKeys {
  std::uint32_t rows;
  I const* index;
  std::size_t padding;
  std::uint32_t* keys;
  std::uint32_t* places;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t first) const {
    for (std::size_t i = first; i < first + N; ++i) {
      std::uint64_t const row = static_cast<std::uint64_t>(index[i]);
      keys[i] = row < rows && row != padding ? static_cast<std::uint32_t>(row) : rows;
      places[i] = static_cast<std::uint32_t>(i);
    }
  }
};

/// A block a key in order; that of the first of equals adds up their rows.
template <class T>
struct AddSorted {
  static constexpr unsigned threads = 128;
  using Shared = device::None;
  using Local = device::None;

  std::size_t count;
  std::size_t rows;
  std::size_t dim;
  Sorted sorted;
  T const* dy;
  T* dweight;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const first = block.index().x;
    std::uint32_t const row = sorted.keys[first];
    if (row >= rows || (first != 0 && sorted.keys[first - 1] == row)) return;
    block.last([&](auto& t, Shared&, Local&) {
      std::size_t const last = end_of(first, row);
      for (std::size_t d = t.index; d < dim; d += each * threads) add(first, last, d, dweight + row * dim);
    });
  }

 private:
  static constexpr unsigned each = 4;  // elements of a thread at once: as many loads on their way

  /// Behind the last key like that of `first`: steps that double while they fit, and then halve.
  [[nodiscard]] ASHLAR_DEVICE std::size_t end_of(std::size_t first, std::uint32_t row) const {
    std::size_t end = first + 1;
    std::size_t by = 1;
    for (; end + by <= count && sorted.keys[end + by - 1] == row; by *= 2) end += by;
    for (; by != 0; by /= 2) {
      if (end + by <= count && sorted.keys[end + by - 1] == row) end += by;
    }
    return end;
  }
  ASHLAR_DEVICE void add(std::size_t first, std::size_t last, std::size_t d, T* to) const {
    T sum[each];
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < each; ++j) sum[j] = d + j * threads < dim ? to[d + j * threads] : T(0);
    for (std::size_t i = first; i < last; ++i) {
      T const* const from = dy + sorted.values[i] * dim + d;
      ASHLAR_DEVICE_UNROLL
      for (unsigned j = 0; j < each; ++j) {
        if (d + j * threads < dim) sum[j] += from[j * threads];
      }
    }
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < each; ++j) {
      if (d + j * threads < dim) to[d + j * threads] = sum[j];
    }
  }
};

}  // namespace detail

/// *out: position of the first index that is not in [0, rows); count if all are.
template <class I, class Launcher>
void first_bad_index(Launcher& launcher, std::size_t count, std::size_t rows, I const* index, std::size_t* out) {
  fold(launcher, count, detail::FirstBadIndex<I>{count, rows, index}, detail::StorePlace{out});
}

/// y[i] = row index[i] of weight, NaN for an index that is none: index (count), weight (rows, dim) -> y (count, dim).
///
/// Before  y overlaps no input.
template <class I, class T, class Launcher>
void embedding(Launcher& launcher, std::size_t count, std::size_t rows, std::size_t dim, I const* index,
               T const* weight, T* y) {
  if (dim == 0) return;
  device::for_each(launcher, count * dim, detail::Embedding<I, T>{rows, dim, index, weight, y}, weight, y);
}

/// Indices up to which they are compared in pairs.
inline constexpr std::size_t embedding_pairs = 4096;

/// Row index[i] of dweight += dy[i], except for the row `padding` and for what is no row, which get none. count is
/// below 2^31, rows below 2^32 - 1.
template <class I, class T, class Launcher>
void embedding_backward(Launcher& launcher, std::size_t count, std::size_t rows, std::size_t dim, I const* index,
                        std::size_t padding, T const* dy, T* dweight) {
  device::Grid const grid{count};
  if (count <= embedding_pairs) {
    launcher.launch(grid, detail::EmbeddingBackward<I, T>{count, rows, dim, index, padding, dy, dweight});
    return;
  }
  auto* const keys =
      static_cast<std::uint32_t*>(launcher.workspace((2 * count + sort_workspace(count)) * sizeof(std::uint32_t)));
  std::uint32_t* const places = keys + count;
  auto const last = static_cast<std::uint32_t>(rows);
  launcher.launch(device::blocks_for(count, 256),
                  device::Elementwise<detail::EmbeddingKeys<I>>{{last, index, padding, keys, places}, count, false});
  Sorted const sorted = sort(launcher, count, last, keys, places, places + count);
  launcher.launch(grid, detail::AddSorted<T>{count, rows, dim, sorted, dy, dweight});
}

}  // namespace ashlar::kernels::cuda
