// kernels/rnn/cuda.cuh: recurrent layers and their pullback through time on the GPU.
// Must agree with reference.hpp; tests/kernels/cuda_rnn_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// What x gives is one product for all steps, and so are the gradients of weights and of x. What h gives is computed by
// a kernel that stays for all steps if its weights fit into a block's registers (persistent.cuh), up to H = 64 in
// float; else by a product and an elementwise kernel a step: two launches, some 5 us a step, until the batch makes it a
// matter of arithmetic as linear is.
#pragma once

#include <ashlar/kernels/device/elementwise.cuh>
#include <ashlar/kernels/linear/cuda.cuh>
#include <ashlar/kernels/rnn/persistent.cuh>
#include <ashlar/kernels/rnn/reference.hpp>
#include <ashlar/kernels/rnn/shape.hpp>

#include <cstddef>

namespace ashlar::kernels::cuda {
namespace detail {

/// Rows of one step: that of sequence b is first + b * stride.
struct StepRows {
  std::size_t first;
  std::size_t stride;
  static StepRows of(Sequence const& q, std::size_t step) { return {q.row(step, 0), q.batch_first ? q.length : 1}; }
  static StepRows kept(Sequence const& q, std::size_t step) {
    return {q.kept_row(step, 0), q.batch_first ? q.steps : 1};
  }
  ASHLAR_DEVICE std::size_t of(std::size_t b) const { return first + b * stride; }
};

/// h' and c' of one step from the sums of its gates, those of x in `gates`, which become the gates, those of h in
/// from_h.
template <class Cell, std::size_t H, class T>
struct RnnStep {
  StepRows rows;  // of y
  StepRows kept_rows;  // of gates and kept
  std::size_t ldy;
  T* gates;
  T const* from_h;
  T* h;
  T* c;  // or null
  T* y;
  T* kept;  // or null
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    constexpr std::size_t n = Cell::gates;
    std::size_t const b = i / H;
    std::size_t const j = i % H;
    std::size_t const at = kept_rows.of(b);
    T of_x[n], of_h[n], gate[n];
    ASHLAR_DEVICE_UNROLL
    for (std::size_t g = 0; g < n; ++g) {
      of_x[g] = gates[(at * n + g) * H + j];
      of_h[g] = from_h[(b * n + g) * H + j];
    }
    T before = c != nullptr ? c[i] : T(0);
    T keep = T(0);
    T const after = reference::cell(Cell{}, of_x, of_h, h[i], before, gate, keep);
    if (c != nullptr) c[i] = before;
    h[i] = after;
    y[rows.of(b) * ldy + j] = after;
    if (kept == nullptr) return;
    kept[at * H + j] = keep;
    ASHLAR_DEVICE_UNROLL
    for (std::size_t g = 0; g < n; ++g) gates[(at * n + g) * H + j] = gate[g];
  }
};

/// Pullback of the elements of one step: gates become the gradients of the sums of x, from_h and `step` get those of h,
/// `before` h before the step; dh and dc go out as their parts for h and c.
template <class Cell, std::size_t H, class T>
struct RnnStepPullback {
  StepRows rows;
  StepRows before_rows;
  std::size_t ldy;
  T const* h_before;  // rows of `before_stride` elements
  std::size_t before_stride;
  T const* c_before;  // (rows, H), or null
  T* gates;
  T const* kept;
  T const* dy;
  T* dh;
  T* dc;  // or null
  T* from_h;
  T* before;
  T* step;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    constexpr std::size_t n = Cell::gates;
    std::size_t const b = i / H;
    std::size_t const j = i % H;
    std::size_t const r = rows.of(b);
    T const h = h_before[before_rows.of(b) * before_stride + j];
    T const c = c_before != nullptr ? c_before[before_rows.of(b) * H + j] : T(0);
    T gate[n], of_x[n], of_h[n];
    ASHLAR_DEVICE_UNROLL
    for (std::size_t g = 0; g < n; ++g) gate[g] = gates[(r * n + g) * H + j];
    T d = dh[i] + dy[r * ldy + j];
    T of_c = dc != nullptr ? dc[i] : T(0);
    reference::cell_pullback(Cell{}, gate, kept[r * H + j], h, c, d, of_c, of_x, of_h);
    dh[i] = d;
    if (dc != nullptr) dc[i] = of_c;
    before[r * H + j] = h;
    ASHLAR_DEVICE_UNROLL
    for (std::size_t g = 0; g < n; ++g) {
      gates[(r * n + g) * H + j] = of_x[g];
      from_h[(r * n + g) * H + j] = of_h[g];
      step[(b * n + g) * H + j] = of_h[g];
    }
  }
};

template <std::size_t In, std::size_t Out, class T, class Launcher>
void parameter_gradients(Launcher& launcher, std::size_t rows, T const* x, T const* dy, T* weight, T* bias) {
  if (weight != nullptr) return linear_backward_parameters<In, Out>(launcher, rows, x, dy, weight, bias);
  if (bias != nullptr) add_rows(launcher, rows, Out, dy, bias);
}

}  // namespace detail

/// Elements of memory that rnn works in, beside gates.
template <class Cell, std::size_t H, class T>
constexpr std::size_t rnn_workspace(Sequence const& q) {
  return q.batch * Cell::gates * H;
}

/// All steps: x (rows, In) -> y (rows, H), row r at y + r * ldy. h and, of an Lstm, c (batch, H) hold the state before,
/// then after; c is null for others. gates (rows, Cell::gates * H), rows of the steps alone, is written over; with kept
/// (rows, H) both become what the pullback needs, else kept is null. work: rnn_workspace. All are device pointers.
template <class Cell, std::size_t In, std::size_t H, class T, class Launcher>
void rnn(Launcher& launcher, Sequence const& q, T const* x, RnnWeights<T> const& w, T* h, T* c, T* y, std::size_t ldy,
         T* gates, T* kept, [[maybe_unused]] T* work) {
  constexpr std::size_t out = Cell::gates * H;
  if (q.steps == 0 || q.batch == 0) return;
  if (!q.batch_first || q.steps == q.length) {
    linear<In, out>(launcher, q.steps * q.batch, x, w.ih, w.bias_ih, gates);
  } else {
    for (std::size_t b = 0; b < q.batch; ++b) {
      linear<In, out>(launcher, q.steps, x + b * q.length * In, w.ih, w.bias_ih, gates + b * q.steps * out);
    }
  }
  if constexpr (detail::stays<H, T>) {
    using All = detail::RnnForward<Cell, H, T>;
    All body{};
    body.steps = q.steps, body.reverse = q.reverse;
    body.rows = detail::PlaceOfStep::of(q), body.kept_rows = detail::PlaceOfStep::kept(q);
    body.hh = w.hh, body.bias_hh = w.bias_hh;
    body.h = h, body.c = c, body.y = y, body.ldy = ldy;
    body.sums = gates, body.kept = kept;
    launcher.launch({q.batch}, body);
  } else {
    using Step = detail::RnnStep<Cell, H, T>;
    for (std::size_t i = 0; i < q.steps; ++i) {
      std::size_t const s = q.step(i);
      linear<H, out>(launcher, q.batch, static_cast<T const*>(h), w.hh, w.bias_hh, work);
      launcher.launch(device::blocks_for(q.batch * H, 256),
                      device::Elementwise<Step>{
                          {detail::StepRows::of(q, s), detail::StepRows::kept(q, s), ldy, gates, work, h, c, y, kept},
                          q.batch * H,
                          false});
    }
  }
}

/// Elements of memory that rnn_backward works in.
template <class Cell, std::size_t H>
constexpr std::size_t rnn_backward_workspace(Sequence const& q) {
  return (q.steps * (Cell::gates + 1) + Cell::gates) * q.batch * H;
}

/// Pullback of rnn over whole sequences, from gates, which it writes over, and kept. h, c: the state before the first
/// step. dy (rows, H) lies as y does. dh, dc (batch, H) hold the gradients of the last state, then those of the first.
/// Adds to dx, which may be null, and to the gradients. work: rnn_backward_workspace.
template <class Cell, std::size_t In, std::size_t H, class T, class Launcher>
void rnn_backward(Launcher& launcher, Sequence const& q, T const* x, RnnWeights<T> const& w, T const* h, T const* c,
                  T const* y, std::size_t ldy, T* gates, T const* kept, T const* dy, T* dh, T* dc, T* dx,
                  RnnGradients<T> const& to, T* work) {
  constexpr std::size_t out = Cell::gates * H;
  std::size_t const rows = q.steps * q.batch;
  if (rows == 0) return;
  T* const from_h = work;  // (rows, out): gradients of the sums of h
  T* const before = from_h + rows * out;  // (rows, H): h before each step
  [[maybe_unused]] T* const step = before + rows * H;  // (batch, out): of one step, side by side
  if constexpr (detail::stays<H, T>) {
    using All = detail::RnnBackward<Cell, H, T>;
    All body{};
    body.steps = q.steps, body.reverse = q.reverse, body.rows = detail::PlaceOfStep::of(q);
    body.hh = w.hh, body.h = h, body.c = c, body.y = y, body.ldy = ldy;
    body.all_gates = gates, body.all_kept = kept, body.dy = dy;
    body.dh = dh, body.dc = dc, body.from_h = from_h, body.before = before;
    launcher.launch({q.batch}, body);
  } else {
    using Step = detail::RnnStepPullback<Cell, H, T>;
    for (std::size_t i = q.steps; i-- > 0;) {
      auto const now = detail::StepRows::of(q, q.step(i));
      auto const then = i == 0 ? detail::StepRows{0, 1} : detail::StepRows::of(q, q.step(i - 1));
      T const* const c_before = c == nullptr ? nullptr : i == 0 ? c : kept;
      launcher.launch(device::blocks_for(q.batch * H, 256),
                      device::Elementwise<Step>{{now, then, ldy, i == 0 ? h : y, i == 0 ? H : ldy, c_before, gates,
                                                 kept, dy, dh, dc, from_h, before, step},
                                                q.batch * H,
                                                false});
      linear_backward_input<H, out>(launcher, q.batch, static_cast<T const*>(step), w.hh, dh);
    }
  }
  T const* const of_x = gates;
  detail::parameter_gradients<In, out>(launcher, rows, x, of_x, to.ih, to.bias_ih);
  detail::parameter_gradients<H, out>(launcher, rows, static_cast<T const*>(before), static_cast<T const*>(from_h),
                                      to.hh, to.bias_hh);
  if (dx != nullptr) linear_backward_input<In, out>(launcher, rows, of_x, w.ih, dx);
}

}  // namespace ashlar::kernels::cuda
