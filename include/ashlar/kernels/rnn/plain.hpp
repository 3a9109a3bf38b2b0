// kernels/rnn/plain.hpp: the functions of body.hpp as plain loops, for nvcc (kernels/plain.hpp says why).
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/isa.hpp>
#include <ashlar/kernels/rnn/reference.hpp>
#include <ashlar/kernels/rnn/shape.hpp>

#include <cstddef>
#include <type_traits>

namespace ashlar::kernels {
inline namespace portable {
namespace detail::plain {

struct RnnStrides {
  std::ptrdiff_t x, gates, y, kept;
};

template <class Cell>
constexpr std::size_t sum_of_x(std::size_t g) {
  return std::is_same_v<Cell, Gru> && g == 2 ? 3 : g;
}

/// The biases of all sums (sums, H), then ih and hh as they are.
template <class Cell, std::size_t In, std::size_t H, bool, class T>
void rnn_pack(RnnWeights<T> const& w, T* packed) noexcept {
  for (std::size_t i = 0; i < Cell::sums * H; ++i) packed[i] = T(0);
  for (std::size_t i = 0; i < Cell::gates * H; ++i) {
    if (w.bias_hh != nullptr) packed[i] += w.bias_hh[i];
    if (In != 0 && w.bias_ih != nullptr) packed[sum_of_x<Cell>(i / H) * H + i % H] += w.bias_ih[i];
  }
  packed += Cell::sums * H;
  for (std::size_t i = 0; i != Cell::gates * H * In; ++i) *packed++ = w.ih[i];
  for (std::size_t i = 0; i < Cell::gates * H * H; ++i) *packed++ = w.hh[i];
}

/// One element of a step from its sums.
template <class Cell, std::size_t H, class T>
T rnn_element(T const* sums, T* gates, T h, T* c, T* kept, std::size_t j) noexcept {
  T a[Cell::gates], b[Cell::gates], gate[Cell::gates], none = T(0), keep = T(0);
  for (std::size_t g = 0; g < Cell::gates; ++g) {
    b[g] = sums[g];
    a[g] = sum_of_x<Cell>(g) == g ? T(0) : sums[sum_of_x<Cell>(g)];
  }
  T const after = reference::cell(Cell{}, a, b, h, c != nullptr ? c[j] : none, gate, keep);
  if (kept == nullptr) return after;
  kept[j] = keep;
  for (std::size_t g = 0; g < Cell::gates; ++g) gates[g * H + j] = gate[g];
  return after;
}

template <class Cell, std::size_t H, bool, class T>
void rnn_elements(T* gates, T const* from_h, T* h, T* c, T* y, T* kept) noexcept {
  for (std::size_t j = 0; j < H; ++j) {
    T sums[Cell::sums] = {};
    for (std::size_t g = 0; g < Cell::gates; ++g) {
      sums[g] += from_h[g * H + j];
      sums[sum_of_x<Cell>(g)] += gates[g * H + j];
    }
    h[j] = y[j] = rnn_element<Cell, H>(sums, gates, h[j], c, kept, j);
  }
}

template <class Cell, std::size_t In, std::size_t H, bool, class T>
void rnn_steps(std::size_t steps, RnnStrides by, T const* x, T* gates, T const* packed, T const* h, T* c, T* y,
               T* kept) noexcept {
  T const* const ih = packed + Cell::sums * H;
  T const* const hh = ih + Cell::gates * H * In;
  for (std::size_t i = 0; i < steps; ++i) {
    for (std::size_t j = 0; j < H; ++j) {
      T sums[Cell::sums];
      for (std::size_t s = 0; s < Cell::sums; ++s) sums[s] = packed[s * H + j];
      for (std::size_t g = 0; g < Cell::gates; ++g) {
        T& from_x = sums[sum_of_x<Cell>(g)];
        if (In == 0) from_x += gates[g * H + j];
        for (std::size_t k = 0; k != In; ++k) from_x += x[k] * ih[(g * H + j) * In + k];
        for (std::size_t k = 0; k < H; ++k) sums[g] += h[k] * hh[(g * H + j) * H + k];
      }
      y[j] = rnn_element<Cell, H>(sums, gates, h[j], c, kept, j);
    }
    h = y;
    y += by.y;
    if (In == 0) gates += by.gates;
    if (In != 0) x += by.x;
    if (kept != nullptr) kept += by.kept;
  }
}

}  // namespace detail::plain
}  // namespace portable
}  // namespace ashlar::kernels
