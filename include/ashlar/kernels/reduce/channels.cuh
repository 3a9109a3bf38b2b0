// kernels/reduce/channels.cuh: sums over the values of each channel of planes, in double.
// SPDX-License-Identifier: BSL-1.0
//
// A block a channel; its threads read neighbours of a plane. Planes of less than 32 elements, where neighbours belong
// to other channels, are summed as rows are (rows.cuh). The order is fixed by the shape. Bandwidth is the limit if
// there are about as many channels as multiprocessors (132; 36 on an RTX 4070 mobile): fewer leave some idle.
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/device/divide.cuh>
#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/device/rows.cuh>
#include <ashlar/kernels/reduce/rows.cuh>

#include <cstddef>

namespace ashlar::kernels::cuda {

/// Term of the sum of a tensor's own elements.
template <class T>
struct PlaneElement {
  T const* x;
  ASHLAR_DEVICE double operator()(std::size_t at, std::size_t) const { return static_cast<double>(x[at]); }
};

/// out[c] += sum.
template <class T>
struct AddToChannel {
  T* out;
  ASHLAR_DEVICE void operator()(std::size_t c, double sum) const { out[c] += static_cast<T>(sum); }
};
/// out[c] = sum * by.
struct StoreOfChannel {
  double by;
  double* out;
  ASHLAR_DEVICE void operator()(std::size_t c, double sum) const { out[c] = sum * by; }
};

using device::divide;
using device::Quotient;

namespace detail {

template <class Term, class Finish>
struct ChannelRow {
  using Value = double;
  static constexpr unsigned stages = 1;
  Planes planes;
  Term term;
  Finish finish_channel;
  template <unsigned S>
  ASHLAR_DEVICE double none() const {
    return 0;
  }
  template <unsigned S>
  ASHLAR_DEVICE double take(double a, std::size_t c, std::size_t, std::size_t i, double const*) const {
    Quotient const q = divide(i, planes.area);
    return a + term((q.quotient * planes.channels + c) * planes.area + q.rest, c);
  }
  template <unsigned S>
  ASHLAR_DEVICE double join(double a, double b) const {
    return a + b;
  }
  ASHLAR_DEVICE void write(std::size_t, std::size_t, std::size_t, double const*) const {}
  ASHLAR_DEVICE void finish(std::size_t c, double const* result) const { finish_channel(c, result[0]); }
};

template <class Term>
struct SmallPlane {
  Planes planes;
  Term term;
  ASHLAR_DEVICE double operator()(std::size_t n, std::size_t c) const {
    double sum = 0;
    std::size_t const first = (n * planes.channels + c) * planes.area;
    for (std::size_t i = 0; i < planes.area; ++i) sum += term(first + i, c);
    return sum;
  }
};

template <class Finish>
struct FinishChannels {
  Finish finish;
  double const* sums;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t c) const {
    for (std::size_t i = c; i < c + N; ++i) finish(i, sums[i]);
  }
};

}  // namespace detail

/// Elements of double memory that sum_channels needs.
constexpr std::size_t channel_parts(Planes const& planes) {
  return planes.area >= 32 ? 0 : planes.channels + rows_parts(planes.images, planes.channels);
}

/// finish(c, the sum of term(at, c) over the elements of channel c), for each c. parts: device memory for
/// channel_parts(planes) values; null: the launcher's workspace is used.
template <class Term, class Finish, class Launcher>
void sum_channels(Launcher& launcher, Planes const& planes, Term const& term, Finish const& finish,
                  double* parts = nullptr) {
  if (planes.channels == 0) return;
  if (planes.area >= 32) {
    using Row = detail::ChannelRow<Term, Finish>;
    launcher.launch({planes.channels},
                    device::RowKernel<Row, 256>{{planes, term, finish}, planes.channels, planes.per_channel()});
    return;
  }
  if (parts == nullptr) parts = static_cast<double*>(launcher.workspace(channel_parts(planes) * sizeof(double)));
  sum_rows<false>(launcher, planes.images, planes.channels, detail::SmallPlane<Term>{planes, term}, parts,
                  parts + planes.channels);
  launcher.launch(device::blocks_for(planes.channels, 256),
                  device::Elementwise<detail::FinishChannels<Finish>>{{finish, parts}, planes.channels, false});
}

}  // namespace ashlar::kernels::cuda
