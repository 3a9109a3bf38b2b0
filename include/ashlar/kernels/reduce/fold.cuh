// kernels/reduce/fold.cuh: n elements become one value, in an order that n alone fixes.
// SPDX-License-Identifier: BSL-1.0
//
// No atomics. Each block folds its share, a thread every 256th element of it, and joins the threads' values by a tree;
// one more block folds the blocks' values in the same way. One read of the input and next to nothing else: the
// bandwidth is the limit (4.8 TB/s on an H200, 256 GB/s on an RTX 4070 mobile), and from some MB on 8 blocks of 256
// threads to a multiprocessor, each with its loads in flight, should come to 85 % of it. Below, the two launches (5 us)
// are the cost.
#pragma once

#include <ashlar/core/host_device.hpp>
#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// A fold:  Value                          what elements become; trivially copyable
///          Value none()                   of no element
///          Value take(Value, size_t i)    with element i more
///          Value join(Value, Value)       of two parts, the left one first
/// Finish:  void operator()(Value) const   stores the result
template <class Fold, class Finish>
struct FoldKernel {
  using Value = typename Fold::Value;
  static constexpr unsigned threads = 256;
  struct Shared {
    device::Array<Value, threads> part;
  };
  using Local = device::None;

  Fold fold;
  Finish finish;
  std::size_t n;
  std::size_t each;  // elements of a block
  Value* parts;  // one a block; null: finish takes the value of the only block

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const first = block.index().x * each;
    std::size_t const last = n - first < each ? n : first + each;
    block.phase([&](auto& t, Shared& s, Local&) {
      Value value = fold.none();
      for (std::size_t i = first + t.index; i < last; i += threads) value = fold.take(value, i);
      s.part.set(t.index, value);
    });
    for (unsigned width = threads / 2; width > 0; width /= 2) {
      block.phase([&](auto& t, Shared& s, Local&) {
        if (t.index < width) s.part.set(t.index, fold.join(s.part.get(t.index), s.part.get(t.index + width)));
      });
    }
    block.last([&](auto& t, Shared& s, Local&) {
      if (t.index != 0) return;
      if (parts != nullptr) {
        parts[block.index().x] = s.part.get(0);
      } else {
        finish(s.part.get(0));
      }
    });
  }
};

/// The second stage: the blocks' values.
template <class Fold>
struct FoldOfParts {
  using Value = typename Fold::Value;
  Fold fold;
  Value const* parts;
  ASHLAR_DEVICE Value none() const { return fold.none(); }
  ASHLAR_DEVICE Value take(Value a, std::size_t i) const { return fold.join(a, parts[i]); }
  ASHLAR_DEVICE Value join(Value a, Value b) const { return fold.join(a, b); }
};

/// Blocks that fold n elements, by n alone, and elements of each.
inline constexpr std::size_t fold_least = 4096;  // elements of a block: 16 a thread
inline constexpr std::size_t fold_most_blocks = 1024;
constexpr std::size_t fold_each(std::size_t n) {
  return n <= fold_least * fold_most_blocks ? fold_least : device::ceil_div(n, fold_most_blocks);
}
constexpr std::size_t fold_parts(std::size_t n) { return n == 0 ? 1 : device::ceil_div(n, fold_each(n)); }

/// finish(the fold of elements 0 ... n - 1). parts: device memory for fold_parts(n) values; null: the launcher's
/// workspace is used.
template <class Fold, class Finish, class Launcher>
void fold(Launcher& launcher, std::size_t n, Fold const& fold, Finish const& finish,
          typename Fold::Value* parts = nullptr) {
  using Value = typename Fold::Value;
  std::size_t const each = fold_each(n);
  std::size_t const blocks = fold_parts(n);
  if (blocks == 1) {
    launcher.launch({}, FoldKernel<Fold, Finish>{fold, finish, n, each, nullptr});
    return;
  }
  if (parts == nullptr) parts = static_cast<Value*>(launcher.workspace(blocks * sizeof(Value)));
  launcher.launch({blocks}, FoldKernel<Fold, Finish>{fold, finish, n, each, parts});
  launcher.launch({}, FoldKernel<FoldOfParts<Fold>, Finish>{{fold, parts}, finish, blocks, blocks, nullptr});
}

}  // namespace ashlar::kernels::cuda
