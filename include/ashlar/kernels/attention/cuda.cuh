// kernels/attention/cuda.cuh: scaled dot product attention and its pullback on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_product_test.cpp states the bound.
// SPDX-License-Identifier: BSL-1.0
//
// Products of the heads' rows where they lie (gemm/cuda.cuh, a head of a sequence for each z of the grid), and a
// softmax of each row of weights (softmax/cuda.cuh). The weights (batch, heads, targets, sources) are in memory: scale
// and masks are put on them when they are written. Forward: 4 * E flop a weight for 16 bytes of it, 12 of them read or
// written behind the first time, which L2 (50 MB on an H200) holds for 12 million weights: arithmetic is the limit from
// E = 64 on, as it is for gemm; below, and where the weights do not fit into L2, their bytes are. A pullback has five
// products for two. What lies above the diagonal of a causal mask is computed and hidden.
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

/// A product for each head. Heads are narrower than a large tile more often than not.
template <class Launcher, class A, class B, class C>
void product_of_heads(Launcher& launcher, std::size_t heads, std::size_t m, std::size_t n, std::size_t k, A const& a,
                      B const& b, C const& c) {
  auto const z = static_cast<unsigned>(heads);
  if (n <= MiddleTile::n || m <= MiddleTile::m) {
    gemm_with<MiddleTile, at_run_time, at_run_time>(launcher, z, m, n, k, a, b, c);
  } else {
    gemm_of<at_run_time, at_run_time>(launcher, z, m, n, k, a, b, c);
  }
}

/// f(part, b) for sequences b and those behind it, as many as a grid has place for.
template <class F>
void for_each_part(AttentionShape const& s, F const& f) {
  std::size_t const most = s.heads > 65535 ? 1 : 65535 / s.heads;
  for (std::size_t b = 0; b < s.batch; b += most) {
    AttentionShape part = s;
    part.batch = s.batch - b < most ? s.batch - b : most;
    f(part, b);
  }
}

template <class T>
T* moved(T* data, std::size_t by) {
  return data == nullptr ? data : data + by;
}

}  // namespace detail

/// p = softmax(scale * q * transpose(k) + masks), y = p * v: q, k, v, y as the shape says, p (batch, heads, targets,
/// sources). Overwrites y and p. All are device pointers; heads is below 65536.
///
/// Before  y and p overlap no input.
template <class T, class Launcher>
void attention(Launcher& launcher, AttentionShape const& shape, AttentionMask<T> const& masks, T const* q, T const* k,
               T const* v, T* y, T* p) {
  using In = detail::Heads<T const>;
  if (shape.heads == 0) return;
  detail::for_each_part(shape, [&](AttentionShape const& s, std::size_t b) {
    std::size_t const heads = s.batch * s.heads;
    T* const weights = p + b * s.heads * s.targets * s.sources;
    AttentionMask<T> mask = masks;
    mask.mask = detail::moved(mask.mask, b * mask.batch);
    mask.mask_flags = detail::moved(mask.mask_flags, b * mask.batch);
    mask.padding = detail::moved(mask.padding, b * s.sources);
    mask.padding_flags = detail::moved(mask.padding_flags, b * s.sources);
    detail::product_of_heads(launcher, heads, s.targets, s.sources, s.size,
                             detail::HeadsOperand<T, false>{In::of(s, q + b * s.q.batch, s.q)},
                             detail::HeadsOperand<T, false>{In::of(s, k + b * s.k.batch, s.k)},
                             detail::ScoresResult<T>{detail::Heads<T>::of_weights(s, weights), mask, s.sources,
                                                     static_cast<T>(s.scale), s.is_causal});
    softmax(launcher, heads * s.targets, s.sources, static_cast<T const*>(weights), weights);
    auto const to = detail::Heads<T>::of(s, y + b * s.y.batch, s.y);
    T const* const zeros = nullptr;
    detail::product_of_heads(
        launcher, heads, s.targets, s.value_size, s.sources, detail::HeadsOperand<T, false>{In::of_weights(s, weights)},
        detail::HeadsOperand<T, true>{In::of(s, v + b * s.v.batch, s.v)}, detail::HeadsResult<T>{to, zeros, to.wide});
  });
}

/// Elements of memory that attention_backward works in.
constexpr std::size_t attention_workspace(AttentionShape const& s) { return s.batch * s.heads * s.targets * s.sources; }

/// Pullback of attention with both its results, from p (batch, heads, targets, sources). dp may be null. Adds to dq, dk
/// and dv, any of which may be null. work: attention_workspace.
template <class T, class Launcher>
void attention_backward(Launcher& launcher, AttentionShape const& shape, T const* q, T const* k, T const* v, T const* p,
                        T const* dy, T const* dp, T* dq, T* dk, T* dv, T* work) {
  using In = detail::Heads<T const>;
  using Rows = detail::HeadsOperand<T, false>;
  using Columns = detail::HeadsOperand<T, true>;
  if (shape.heads == 0) return;
  detail::for_each_part(shape, [&](AttentionShape const& s, std::size_t b) {
    std::size_t const heads = s.batch * s.heads;
    std::size_t const square = b * s.heads * s.targets * s.sources;
    auto const add_to = [&](T* to, HeadStrides const& by) {
      auto const all = detail::Heads<T>::of(s, to + b * by.batch, by);
      return detail::HeadsResult<T>{all, all.data, all.wide};
    };
    auto const in = [&](T const* x, HeadStrides const& by) { return In::of(s, x + b * by.batch, by); };
    if (dv != nullptr) {
      detail::product_of_heads(launcher, heads, s.sources, s.value_size, s.targets,
                               Columns{In::of_weights(s, p + square)}, Columns{in(dy, s.y)}, add_to(dv, s.v));
    }
    if (dq == nullptr && dk == nullptr) return;
    auto const d = detail::Heads<T>::of_weights(s, work + square);
    detail::product_of_heads(launcher, heads, s.targets, s.sources, s.value_size, Rows{in(dy, s.y)}, Rows{in(v, s.v)},
                             detail::HeadsResult<T>{d, detail::moved(dp, square), d.wide});
    device::for_each_row(launcher, heads * s.targets, s.sources,
                         detail::AttentionPullbackRow<T>{p + square, static_cast<T>(s.scale), d.data});
    auto const slopes = In::of_weights(s, d.data);
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
