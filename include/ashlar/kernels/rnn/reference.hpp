// kernels/rnn/reference.hpp: recurrent layers and their pullback through time as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/rnn/shape.hpp>

#include <cstddef>
#include <vector>

namespace ashlar::kernels::reference {

/// One element of a step: a, b are the sums of its gates. Returns h'; gate[] becomes the gates, `kept` c' or b_n.
template <class T>
ASHLAR_HOST_DEVICE T cell(Lstm, T const* a, T const* b, T, T& c, T* gate, T& kept) noexcept {
  for (std::size_t g = 0; g < 4; ++g) gate[g] = g == 2 ? Tanh{}(a[g] + b[g]) : Sigmoid{}(a[g] + b[g]);
  c = gate[1] * c + gate[0] * gate[2];
  kept = c;
  return gate[3] * Tanh{}(c);
}
template <class T>
ASHLAR_HOST_DEVICE T cell(Gru, T const* a, T const* b, T h, T&, T* gate, T& kept) noexcept {
  gate[0] = Sigmoid{}(a[0] + b[0]);
  gate[1] = Sigmoid{}(a[1] + b[1]);
  gate[2] = Tanh{}(a[2] + gate[0] * b[2]);
  kept = b[2];
  return gate[2] + gate[1] * (h - gate[2]);
}
template <class Act, class T>
ASHLAR_HOST_DEVICE T cell(Elman<Act>, T const* a, T const* b, T, T&, T* gate, T&) noexcept {
  gate[0] = Act{}(a[0] + b[0]);
  return gate[0];
}

/// Pullback of cell: dh comes in, and its part for h goes out; dc likewise. Fills da and db.
template <class T>
ASHLAR_HOST_DEVICE void cell_pullback(Lstm, T const* gate, T kept, T, T c_before, T& dh, T& dc, T* da, T* db) noexcept {
  T const t = Tanh{}(kept);
  dc += dh * gate[3] * (1 - t * t);
  da[0] = dc * gate[2] * gate[0] * (1 - gate[0]);
  da[1] = dc * c_before * gate[1] * (1 - gate[1]);
  da[2] = dc * gate[0] * (1 - gate[2] * gate[2]);
  da[3] = dh * t * gate[3] * (1 - gate[3]);
  dc *= gate[1];
  dh = 0;
  for (std::size_t g = 0; g < 4; ++g) db[g] = da[g];
}
template <class T>
ASHLAR_HOST_DEVICE void cell_pullback(Gru, T const* gate, T kept, T h, T, T& dh, T&, T* da, T* db) noexcept {
  da[2] = dh * (1 - gate[1]) * (1 - gate[2] * gate[2]);
  da[1] = dh * (h - gate[2]) * gate[1] * (1 - gate[1]);
  da[0] = da[2] * kept * gate[0] * (1 - gate[0]);
  db[0] = da[0];
  db[1] = da[1];
  db[2] = da[2] * gate[0];
  dh *= gate[1];
}
template <class Act, class T>
ASHLAR_HOST_DEVICE void cell_pullback(Elman<Act>, T const* gate, T, T, T, T& dh, T&, T* da, T* db) noexcept {
  da[0] = db[0] = dh * Act{}.derivative(gate[0], gate[0]);
  dh = 0;
}

/// All steps: x (rows, In) -> y (rows, H), row r at y + r * ldy. h, c (batch, H) hold the state before, then after.
/// gates (rows, Cell::gates * H) and kept (rows, H) become what the pullback needs.
template <class Cell, std::size_t In, std::size_t H, class T>
void rnn(Sequence const& q, T const* x, RnnWeights<T> const& w, T* h, T* c, T* y, std::size_t ldy, T* gates,
         T* kept) noexcept {
  constexpr std::size_t n = Cell::gates;
  auto const sum = [](T const* weight, T const* bias, std::size_t row, std::size_t size, T const* of) {
    T total = bias != nullptr ? bias[row] : T(0);
    for (std::size_t k = 0; k < size; ++k) total += weight[row * size + k] * of[k];
    return total;
  };
  for (std::size_t i = 0; i < q.steps; ++i) {
    for (std::size_t b = 0; b < q.batch; ++b) {
      std::size_t const r = q.row(q.step(i), b);
      std::size_t const at = q.kept_row(q.step(i), b);
      T after[H];
      for (std::size_t j = 0; j < H; ++j) {
        T from_x[n], from_h[n], gate[n];
        for (std::size_t g = 0; g < n; ++g) {
          from_x[g] = sum(w.ih, w.bias_ih, g * H + j, In, x + r * In);
          from_h[g] = sum(w.hh, w.bias_hh, g * H + j, H, h + b * H);
        }
        T none = 0;
        after[j] =
            cell(Cell{}, from_x, from_h, h[b * H + j], c != nullptr ? c[b * H + j] : none, gate, kept[at * H + j]);
        for (std::size_t g = 0; g < n; ++g) gates[(at * n + g) * H + j] = gate[g];
      }
      for (std::size_t j = 0; j < H; ++j) h[b * H + j] = y[r * ldy + j] = after[j];
    }
  }
}

/// Pullback of rnn over whole sequences, from gates and kept. h, c: the state before the first step. dh, dc hold the
/// gradients of the last state, then those of the first. Adds to dx, which may be null, and to the gradients.
template <class Cell, std::size_t In, std::size_t H, class T>
void rnn_backward(Sequence const& q, T const* x, RnnWeights<T> const& w, T const* h, T const* c, T const* y,
                  std::size_t ldy, T const* gates, T const* kept, T const* dy, T* dh, T* dc, T* dx,
                  RnnGradients<T> const& to) {
  constexpr std::size_t n = Cell::gates;
  for (std::size_t i = q.steps; i-- > 0;) {
    for (std::size_t b = 0; b < q.batch; ++b) {
      std::size_t const r = q.row(q.step(i), b);
      std::size_t const at = q.kept_row(q.step(i), b);
      T const* const before = i == 0 ? h + b * H : y + q.row(q.step(i - 1), b) * ldy;
      std::vector<T> da(n * H), db(n * H), next(H);
      for (std::size_t j = 0; j < H; ++j) {
        T gate[n], one_a[n], one_b[n], none = 0;
        for (std::size_t g = 0; g < n; ++g) gate[g] = gates[(at * n + g) * H + j];
        T c_before = 0;
        if (c != nullptr) c_before = i == 0 ? c[b * H + j] : kept[q.kept_row(q.step(i - 1), b) * H + j];
        T one = dh[b * H + j] + dy[r * ldy + j];
        cell_pullback(Cell{}, gate, kept[at * H + j], before[j], c_before, one, dc != nullptr ? dc[b * H + j] : none,
                      one_a, one_b);
        next[j] = one;
        for (std::size_t g = 0; g < n; ++g) da[g * H + j] = one_a[g], db[g * H + j] = one_b[g];
      }
      for (std::size_t row = 0; row < n * H; ++row) {
        for (std::size_t k = 0; k < H; ++k) {
          next[k] += db[row] * w.hh[row * H + k];
          if (to.hh != nullptr) to.hh[row * H + k] += db[row] * before[k];
        }
        for (std::size_t k = 0; k < In; ++k) {
          if (dx != nullptr) dx[r * In + k] += da[row] * w.ih[row * In + k];
          if (to.ih != nullptr) to.ih[row * In + k] += da[row] * x[r * In + k];
        }
        if (to.bias_ih != nullptr) to.bias_ih[row] += da[row];
        if (to.bias_hh != nullptr) to.bias_hh[row] += db[row];
      }
      for (std::size_t j = 0; j < H; ++j) dh[b * H + j] = next[j];
    }
  }
}

}  // namespace ashlar::kernels::reference
