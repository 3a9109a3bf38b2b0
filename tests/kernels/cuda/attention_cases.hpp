// tests/kernels/cuda/attention_cases.hpp: attention and its pullback against reference.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/attention/cuda.cuh>

#include <ashlar/kernels/attention/reference.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "device.hpp"

namespace cuda_test {

namespace kernels = ashlar::kernels;

enum class Masks { none, numbers, flags };

struct AttentionSizes {
  std::size_t batch, heads, targets, sources, size, value_size;
};

/// Heads side by side in a row; sequences one behind the other, or row by row. Values are below 1: sums have size,
/// sources and value_size terms, and on the way back of targets.
template <class Device>
void attention_case(Device& device, Failures& failures, AttentionSizes const& n, bool batch_first, Masks masks,
                    bool causal) {
  std::string const what = "attention of " + std::to_string(n.batch) + " x " + std::to_string(n.heads) + ", " +
                           std::to_string(n.targets) + " x " + std::to_string(n.sources) + ", " +
                           std::to_string(n.size) + ": ";
  auto& launcher = device.launcher();
  auto const strides = [&](std::size_t rows, std::size_t size) {
    std::size_t const width = n.heads * size;
    return batch_first ? kernels::HeadStrides{rows * width, size, width}
                       : kernels::HeadStrides{width, size, n.batch * width};
  };
  kernels::AttentionShape const s{n.batch,
                                  n.heads,
                                  n.targets,
                                  n.sources,
                                  n.size,
                                  n.value_size,
                                  strides(n.targets, n.size),
                                  strides(n.sources, n.size),
                                  strides(n.sources, n.value_size),
                                  strides(n.targets, n.value_size),
                                  0.7,
                                  causal};
  std::size_t const area = n.targets * n.sources, weights = n.batch * n.heads * area;
  auto const q = random<float>(n.batch * n.heads * n.targets * n.size, 1),
             k = random<float>(n.batch * n.heads * n.sources * n.size, 2),
             v = random<float>(n.batch * n.heads * n.sources * n.value_size, 3);
  auto mask = random<float>(weights, 4), padding = random<float>(n.batch * n.sources, 5);
  std::vector<unsigned char> hide(weights), hide_padding(padding.size());
  if (masks == Masks::flags) {  // the first source is always seen, or there is nothing to compare but NaN
    for (std::size_t i = 0; i < weights; ++i) hide[i] = i % n.sources != 0 && mask[i] > 0.3f;
    for (std::size_t i = 0; i < padding.size(); ++i) hide_padding[i] = i % n.sources != 0 && padding[i] > 0.6f;
    for (std::size_t i = 0; i < weights; ++i) mask[i] = hide[i] ? -INFINITY : 0;
    for (std::size_t i = 0; i < padding.size(); ++i) padding[i] = hide_padding[i] ? -INFINITY : 0;
  }
  auto const on_q = device.upload(q, 1), on_k = device.upload(k), on_v = device.upload(v),
             on_mask = device.upload(mask), on_padding = device.upload(padding);
  auto const on_hide = device.upload(hide), on_hide_padding = device.upload(hide_padding);
  kernels::AttentionMask<float> m{}, on_m{};
  if (masks != Masks::none) m = {mask.data(), n.heads * area, area, padding.data()};
  if (masks == Masks::numbers) on_m = {on_mask.data(), n.heads * area, area, on_padding.data()};
  if (masks == Masks::flags) {
    on_m.batch = n.heads * area, on_m.head = area;
    on_m.mask_flags = reinterpret_cast<bool const*>(on_hide.data());
    on_m.padding_flags = reinterpret_cast<bool const*>(on_hide_padding.data());
  }
  std::vector<float> y(n.batch * n.heads * n.targets * n.value_size), p(weights);
  auto const on_y = device.upload(std::vector<float>(y.size(), NAN)),
             on_p = device.upload(std::vector<float>(weights, NAN));
  kernels::reference::attention(s, m, q.data(), k.data(), v.data(), y.data(), p.data());
  kernels::cuda::attention<float>(launcher, s, on_m, on_q.data(), on_k.data(), on_v.data(), on_y.data(), on_p.data());
  double const bound = 1e-6 + rounding<float>(n.size + n.sources);
  failures.expect_close(what + "y", device.download(on_y), y, bound);
  failures.expect_close(what + "p", device.download(on_p), p, bound);
  std::size_t const parts[] = {0, 1, 2, 5};  // heads at a time: some of a sequence's, or those of some sequences
  for (std::size_t const most : parts) {
    std::size_t const room = most == 0 ? kernels::cuda::attention_workspace<float>(s) : most * area;
    auto const some = device.upload(std::vector<float>(room, NAN));
    auto const again = device.upload(std::vector<float>(y.size(), NAN));
    kernels::cuda::attention<float>(launcher, s, on_m, on_q.data(), on_k.data(), on_v.data(), again.data(), some.data(),
                                    false, most);
    failures.expect_same_bits(what + "y in parts", device.download(again), device.download(on_y));
  }

  auto const dy = random<float>(y.size(), 6), dp = random<float>(weights, 7);
  auto dq = random<float>(q.size(), 8), dk = random<float>(k.size(), 9), dv = random<float>(v.size(), 10);
  auto const on_dy = device.upload(dy, 1), on_dp = device.upload(dp), on_dq = device.upload(dq),
             on_dk = device.upload(dk, 1), on_dv = device.upload(dv);
  auto const work = device.upload(std::vector<float>(kernels::cuda::attention_workspace<float>(s), NAN));
  kernels::reference::attention_backward(s, q.data(), k.data(), v.data(), p.data(), dy.data(),
                                         causal ? dp.data() : nullptr, dq.data(), dk.data(), dv.data());
  kernels::cuda::attention_backward<float>(launcher, s, on_q.data(), on_k.data(), on_v.data(), on_p.data(),
                                           on_dy.data(), causal ? on_dp.data() : nullptr, on_dq.data(), on_dk.data(),
                                           on_dv.data(), work.data(), n.heads == 3 ? 2 : 0);
  double const most = 4 * bound + rounding<float>(n.targets + n.sources);
  failures.expect_close(what + "dq", device.download(on_dq), dq, most);
  failures.expect_close(what + "dk", device.download(on_dk), dk, most);
  failures.expect_close(what + "dv", device.download(on_dv), dv, most);
}

template <class Device>
void attention_cases(Device& device, Failures& failures) {
  for (bool const flag : {false, true}) {
    attention_case(device, failures, {1, 1, 1, 2, 5, 3}, flag, Masks::none, false);
    attention_case(device, failures, {2, 3, 7, 7, 8, 4}, flag, Masks::numbers, true);
    attention_case(device, failures, {3, 2, 5, 33, 4, 8}, flag, Masks::flags, false);
    attention_case(device, failures, {1, 2, 66, 65, 5, 3}, flag, Masks::flags, true);
    attention_case(device, failures, {1, 2, 0, 4, 5, 3}, flag, Masks::none, false);
    attention_case(device, failures, {2, 1, 3, 1030, 4, 4}, flag, Masks::none, false);
  }
}

}  // namespace cuda_test
