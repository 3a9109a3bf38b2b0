// kernels/attention/cuda.cuh: scaled dot product attention and its pullback on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_product_test.cpp states the bound.
// SPDX-License-Identifier: BSL-1.0
//
// Products of the heads' rows where they lie (gemm/cuda.cuh, a head of a sequence for each z of the grid), and a
// softmax of each row of weights (softmax/cuda.cuh). The weights (batch, heads, targets, sources) are in memory: scale
// and masks are put on them when they are written. Where nobody keeps them, some heads are done at a time, so that
// their weights stay in L2 and memory does not grow with the batch. Forward: 4 * E flop a weight for 16 bytes of it in
// L2, or 8 in memory where they are kept: arithmetic is the limit from E = 64 on, as it is for gemm, and bytes are
// below. A pullback has five products for two. What lies above the diagonal of a causal mask is computed and hidden.
#pragma once

#include <ashlar/kernels/attention/shape.hpp>
#include <ashlar/kernels/gemm/cuda.cuh>
#include <ashlar/kernels/softmax/cuda.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// A matrix of each head: of q, k, v or y, or of the weights.
template <class T>
struct Heads {
  T* data;
  HeadStrides by;
  unsigned heads;
  bool wide;

  static Heads of(AttentionShape const& s, T* data, HeadStrides const& by) {
    bool const wide = device::is_wide(data, by.row) && by.head % 4 == 0 && by.batch % 4 == 0;
    return {data, by, static_cast<unsigned>(s.heads), wide};
  }
  static Heads of_weights(AttentionShape const& s, T* data) {
    std::size_t const area = s.targets * s.sources;
    return of(s, data, {s.heads * area, area, s.sources});
  }
  [[nodiscard]] ASHLAR_DEVICE T* row(unsigned z, unsigned r) const {
    return data + (z / heads * by.batch + z % heads * by.head + r * by.row);
  }
};

/// Such a matrix as an operand (row, column) or, Across, (column, row).
template <class T, bool Across>
struct HeadsOperand {
  using Value = T;
  static constexpr bool across = Across;
  Heads<T const> of;
  ASHLAR_DEVICE device::Vec4<T> four(unsigned z, unsigned r, unsigned p, unsigned inside) const {
    T const* const at = Across ? of.row(z, p) + r : of.row(z, r) + p;
    if (inside >= 4 && of.wide) return device::load4(at);
    device::Vec4<T> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < 4; ++j) out.v[j] = j < inside ? at[j] : T(0);
    return out;
  }
};

/// As a result. What it begins with lies as it does; null for 0.
template <class T>
struct HeadsResult {
  Heads<T> to;
  T const* init;
  bool wide;
  ASHLAR_DEVICE T first(unsigned z, unsigned i, unsigned j) const {
    return init != nullptr ? init[to.row(z, i) + j - to.data] : T(0);
  }
  ASHLAR_DEVICE void one(unsigned z, unsigned i, unsigned j, T sum) const { to.row(z, i)[j] = sum; }
  ASHLAR_DEVICE void four(unsigned z, unsigned i, unsigned j, T const* sum) const {
    device::store4(to.row(z, i) + j, device::Vec4<T>{{sum[0], sum[1], sum[2], sum[3]}});
  }
};

/// Products of q and k: scaled, with the masks on them.
template <class T>
struct ScoresResult {
  static constexpr bool wide = false;
  Heads<T> to;
  AttentionMask<T> mask;
  std::size_t sources;
  T scale;
  bool is_causal;
  ASHLAR_DEVICE T first(unsigned, unsigned, unsigned) const { return T(0); }
  ASHLAR_DEVICE void one(unsigned z, unsigned i, unsigned j, T sum) const {
    std::size_t const of_padding = z / to.heads * sources + j;
    std::size_t const of_mask = z / to.heads * mask.batch + z % to.heads * mask.head + i * sources + j;
    T value = sum * scale;
    if (mask.mask != nullptr) value += mask.mask[of_mask];
    if (mask.padding != nullptr) value += mask.padding[of_padding];
    bool hide = is_causal && j > i;
    if (mask.mask_flags != nullptr) hide = hide || mask.mask_flags[of_mask] == mask.hidden;
    if (mask.padding_flags != nullptr) hide = hide || mask.padding_flags[of_padding] == mask.hidden;
    to.row(z, i)[j] = hide ? -static_cast<T>(__builtin_huge_val()) : value;
  }
  ASHLAR_DEVICE void four(unsigned, unsigned, unsigned, T const*) const {}
};

/// Gradients of the scaled products from those of the weights, in place: one stage, the sum of d * p.
template <class T>
struct AttentionPullbackRow {
  using Value = T;
  static constexpr unsigned stages = 1;
  T const* p;
  T scale;
  T* d;
  template <unsigned S>
  ASHLAR_DEVICE T none() const {
    return T(0);
  }
  template <unsigned S>
  ASHLAR_DEVICE T take(T a, std::size_t, std::size_t at, std::size_t, T const*) const {
    return a + d[at] * p[at];
  }
  template <unsigned S>
  ASHLAR_DEVICE T join(T a, T b) const {
    return a + b;
  }
  ASHLAR_DEVICE void write(std::size_t, std::size_t at, std::size_t, T const* result) const {
    d[at] = p[at] * (d[at] - result[0]) * scale;
  }
  ASHLAR_DEVICE void finish(std::size_t, T const*) const {}
};

/// A product for each head, which are many more often than not: without the tile for little work.
template <class Launcher, class A, class B, class C>
void product_of_heads(Launcher& launcher, std::size_t heads, std::size_t m, std::size_t n, std::size_t k, A const& a,
                      B const& b, C const& c) {
  auto const z = static_cast<unsigned>(heads);
  if (has_blocks<MiddleTile>(z, m, n)) {
    gemm_with<MiddleTile, at_run_time, at_run_time>(launcher, z, m, n, k, a, b, c);
  } else {
    gemm_with<SmallTile, at_run_time, at_run_time>(launcher, z, m, n, k, a, b, c);
  }
}

/// Some of the heads: of sequences b and those behind it all, or of sequence b heads h and those behind it.
struct HeadsPart {
  AttentionShape shape;
  std::size_t b;
  std::size_t h;

  template <class T>
  [[nodiscard]] T* of(T* data, HeadStrides const& by) const {
    return data == nullptr ? data : data + (b * by.batch + h * by.head);
  }
};

/// f(part) for parts of at most `most` heads.
template <class F>
void for_each_part(AttentionShape const& s, std::size_t most, F const& f) {
  most = most < 1 ? 1 : most < 65535 ? most : 65535;  // z of a grid
  if (s.heads <= most) {
    std::size_t const each = most / s.heads;
    for (std::size_t b = 0; b < s.batch; b += each) {
      HeadsPart part{s, b, 0};
      part.shape.batch = s.batch - b < each ? s.batch - b : each;
      f(part);
    }
    return;
  }
  for (std::size_t b = 0; b < s.batch; ++b) {
    for (std::size_t h = 0; h < s.heads; h += most) {
      HeadsPart part{s, b, h};
      part.shape.batch = 1;
      part.shape.heads = s.heads - h < most ? s.heads - h : most;
      f(part);
    }
  }
}

/// Strides of the weights of all heads.
inline HeadStrides weight_strides(AttentionShape const& s) {
  std::size_t const area = s.targets * s.sources;
  return {s.heads * area, area, s.sources};
}

}  // namespace detail

/// Heads whose weights are in memory at once where nobody wants them afterwards: some 16 MB, which stay in L2 between
/// the launches that write and read them (50 MB on an H200, 32 MB on an RTX 4070 mobile), and fill the GPU if heads are
/// small.
template <class T>
constexpr std::size_t attention_heads_at_once(AttentionShape const& s) {
  std::size_t const all = s.batch * s.heads;
  std::size_t const bytes = s.targets * s.sources * sizeof(T);
  std::size_t const some = bytes == 0 ? all : (std::size_t{16} << 20) / bytes;
  return some < 1 ? 1 : some < all ? some : all;
}

/// p = softmax(scale * q * transpose(k) + masks), y = p * v: q, k, v, y as the shape says, p (batch, heads, targets,
/// sources) or, without all_weights, (attention_heads_at_once, targets, sources) to work in. Overwrites y and p. All
/// are device pointers.
///
/// Before  y and p overlap no input.
template <class T, class Launcher>
void attention(Launcher& launcher, AttentionShape const& shape, AttentionMask<T> const& masks, T const* q, T const* k,
               T const* v, T* y, T* p, bool all_weights = true, std::size_t most = 0) {
  using In = detail::Heads<T const>;
  if (shape.heads == 0) return;
  if (most == 0) most = all_weights ? shape.batch * shape.heads : attention_heads_at_once<T>(shape);
  detail::for_each_part(shape, most, [&](detail::HeadsPart const& part) {
    AttentionShape const& s = part.shape;
    std::size_t const heads = s.batch * s.heads;
    T* const weights = all_weights ? part.of(p, detail::weight_strides(shape)) : p;
    HeadStrides const of_mask{masks.batch, masks.head, 0};
    HeadStrides const of_padding{s.sources, 0, 0};
    AttentionMask<T> mask = masks;
    mask.mask = part.of(mask.mask, of_mask);
    mask.mask_flags = part.of(mask.mask_flags, of_mask);
    mask.padding = part.of(mask.padding, of_padding);
    mask.padding_flags = part.of(mask.padding_flags, of_padding);
    detail::product_of_heads(launcher, heads, s.targets, s.sources, s.size,
                             detail::HeadsOperand<T, false>{In::of(s, part.of(q, s.q), s.q)},
                             detail::HeadsOperand<T, false>{In::of(s, part.of(k, s.k), s.k)},
                             detail::ScoresResult<T>{detail::Heads<T>::of_weights(s, weights), mask, s.sources,
                                                     static_cast<T>(s.scale), s.is_causal});
    softmax(launcher, heads * s.targets, s.sources, static_cast<T const*>(weights), weights);
    auto const to = detail::Heads<T>::of(s, part.of(y, s.y), s.y);
    T const* const zeros = nullptr;
    detail::product_of_heads(
        launcher, heads, s.targets, s.value_size, s.sources, detail::HeadsOperand<T, false>{In::of_weights(s, weights)},
        detail::HeadsOperand<T, true>{In::of(s, part.of(v, s.v), s.v)}, detail::HeadsResult<T>{to, zeros, to.wide});
  });
}

/// Elements of memory that attention_backward works in: the gradients of some heads' weights at once.
template <class T>
constexpr std::size_t attention_workspace(AttentionShape const& s) {
  return attention_heads_at_once<T>(s) * s.targets * s.sources;
}

/// Pullback of attention with both its results, from p (batch, heads, targets, sources). dp may be null. Adds to dq, dk
/// and dv, any of which may be null. work: attention_workspace<T>. most: as above.
template <class T, class Launcher>
void attention_backward(Launcher& launcher, AttentionShape const& shape, T const* q, T const* k, T const* v, T const* p,
                        T const* dy, T const* dp, T* dq, T* dk, T* dv, T* work, std::size_t most = 0) {
  using Rows = detail::HeadsOperand<T, false>;
  using Columns = detail::HeadsOperand<T, true>;
  if (shape.heads == 0) return;
  HeadStrides const squares = detail::weight_strides(shape);
  if (most == 0) most = attention_heads_at_once<T>(shape);
  detail::for_each_part(shape, most, [&](detail::HeadsPart const& part) {
    AttentionShape const& s = part.shape;
    std::size_t const heads = s.batch * s.heads;
    auto const add_to = [&](T* to, HeadStrides const& by) {
      auto const all = detail::Heads<T>::of(s, part.of(to, by), by);
      return detail::HeadsResult<T>{all, all.data, all.wide};
    };
    auto const in = [&](T const* x, HeadStrides const& by) {
      return detail::Heads<T const>::of(s, part.of(x, by), by);
    };
    auto const weights = detail::Heads<T const>::of_weights(s, part.of(p, squares));
    if (dv != nullptr) {
      detail::product_of_heads(launcher, heads, s.sources, s.value_size, s.targets, Columns{weights},
                               Columns{in(dy, s.y)}, add_to(dv, s.v));
    }
    if (dq == nullptr && dk == nullptr) return;
    auto const d = detail::Heads<T>::of_weights(s, work);
    detail::product_of_heads(launcher, heads, s.targets, s.sources, s.value_size, Rows{in(dy, s.y)}, Rows{in(v, s.v)},
                             detail::HeadsResult<T>{d, part.of(dp, squares), d.wide});
    device::for_each_row(launcher, heads * s.targets, s.sources,
                         detail::AttentionPullbackRow<T>{weights.data, static_cast<T>(s.scale), work});
    auto const slopes = detail::Heads<T const>::of_weights(s, work);
    if (dq != nullptr) {
      detail::product_of_heads(launcher, heads, s.targets, s.size, s.sources, Rows{slopes}, Columns{in(k, s.k)},
                               add_to(dq, s.q));
    }
    if (dk != nullptr) {
      detail::product_of_heads(launcher, heads, s.sources, s.size, s.targets, Columns{slopes}, Columns{in(q, s.q)},
                               add_to(dk, s.k));
    }
  });
}

}  // namespace ashlar::kernels::cuda
