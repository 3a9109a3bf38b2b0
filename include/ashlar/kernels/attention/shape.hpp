// kernels/attention/shape.hpp: where queries, keys and values of all heads lie.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace ashlar::kernels {

/// Row r of head h of sequence b lies at b * batch + h * head + r * row.
struct HeadStrides {
  std::size_t batch = 0;
  std::size_t head = 0;
  std::size_t row = 0;
};

/// Sizes of an attention: q (targets, size), k (sources, size), v (sources, value_size), y (targets, value_size) for
/// each head of each sequence.
struct AttentionShape {
  std::size_t batch = 1;
  std::size_t heads = 1;
  std::size_t targets = 0;
  std::size_t sources = 0;
  std::size_t size = 0;
  std::size_t value_size = 0;
  HeadStrides q{};
  HeadStrides k{};
  HeadStrides v{};
  HeadStrides y{};
  double scale = 1;        ///< of the products of q and k
  bool is_causal = false;  ///< target i sees the sources up to i alone
};

/// What is added to the scaled products: mask (targets, sources) at b * batch + h * head, padding (sources) at
/// b * sources; -infinity hides a source. Either may be null. On a GPU either may be flags instead, of which those that
/// are `hidden` hide.
template <class T>
struct AttentionMask {
  T const* mask = nullptr;
  std::size_t batch = 0;
  std::size_t head = 0;
  T const* padding = nullptr;
  bool const* mask_flags = nullptr;
  bool const* padding_flags = nullptr;
  bool hidden = true;
};

}  // namespace ashlar::kernels
