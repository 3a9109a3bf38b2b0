// kernels/rnn/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/rnn/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// Op of each lane, where Op has no vector form for T.
template <class Op, class T>
ASHLAR_INLINE typename Simd<T>::V gate(typename Simd<T>::V x) noexcept {
  if constexpr (VectorOp<Op, T>::exists) {
    return VectorOp<Op, T>::forward(Op{}, x);
  } else {
    for (std::size_t l = 0; l < Simd<T>::lanes; ++l) x[l] = Op{}(static_cast<T>(x[l]));
    return x;
  }
}

/// A vector of elements of a step, from the sums a of x and b of h; returns h' and leaves the gates in a, what
/// is kept in b[0].
template <class T>
ASHLAR_INLINE typename Simd<T>::V step(Lstm, typename Simd<T>::V* a, typename Simd<T>::V* b, typename Simd<T>::V,
                                       typename Simd<T>::V& c) noexcept {
  a[0] = gate<Sigmoid, T>(a[0] + b[0]);
  a[1] = gate<Sigmoid, T>(a[1] + b[1]);
  a[2] = gate<Tanh, T>(a[2] + b[2]);
  a[3] = gate<Sigmoid, T>(a[3] + b[3]);
  c = Simd<T>::fma(a[1], c, a[0] * a[2]);
  b[0] = c;
  return a[3] * gate<Tanh, T>(c);
}
template <class T>
ASHLAR_INLINE typename Simd<T>::V step(Gru, typename Simd<T>::V* a, typename Simd<T>::V* b, typename Simd<T>::V h,
                                       typename Simd<T>::V&) noexcept {
  a[0] = gate<Sigmoid, T>(a[0] + b[0]);
  a[1] = gate<Sigmoid, T>(a[1] + b[1]);
  a[2] = gate<Tanh, T>(Simd<T>::fma(a[0], b[2], a[2]));
  b[0] = b[2];
  return Simd<T>::fma(a[1], h - a[2], a[2]);
}
template <class T, class Act>
ASHLAR_INLINE typename Simd<T>::V step(Elman<Act>, typename Simd<T>::V* a, typename Simd<T>::V* b, typename Simd<T>::V,
                                       typename Simd<T>::V&) noexcept {
  a[0] = gate<Act, T>(a[0] + b[0]);
  return a[0];
}

template <class T>
ASHLAR_INLINE typename Simd<T>::V load_some(T const* p, std::size_t n) noexcept {
  return n == Simd<T>::lanes ? Simd<T>::load(p) : Simd<T>::load(p, n);
}
template <class T>
ASHLAR_INLINE void store_some(T* p, typename Simd<T>::V v, std::size_t n) noexcept {
  if (n == Simd<T>::lanes) {
    Simd<T>::store(p, v);
  } else {
    Simd<T>::store(p, v, n);
  }
}

/// The elements of one step of one sequence, sums given: gates (Cell::gates * H) hold those of x, and `from_h` those of
/// h. h and c are overwritten, y and kept (if any) written.
template <class Cell, std::size_t H, class T>
ASHLAR_TARGET void rnn_elements(T* gates, T const* from_h, T* h, T* c, T* y, T* kept) noexcept {
  using S = Simd<T>;
  for (std::size_t j = 0; j < H; j += S::lanes) {
    std::size_t const n = H - j < S::lanes ? H - j : S::lanes;
    typename S::V a[Cell::gates];
    typename S::V b[Cell::gates];
    ASHLAR_UNROLL
    for (std::size_t g = 0; g < Cell::gates; ++g) {
      a[g] = load_some(gates + g * H + j, n);
      b[g] = load_some(from_h + g * H + j, n);
    }
    typename S::V cell = c != nullptr ? load_some(c + j, n) : S::zero();
    typename S::V const after = step<T>(Cell{}, a, b, load_some(h + j, n), cell);
    if (c != nullptr) store_some(c + j, cell, n);
    store_some(h + j, after, n);
    store_some(y + j, after, n);
    if (kept == nullptr) continue;
    store_some(kept + j, b[0], n);
    ASHLAR_UNROLL
    for (std::size_t g = 0; g < Cell::gates; ++g) store_some(gates + g * H + j, a[g], n);
  }
}

/// Weights of one sequence at a time, turned so that lanes run along H: of each vector of elements the biases of its
/// gates, then for each k the column k of its gates; lanes behind H are zero. Bias may be null.
template <std::size_t Gates, std::size_t H, class T>
ASHLAR_TARGET __attribute__((noinline)) void rnn_pack(std::size_t in, T const* weight, T const* bias,
                                                      T* packed) noexcept {
  constexpr std::size_t lanes = Simd<T>::lanes;
  for (std::size_t j = 0; j < H; j += lanes) {
    for (std::size_t k = 0; k <= in; ++k) {
      for (std::size_t g = 0; g < Gates; ++g) {
        for (std::size_t l = 0; l < lanes; ++l, ++packed) {
          std::size_t const row = g * H + j + l;
          *packed = j + l >= H ? T(0) : k > 0 ? weight[row * in + k - 1] : bias != nullptr ? bias[row] : T(0);
        }
      }
    }
  }
}

/// Sums that do not wait for each other: two units, four cycles each.
template <std::size_t Gates>
inline constexpr std::size_t chains = Gates >= 8 ? 1 : (8 + Gates - 1) / Gates;

/// sum[g] = bias + the products of one vector of elements.
template <std::size_t Gates, std::size_t K, class T>
ASHLAR_INLINE void rnn_sums(T const* of, T const* packed, typename Simd<T>::V* sum) noexcept {
  using S = Simd<T>;
  constexpr std::size_t each = Gates * S::lanes;
  constexpr std::size_t parts = chains<Gates> < K ? chains<Gates> : K;
  typename S::V part[parts][Gates];
  ASHLAR_UNROLL
  for (std::size_t g = 0; g < Gates; ++g) part[0][g] = S::load(packed + g * S::lanes);
  packed += each;
  ASHLAR_UNROLL
  for (std::size_t p = 0; p < parts; ++p) {
    typename S::V const x = S::broadcast(of[p]);
    ASHLAR_UNROLL
    for (std::size_t g = 0; g < Gates; ++g) {
      typename S::V const w = S::load(packed + p * each + g * S::lanes);
      part[p][g] = p == 0 ? S::fma(x, w, part[0][g]) : x * w;
    }
  }
  std::size_t k = parts;
  for (; k + parts <= K; k += parts) {
    ASHLAR_UNROLL
    for (std::size_t p = 0; p < parts; ++p) {
      typename S::V const x = S::broadcast(of[k + p]);
      ASHLAR_UNROLL
      for (std::size_t g = 0; g < Gates; ++g) {
        part[p][g] = S::fma(x, S::load(packed + (k + p) * each + g * S::lanes), part[p][g]);
      }
    }
  }
  if constexpr (K % parts != 0) {
    ASHLAR_UNROLL
    for (std::size_t p = 0; p < K % parts; ++p) {
      typename S::V const x = S::broadcast(of[K - K % parts + p]);
      ASHLAR_UNROLL
      for (std::size_t g = 0; g < Gates; ++g) {
        part[p][g] = S::fma(x, S::load(packed + (K - K % parts + p) * each + g * S::lanes), part[p][g]);
      }
    }
  }
  ASHLAR_UNROLL
  for (std::size_t g = 0; g < Gates; ++g) {
    sum[g] = part[0][g];
    ASHLAR_UNROLL
    for (std::size_t p = 1; p < parts; ++p) sum[g] += part[p][g];
  }
}

/// Steps of one sequence, sums of x given. Step i has its gates at gates + i * gate_step, and so on; h (H) is the state
/// before the first.
template <class Cell, std::size_t H, class T>
ASHLAR_TARGET void rnn_steps(std::size_t steps, T* gates, std::ptrdiff_t gate_step, T const* packed, T const* h, T* c,
                             T* y, std::ptrdiff_t y_step, T* kept, std::ptrdiff_t kept_step) noexcept {
  using S = Simd<T>;
  for (std::size_t i = 0; i < steps; ++i) {
    T const* weights = packed;
    for (std::size_t j = 0; j < H; j += S::lanes, weights += (H + 1) * Cell::gates * S::lanes) {
      std::size_t const n = H - j < S::lanes ? H - j : S::lanes;
      typename S::V a[Cell::gates];
      typename S::V b[Cell::gates];
      rnn_sums<Cell::gates, H>(h, weights, b);
      ASHLAR_UNROLL
      for (std::size_t g = 0; g < Cell::gates; ++g) a[g] = load_some(gates + g * H + j, n);
      typename S::V cell = c != nullptr ? load_some(c + j, n) : S::zero();
      typename S::V const after = step<T>(Cell{}, a, b, load_some(h + j, n), cell);
      if (c != nullptr) store_some(c + j, cell, n);
      store_some(y + j, after, n);
      if (kept == nullptr) continue;
      store_some(kept + j, b[0], n);
      ASHLAR_UNROLL
      for (std::size_t g = 0; g < Cell::gates; ++g) store_some(gates + g * H + j, a[g], n);
    }
    h = y;
    gates += gate_step;
    y += y_step;
    if (kept != nullptr) kept += kept_step;
  }
}

/// One step of one sequence, x (In) and h (H) -> y (H), which is not h. Weights packed both.
template <class Cell, std::size_t In, std::size_t H, class T>
ASHLAR_TARGET void rnn_step(T const* x, T const* packed_ih, T const* packed_hh, T const* h, T* c, T* y) noexcept {
  using S = Simd<T>;
  for (std::size_t j = 0; j < H; j += S::lanes) {
    std::size_t const n = H - j < S::lanes ? H - j : S::lanes;
    typename S::V a[Cell::gates];
    typename S::V b[Cell::gates];
    rnn_sums<Cell::gates, In>(x, packed_ih, a);
    rnn_sums<Cell::gates, H>(h, packed_hh, b);
    packed_ih += (In + 1) * Cell::gates * S::lanes;
    packed_hh += (H + 1) * Cell::gates * S::lanes;
    typename S::V cell = c != nullptr ? load_some(c + j, n) : S::zero();
    typename S::V const after = step<T>(Cell{}, a, b, load_some(h + j, n), cell);
    if (c != nullptr) store_some(c + j, cell, n);
    store_some(y + j, after, n);
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
