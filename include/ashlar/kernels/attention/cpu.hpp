// kernels/attention/cpu.hpp: scaled dot product attention and its pullback on the host, one thread.
// Must agree with reference.hpp; tests/kernels/attention_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// A head at a time: the products of all its targets and sources, a softmax of each row, the products with the values.
// Sums have one fixed order, so a sequence has the same bits in every batch.
#pragma once

#include <ashlar/kernels/attention/shape.hpp>
#include <ashlar/kernels/gemm/gemm.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/kernels/softmax/cpu.hpp>

#include <cstddef>
#include <limits>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// c (m, n) += a (m, k) * transpose(b (n, k)); rows lda, ldb apart.
template <class T>
void add_rows_by_rows(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t lda, T const* b,
                      std::size_t ldb, T* c) noexcept {
  ASHLAR_DISPATCH(dot<4, 4>(m, n, k, a, lda, b, ldb, c, n, c, n));
}
/// c (m, n) += a (m, k) * b (k, n); element (i, j) of a at i * am + j * ak.
template <class T>
void add_rows_by_columns(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t am, std::size_t ak,
                         T const* b, std::size_t ldb, T* c, std::size_t ldc) noexcept {
  ASHLAR_DISPATCH(outer(m, n, k, a, am, ak, b, ldb, c, ldc, c, ldc));
}

}  // namespace detail

/// p = softmax(scale * q * transpose(k) + masks), y = p * v: q, k, v, y as the shape says, p (targets, sources) of one
/// head at a time or, with all_weights, (batch, heads, targets, sources). Overwrites y and p.
///
/// Before  y and p overlap no input.
/// Never   throws, allocates, or touches an element outside the arrays.
template <class T>
void attention(AttentionShape const& s, AttentionMask<T> const& mask, T const* q, T const* k, T const* v, T* y, T* p,
               bool all_weights) noexcept {
  std::size_t const area = s.targets * s.sources;
  for (std::size_t b = 0; b < s.batch; ++b) {
    for (std::size_t h = 0; h < s.heads; ++h) {
      fill(area, T(0), p);
      detail::add_rows_by_rows(s.targets, s.sources, s.size, q + b * s.q.batch + h * s.q.head, s.q.row,
                               k + b * s.k.batch + h * s.k.head, s.k.row, p);
      scale(area, static_cast<T>(s.scale), p);
      if (mask.mask != nullptr) accumulate(area, mask.mask + b * mask.batch + h * mask.head, p);
      for (std::size_t i = 0; i < s.targets; ++i) {
        T* const row = p + i * s.sources;
        if (mask.padding != nullptr) accumulate(s.sources, mask.padding + b * s.sources, row);
        for (std::size_t j = i + 1; s.is_causal && j < s.sources; ++j) row[j] = -std::numeric_limits<T>::infinity();
      }
      softmax(s.targets, s.sources, static_cast<T const*>(p), p);
      T* const to = y + b * s.y.batch + h * s.y.head;
      for (std::size_t i = 0; i < s.targets; ++i) fill(s.value_size, T(0), to + i * s.y.row);
      detail::add_rows_by_columns(s.targets, s.value_size, s.sources, static_cast<T const*>(p), s.sources,
                                  std::size_t{1}, v + b * s.v.batch + h * s.v.head, s.v.row, to, s.y.row);
      if (all_weights) p += area;
    }
  }
}

/// Elements of memory that attention_backward works in.
constexpr std::size_t attention_workspace(AttentionShape const& s) { return 2 * s.targets * s.sources; }

/// Pullback of attention with both its results, from p (batch, heads, targets, sources). dp may be null. Adds to dq, dk
/// and dv, any of which may be null. work: attention_workspace.
template <class T>
void attention_backward(AttentionShape const& s, T const* q, T const* k, T const* v, T const* p, T const* dy,
                        T const* dp, T* dq, T* dk, T* dv, T* work) noexcept {
  std::size_t const area = s.targets * s.sources;
  T* const slope = work;  // (targets, sources): gradients of p
  T* const d = work + area;  // (targets, sources): of the scaled products
  for (std::size_t b = 0; b < s.batch; ++b) {
    for (std::size_t h = 0; h < s.heads; ++h, p += area) {
      T const* const dyh = dy + b * s.y.batch + h * s.y.head;
      std::size_t const qh = b * s.q.batch + h * s.q.head;
      std::size_t const kh = b * s.k.batch + h * s.k.head;
      std::size_t const vh = b * s.v.batch + h * s.v.head;
      if (dv != nullptr) {
        detail::add_rows_by_columns(s.sources, s.value_size, s.targets, p, std::size_t{1}, s.sources, dyh, s.y.row,
                                    dv + vh, s.v.row);
      }
      fill(area, T(0), slope);
      if (dp != nullptr) {
        accumulate(area, dp, slope);
        dp += area;
      }
      detail::add_rows_by_rows(s.targets, s.sources, s.value_size, dyh, s.y.row, v + vh, s.v.row, slope);
      fill(area, T(0), d);
      softmax_pullback(s.targets, s.sources, p, static_cast<T const*>(slope), d);
      scale(area, static_cast<T>(s.scale), d);
      if (dq != nullptr) {
        detail::add_rows_by_columns(s.targets, s.size, s.sources, static_cast<T const*>(d), s.sources, std::size_t{1},
                                    k + kh, s.k.row, dq + qh, s.q.row);
      }
      if (dk != nullptr) {
        detail::add_rows_by_columns(s.sources, s.size, s.targets, static_cast<T const*>(d), std::size_t{1}, s.sources,
                                    q + qh, s.q.row, dk + kh, s.k.row);
      }
    }
  }
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
