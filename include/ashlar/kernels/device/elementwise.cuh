// kernels/device/elementwise.cuh: a function of the index alone, for each of n indices.
// SPDX-License-Identifier: BSL-1.0
//
// What reads a and writes b bytes an element is limited by bandwidth wherever it does less than 14 flop a byte (H200;
// 61 on an RTX 4070 mobile). Loads and stores of 16 bytes, four elements a thread and turn, no shared memory, few
// registers: 8 blocks of 256 threads on a multiprocessor keep 32 KiB in flight there, 4 MiB on an H200, more than the 3
// MiB that 4.8 TB/s times 600 ns need: expect 90 % of the bandwidth from 16 MB on. Arrays that fit into L2 (50 MB; 32
// MB) are quicker still, and below 1 MB the launch (2.5 us) is the cost.
#pragma once

#include <ashlar/kernels/device/device.cuh>

#include <cstddef>

namespace ashlar::kernels::device {

/// N elements: Vec4<T>, or one. v[j] is element j.
template <class T, unsigned N>
struct Pack {
  T v[N];
};
template <class T>
struct Pack<T, 4> : Vec4<T> {};

template <unsigned N, class T>
ASHLAR_DEVICE Pack<T, N> load(T const* p) {
  if constexpr (N == 4) {
    return {load4(p)};
  } else {
    return {{*p}};
  }
}
template <class T, unsigned N>
ASHLAR_DEVICE void store(T* p, Pack<T, N> const& x) {
  if constexpr (N == 4) {
    store4(p, x);
  } else {
    *p = x.v[0];
  }
}

/// f.template at<4>(i) for i, i + 1, i + 2, i + 3 at once where all of its arrays are wide, else f.template at<1>(i).
template <class F>
struct Elementwise {
  static constexpr unsigned threads = 256;
  using Shared = None;
  using Local = None;

  F f;
  std::size_t n;
  bool wide;

  template <class Block>
  ASHLAR_DEVICE void operator()(Block& block) const {
    std::size_t const all = std::size_t{block.count().x} * threads;
    std::size_t const first = std::size_t{block.index().x} * threads;
    block.last([&](auto& t, None&, None&) {
      std::size_t const quads = wide ? n / 4 : 0;
      for (std::size_t i = first + t.index; i < quads; i += all) f.template at<4>(4 * i);
      for (std::size_t i = 4 * quads + first + t.index; i < n; i += all) f.template at<1>(i);
    });
  }
};

/// Launches f for n elements of the arrays; those that are null do not count.
template <class Launcher, class F, class... T>
void for_each(Launcher& launcher, std::size_t n, F const& f, T const*... arrays) {
  launcher.launch(blocks_for(n, 1024), Elementwise<F>{f, n, (... && is_wide(arrays, 4))});
}

}  // namespace ashlar::kernels::device
