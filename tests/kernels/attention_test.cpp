// tests/kernels/attention_test.cpp, mirrors include/ashlar/kernels/attention.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/attention/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/attention/reference.hpp>

#include "support.hpp"

#include <limits>

namespace {

/// Heads side by side in a row, as in a layer of `heads` of them; sequences one behind the other, or row by row.
k::HeadStrides strides(std::size_t batch, std::size_t heads, std::size_t rows, std::size_t size, bool batch_first) {
  std::size_t const width = heads * size;
  return batch_first ? k::HeadStrides{rows * width, size, width} : k::HeadStrides{width, size, batch * width};
}

// Bound: values below 1; sums of size, sources and value_size terms, and of targets on the way back.
template <class T>
void check_attention(std::size_t batch, std::size_t heads, std::size_t targets, std::size_t sources, bool batch_first,
                     bool masked, bool causal) {
  std::size_t const size = 5, value_size = 3;
  CAPTURE(batch, heads, targets, sources, batch_first, masked, causal, sizeof(T));
  k::AttentionShape const s{batch,
                            heads,
                            targets,
                            sources,
                            size,
                            value_size,
                            strides(batch, heads, targets, size, batch_first),
                            strides(batch, heads, sources, size, batch_first),
                            strides(batch, heads, sources, value_size, batch_first),
                            strides(batch, heads, targets, value_size, batch_first),
                            0.7,
                            causal};
  std::size_t const weights = batch * heads * targets * sources;
  auto q = random_values<T>(batch * heads * targets * size, 1),
       key = random_values<T>(batch * heads * sources * size, 2),
       v = random_values<T>(batch * heads * sources * value_size, 3), mask = random_values<T>(weights, 4),
       padding = random_values<T>(batch * sources, 5);
  if (masked) padding[sources - 1] = -std::numeric_limits<T>::infinity();
  k::AttentionMask<T> const m{mask.data(), heads * targets * sources, targets * sources, padding.data()};
  k::AttentionMask<T> const none{};
  Guarded<T> y(batch * heads * targets * value_size), y2(y.size()), p(weights), p2(weights), one(targets * sources);
  k::attention(s, masked ? m : none, q.data(), key.data(), v.data(), y.data(), p.data(), true);
  k::reference::attention(s, masked ? m : none, q.data(), key.data(), v.data(), y2.data(), p2.data());
  CHECK(error(y, y2, size + sources) < 2);
  CHECK(error(p, p2, size + sources) < 2);
  auto again = y;
  k::attention(s, masked ? m : none, q.data(), key.data(), v.data(), again.data(), one.data(), false);
  CHECK(same_bits(again.data(), y.data(), y.size()));

  auto dy = random_values<T>(y.size(), 6), dp = random_values<T>(weights, 7), dq = random_values<T>(q.size(), 8),
       dk = random_values<T>(key.size(), 9), dv = random_values<T>(v.size(), 10);
  auto dq2 = dq, dk2 = dk, dv2 = dv;
  Guarded<T> work(k::attention_workspace(s));
  k::attention_backward(s, q.data(), key.data(), v.data(), p2.data(), dy.data(), dp.data(), dq.data(), dk.data(),
                        dv.data(), work.data());
  k::reference::attention_backward(s, q.data(), key.data(), v.data(), p2.data(), dy.data(), dp.data(), dq2.data(),
                                   dk2.data(), dv2.data());
  CHECK(error(dq, dq2, 4 * sources) < 2);
  CHECK(error(dk, dk2, 4 * targets) < 2);
  CHECK(error(dv, dv2, targets) < 2);
  CHECK((y.intact() && p.intact() && one.intact() && dq.intact() && dk.intact() && dv.intact() && work.intact()));
}

}  // namespace

KERNEL_CASE("attention and its pullback agree with the reference") {
  each_isa([] {
    for (bool const flag : {false, true}) {
      check_attention<float>(1, 1, 1, 2, flag, false, false);
      check_attention<float>(2, 3, 7, 7, flag, true, true);
      check_attention<float>(3, 2, 5, 33, flag, true, false);
      check_attention<float>(1, 2, 0, 4, flag, false, false);
      check_attention<double>(2, 1, 9, 6, flag, true, false);
    }
  });
}
