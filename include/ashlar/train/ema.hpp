// Ashlar: the moving average of a network.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/optimizer/cpu.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/train/runs.hpp>

#include <cstdint>
#include <cstring>

namespace ashlar {

/// A second network whose parameters follow those of the first: average += (1 - decay) * (p - average).
///
/// The first `update` copies the network whole; later ones average parameters, and copy what is not trained.
/// Keys    decay, n_averaged, average.KEY for each tensor KEY.
/// Memory  sizeof(Net) and 64 bytes, inline (see Adam).
/// Cost    one pass over the network; allocates nothing.
/// Source  torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn and use_buffers=False.
/// Usage   `average.update(*net);` after each step; `forward(*average.average, x)` to use it.
template <class Net>
struct ExponentialAverage {
  double decay = 0.999;
  std::uint64_t n_averaged = 0;
  State<Net> average{};

  void update(Net const& net) {
    if (n_averaged++ == 0) {
      std::memcpy(static_cast<void*>(&average.value), &net, sizeof(Net));
      return;
    }
    copy_untrained(net);
    detail::update_runs<Net>(
        [&]<class T>(Run const& run) {
          kernels::ema<T>(run.count, decay, detail::elements_at<T>(net, run), detail::elements_at<T>(*average, run));
        },
        *average);
  }

 private:
  void copy_untrained(Net const& net) {
    for (Row const& row : manifest<Net>()) {
      if (row.is_trained() || row.is_alias()) continue;
      std::memcpy(reinterpret_cast<std::byte*>(&average.value) + row.offset,
                  reinterpret_cast<std::byte const*>(&net) + row.offset, row.bytes);
    }
  }
};

}  // namespace ashlar
