// Ashlar: attention cut into heads for threads.  SPDX-License-Identifier: BSL-1.0
//
// A head of a sequence shares nothing that is written with another.
#pragma once

#include <ashlar/core/parallel.hpp>
#include <ashlar/core/tensor.hpp>
#include <ashlar/kernels/attention/cpu.hpp>

#include <cstddef>

namespace ashlar::detail {

/// f(one, b, h, i) for each head of each sequence, i = b * heads + h; `one` is the shape of that head alone.
template <class F>
void for_each_head(kernels::AttentionShape const& s, std::size_t first, std::size_t count, F const& f) {
  kernels::AttentionShape one = s;
  one.batch = one.heads = 1;
  for (std::size_t i = first; i < first + count; ++i) f(one, i / s.heads, i % s.heads, i);
}
constexpr std::size_t at_head(kernels::HeadStrides const& strides, std::size_t b, std::size_t h) {
  return b * strides.batch + h * strides.head;
}
constexpr std::size_t heads_of_part(kernels::AttentionShape const& s) {
  return items_of_part(least_products, s.targets * s.sources * (s.size + s.value_size));
}

/// kernels::attention. weights (batch, heads, targets, sources) may be null: then they are in memory of each part's
/// own.
template <class T>
void attention_in_parts(kernels::AttentionShape const& s, kernels::AttentionMask<T> const& mask, T const* q, T const* k,
                        T const* v, T* y, T* weights) {
  std::size_t const area = s.targets * s.sources;
  in_parts(s.batch * s.heads, heads_of_part(s), [&](std::size_t first, std::size_t count) {
    Tensor<T, dyn> own(uninitialized_t{}, make_dims<dyn>(weights == nullptr ? area : 0));
    for_each_head(s, first, count, [&](auto const& one, std::size_t b, std::size_t h, std::size_t i) {
      kernels::AttentionMask<T> part = mask;
      if (part.mask != nullptr) part.mask += b * mask.batch + h * mask.head;
      if (part.padding != nullptr) part.padding += b * s.sources;
      kernels::attention(one, part, q + at_head(s.q, b, h), k + at_head(s.k, b, h), v + at_head(s.v, b, h),
                         y + at_head(s.y, b, h), weights == nullptr ? own.data() : weights + i * area, false);
    });
  });
}

/// kernels::attention_backward.
template <class T>
void attention_backward_in_parts(kernels::AttentionShape const& s, T const* q, T const* k, T const* v, T const* p,
                                 T const* dy, T const* dp, T* dq, T* dk, T* dv) {
  std::size_t const area = s.targets * s.sources;
  auto const moved = [](auto* at, std::size_t by) { return at == nullptr ? at : at + by; };
  in_parts(s.batch * s.heads, heads_of_part(s), [&](std::size_t first, std::size_t count) {
    Tensor<T, dyn> work(uninitialized_t{}, make_dims<dyn>(kernels::attention_workspace(s)));
    for_each_head(s, first, count, [&](auto const& one, std::size_t b, std::size_t h, std::size_t i) {
      kernels::attention_backward(one, q + at_head(s.q, b, h), k + at_head(s.k, b, h), v + at_head(s.v, b, h),
                                  p + i * area, dy + at_head(s.y, b, h), moved(dp, i * area),
                                  moved(dq, at_head(s.q, b, h)), moved(dk, at_head(s.k, b, h)),
                                  moved(dv, at_head(s.v, b, h)), work.data());
    });
  });
}

}  // namespace ashlar::detail
