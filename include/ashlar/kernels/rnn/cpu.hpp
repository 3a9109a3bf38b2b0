// kernels/rnn/cpu.hpp: recurrent layers and their pullback through time on the host, one thread.
// Must agree with reference.hpp; tests/kernels/rnn_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// What x gives is one product for all steps. What h gives is one for each step of a batch; a sequence alone turns the
// weights first, so that lanes run along H, and a step leaves its sums in registers until they are h'. Order of sums:
// the same input gives the same bits; a sequence alone, a batch, a sequence with packed weights and a recorded one
// differ in the last ones. Of float, where nothing is kept, the fractions of the gates are joined (body.hpp): absolute
// error of a step below 1e-6.
#pragma once

#include <ashlar/kernels/linear/cpu.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/kernels/rnn/shape.hpp>
#if defined(__CUDACC__)
#include <ashlar/kernels/rnn/plain.hpp>
#endif

#include <cstddef>
#include <cstring>
#include <type_traits>

#define ASHLAR_BODY <ashlar/kernels/rnn/body.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Elements that packed weights take, whatever the level's vectors are.
template <class Cell, std::size_t In, std::size_t H, class T>
inline constexpr std::size_t packed_size =
    (H + 64 / sizeof(T) - 1) / (64 / sizeof(T)) * (64 / sizeof(T)) * (Cell::sums + (In + H) * Cell::gates);

template <class Cell, std::size_t In, std::size_t H, bool Scaled, class T>
void pack(RnnWeights<T> const& w, T* packed) noexcept {
  ASHLAR_DISPATCH(rnn_pack<Cell, In, H, Scaled>(w, packed));
}
template <class Cell, std::size_t H, bool Scaled, class T>
void elements(T* gates, T const* from_h, T* h, T* c, T* y, T* kept) noexcept {
  ASHLAR_DISPATCH(rnn_elements<Cell, H, Scaled>(gates, from_h, h, c, y, kept));
}
template <class Cell, std::size_t In, std::size_t H, bool Scaled, class T>
void steps_alone(std::size_t steps, std::ptrdiff_t x_step, std::ptrdiff_t gates_step, std::ptrdiff_t y_step,
                 std::ptrdiff_t kept_step, T const* x, T* gates, T const* packed, T const* h, T* c, T* y,
                 T* kept) noexcept {
  ASHLAR_DISPATCH(
      rnn_steps<Cell, In, H, Scaled>(steps, {x_step, gates_step, y_step, kept_step}, x, gates, packed, h, c, y, kept));
}

/// Steps from which turning the weights of a sequence alone pays.
inline constexpr std::size_t packs_from = 4;

/// The sums of x of all steps.
template <std::size_t In, std::size_t Out, class T>
void project(Sequence const& q, T const* x, RnnWeights<T> const& w, T* gates) noexcept {
  if (!q.batch_first || q.steps == q.length) return linear<In, Out>(q.steps * q.batch, x, w.ih, w.bias_ih, gates);
  for (std::size_t b = 0; b < q.batch; ++b) {
    linear<In, Out>(q.steps, x + b * q.length * In, w.ih, w.bias_ih, gates + b * q.steps * Out);
  }
}

}  // namespace detail

/// Elements of memory that rnn works in, beside gates.
template <class Cell, std::size_t H, class T>
std::size_t rnn_workspace(Sequence const& q) noexcept {
  if (q.batch == 1 && q.steps >= detail::packs_from) return detail::packed_size<Cell, 0, H, T>;
  return q.batch * Cell::gates * H;
}

/// All steps: x (rows, In) -> y (rows, H), row r at y + r * ldy. h and, of an Lstm, c (batch, H) hold the state before,
/// then after; c is null for others. gates (rows, Cell::gates * H), rows of the steps alone, is written over; with kept
/// (rows, H) both become what the pullback needs, else kept is null. work: rnn_workspace.
///
/// Never   throws, allocates, or touches an element outside the arrays.
template <class Cell, std::size_t In, std::size_t H, class T>
void rnn(Sequence const& q, T const* x, RnnWeights<T> const& w, T* h, T* c, T* y, std::size_t ldy, T* gates, T* kept,
         T* work) noexcept {
  constexpr std::size_t out = Cell::gates * H;
  if (q.steps == 0 || q.batch == 0) return;
  detail::project<In, out>(q, x, w, gates);
  if (q.batch == 1 && q.steps >= detail::packs_from) {
    std::size_t const first = q.step(0);
    auto const way = [&](std::size_t size) { return (q.reverse ? -1 : 1) * static_cast<std::ptrdiff_t>(size); };
    auto const run = [&]<bool Scaled>(std::bool_constant<Scaled>) {
      detail::pack<Cell, 0, H, Scaled>(w, work);
      detail::steps_alone<Cell, 0, H, Scaled>(q.steps, 0, way(out), way(ldy), way(H), x, gates + first * out, work, h,
                                              c, y + first * ldy, kept != nullptr ? kept + first * H : kept);
    };
    if constexpr (std::is_same_v<T, float>) {
      kept == nullptr ? run(std::true_type{}) : run(std::false_type{});
    } else {
      run(std::false_type{});
    }
    std::memcpy(static_cast<void*>(h), y + q.step(q.steps - 1) * ldy, H * sizeof(T));
    return;
  }
  auto const run = [&]<bool Scaled>(std::bool_constant<Scaled>) {
    for (std::size_t i = 0; i < q.steps; ++i) {
      linear<H, out>(q.batch, h, w.hh, w.bias_hh, work);
      for (std::size_t b = 0; b < q.batch; ++b) {
        std::size_t const at = q.kept_row(q.step(i), b);
        detail::elements<Cell, H, Scaled>(gates + at * out, work + b * out, h + b * H, c != nullptr ? c + b * H : c,
                                          y + q.row(q.step(i), b) * ldy, kept != nullptr ? kept + at * H : kept);
      }
    }
  };
  if constexpr (std::is_same_v<T, float>) {
    if (kept == nullptr) return run(std::true_type{});
  }
  run(std::false_type{});
}

/// Elements of `packed` that rnn_pack writes.
template <class Cell, std::size_t In, std::size_t H, class T>
inline constexpr std::size_t rnn_packed_size = detail::packed_size<Cell, In, H, T>;

/// Weights for rnn_packed, at this machine's level.
template <class Cell, std::size_t In, std::size_t H, class T>
void rnn_pack(RnnWeights<T> const& w, T* packed) noexcept {
  detail::pack<Cell, In, H, std::is_same_v<T, float>>(w, packed);
}

/// Steps of one sequence with packed weights: x (steps, In) -> y (steps, H), which is not h. h (H) is the state before
/// the first; c (H) of an Lstm is the state before, then after, else null.
template <class Cell, std::size_t In, std::size_t H, class T>
void rnn_packed(std::size_t steps, T const* x, T const* packed, T const* h, T* c, T* y) noexcept {
  T* const none = nullptr;
  detail::steps_alone<Cell, In, H, std::is_same_v<T, float>>(steps, In, 0, H, 0, x, none, packed, h, c, y, none);
}

namespace detail {

/// Pullback of the elements of one step. gates become the gradients of the sums of x, `from_h` (gates * H) gets those
/// of h; dh and dc go out as their parts for h and c before the step. t (H) is tanh(c').
template <std::size_t H, class T>
void elements_pullback(Lstm, T* gates, T const*, T const*, T const* c, T const* t, T* dh, T* dc, T* from_h) noexcept {
  for (std::size_t j = 0; j < H; ++j) {
    T const i = gates[j], f = gates[H + j], g = gates[2 * H + j], o = gates[3 * H + j];
    T const cell = dc[j] + dh[j] * o * (T(1) - t[j] * t[j]);
    gates[j] = cell * g * i * (T(1) - i);
    gates[H + j] = cell * c[j] * f * (T(1) - f);
    gates[2 * H + j] = cell * i * (T(1) - g * g);
    gates[3 * H + j] = dh[j] * t[j] * o * (T(1) - o);
    dc[j] = cell * f;
    dh[j] = T(0);
  }
  std::memcpy(static_cast<void*>(from_h), gates, 4 * H * sizeof(T));
}
template <std::size_t H, class T>
void elements_pullback(Gru, T* gates, T const* kept, T const* h, T const*, T const*, T* dh, T*, T* from_h) noexcept {
  for (std::size_t j = 0; j < H; ++j) {
    T const r = gates[j], z = gates[H + j], n = gates[2 * H + j];
    T const dn = dh[j] * (T(1) - z) * (T(1) - n * n);
    gates[j] = from_h[j] = dn * kept[j] * r * (T(1) - r);
    gates[H + j] = from_h[H + j] = dh[j] * (h[j] - n) * z * (T(1) - z);
    gates[2 * H + j] = dn;
    from_h[2 * H + j] = dn * r;
    dh[j] *= z;
  }
}
template <std::size_t H, class Act, class T>
void elements_pullback(Elman<Act>, T* gates, T const*, T const*, T const*, T const*, T* dh, T*, T* from_h) noexcept {
  for (std::size_t j = 0; j < H; ++j) {
    gates[j] = from_h[j] = dh[j] * Act{}.derivative(gates[j], gates[j]);
    dh[j] = T(0);
  }
}

template <std::size_t In, std::size_t Out, class T>
void parameter_gradients(std::size_t rows, T const* x, T const* dy, T* weight, T* bias) noexcept {
  if (weight != nullptr) return linear_backward_parameters<In, Out>(rows, x, dy, weight, bias);
  for (std::size_t i = 0; bias != nullptr && i < rows * Out; ++i) bias[i % Out] += dy[i];
}

}  // namespace detail

/// Elements of memory that rnn_backward works in.
template <class Cell, std::size_t H>
constexpr std::size_t rnn_backward_workspace(Sequence const& q) noexcept {
  return (q.steps * (Cell::gates + 1) + Cell::gates) * q.batch * H + H;
}

/// Pullback of rnn over whole sequences, from gates, which it writes over, and kept. h, c: the state before the first
/// step. dy (rows, H) lies as y does. dh, dc (batch, H) hold the gradients of the last state, then those of the first.
/// Adds to dx, which may be null, and to the gradients. work: rnn_backward_workspace.
template <class Cell, std::size_t In, std::size_t H, class T>
void rnn_backward(Sequence const& q, T const* x, RnnWeights<T> const& w, T const* h, T const* c, T const* y,
                  std::size_t ldy, T* gates, T const* kept, T const* dy, T* dh, T* dc, T* dx, RnnGradients<T> const& to,
                  T* work) noexcept {
  constexpr std::size_t out = Cell::gates * H;
  std::size_t const rows = q.steps * q.batch;
  T* const from_h = work;  // (rows, out): gradients of the sums of h
  T* const before = from_h + rows * out;  // (rows, H): h before each step
  T* const step = before + rows * H;  // (batch, out): of one step, side by side
  T* const t = step + q.batch * out;  // (H)
  for (std::size_t i = q.steps; i-- > 0;) {
    for (std::size_t b = 0; b < q.batch; ++b) {
      std::size_t const r = q.row(q.step(i), b);
      T const* const h_before = i == 0 ? h + b * H : y + q.row(q.step(i - 1), b) * ldy;
      T const* c_before = nullptr;
      if (c != nullptr) {
        c_before = i == 0 ? c + b * H : kept + q.row(q.step(i - 1), b) * H;
        map(Tanh{}, H, kept + r * H, t);
      }
      std::memcpy(static_cast<void*>(before + r * H), h_before, H * sizeof(T));
      for (std::size_t j = 0; j < H; ++j) dh[b * H + j] += dy[r * ldy + j];
      detail::elements_pullback<H>(Cell{}, gates + r * out, kept + r * H, h_before, c_before, t, dh + b * H,
                                   dc != nullptr ? dc + b * H : dc, from_h + r * out);
      std::memcpy(static_cast<void*>(step + b * out), from_h + r * out, out * sizeof(T));
    }
    linear_backward_input<H, out>(q.batch, step, w.hh, dh);
  }
  if (rows == 0) return;
  detail::parameter_gradients<In, out>(rows, x, gates, to.ih, to.bias_ih);
  detail::parameter_gradients<H, out>(rows, before, from_h, to.hh, to.bias_hh);
  if (dx != nullptr) linear_backward_input<In, out>(rows, gates, w.ih, dx);
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
