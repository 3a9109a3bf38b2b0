// kernels/loss/nll.cuh: negative log-likelihood on the GPU.  SPDX-License-Identifier: BSL-1.0
//
// An element a row, at random: 32 bytes from memory each way.
#pragma once

#include <ashlar/kernels/loss/cross_entropy.cuh>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels::cuda {
namespace detail {

template <class T>
struct NllEach {
  device::RowPlaces places;
  T const* log_probability;
  std::int64_t const* target;
  T const* weight;
  std::int64_t ignore_index;
  T* losses;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t row) const {
    for (std::size_t r = row; r < row + N; ++r) {
      T one = T(0);
      if (target[r] != ignore_index) {
        auto const t = static_cast<std::size_t>(target[r]);
        one = t < places.size ? -weight_of(weight, t) * log_probability[places.of(r, t)] : T(no_loss<T>);
      }
      losses[r] = one;
    }
  }
};

template <class T>
struct NllPullback {
  device::RowPlaces places;
  std::int64_t const* target;
  T const* weight;
  std::int64_t ignore_index;
  Reduction reduction;
  double const* counted;
  T const* dout;
  T* dlog_probability;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t row) const {
    for (std::size_t r = row; r < row + N; ++r) {
      if (target[r] == ignore_index) continue;
      auto const t = static_cast<std::size_t>(target[r]);
      if (t >= places.size) continue;
      T scale = reduction == Reduction::none ? dout[r] : *dout;
      if (reduction == Reduction::mean) scale = static_cast<T>(static_cast<double>(scale) / *counted);
      dlog_probability[places.of(r, t)] -= scale * weight_of(weight, t);
    }
  }
};

}  // namespace detail

/// Negative log-likelihood of log-probabilities (rows, classes), or (outer, classes, inner), taken as they are.
/// *counted is what cross_entropy stores.
template <class T, class Launcher>
void nll(Launcher& launcher, std::size_t rows, std::size_t classes, T const* log_probability,
         std::int64_t const* target, CrossEntropy<T> const& settings, T* out, double* counted, std::size_t inner = 1) {
  auto const memory = detail::loss_memory(launcher, rows, settings.reduction, out);
  launcher.launch(
      device::blocks_for(rows, 256),
      device::Elementwise<detail::NllEach<T>>{
          {{classes, inner}, log_probability, target, settings.weight, settings.ignore_index, memory.losses},
          rows,
          false});
  detail::finish_losses(launcher, rows, classes, settings.reduction, memory.losses, target, settings.weight,
                        settings.ignore_index, out, counted, memory.parts);
}

/// dlog_probability += pullback of nll.
template <class T, class Launcher>
void nll_pullback(Launcher& launcher, std::size_t rows, std::size_t classes, std::int64_t const* target,
                  CrossEntropy<T> const& settings, double const* counted, T const* dout, T* dlog_probability,
                  std::size_t inner = 1) {
  launcher.launch(device::blocks_for(rows, 256), device::Elementwise<detail::NllPullback<T>>{{{classes, inner},
                                                                                              target,
                                                                                              settings.weight,
                                                                                              settings.ignore_index,
                                                                                              settings.reduction,
                                                                                              counted,
                                                                                              dout,
                                                                                              dlog_probability},
                                                                                             rows,
                                                                                             false});
}

}  // namespace ashlar::kernels::cuda
