// kernels/rnn/body.hpp: included by cpu.hpp once per level; alone it includes cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/rnn/cpu.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

// ---- a vector of elements of one step, from the sums of its gates --------------------------------------------------

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

/// Returns h'. The gates become themselves in s, what the pullback needs beside them goes to kept.
template <class T, class V>
ASHLAR_INLINE V step(Lstm, V* s, V, V& c, V& kept) noexcept {
  s[0] = gate<Sigmoid, T>(s[0]);
  s[1] = gate<Sigmoid, T>(s[1]);
  s[2] = gate<Tanh, T>(s[2]);
  s[3] = gate<Sigmoid, T>(s[3]);
  kept = c = Simd<T>::fma(s[1], c, s[0] * s[2]);
  return s[3] * gate<Tanh, T>(c);
}
template <class T, class V>
ASHLAR_INLINE V step(Gru, V* s, V h, V&, V& kept) noexcept {
  s[0] = gate<Sigmoid, T>(s[0]);
  s[1] = gate<Sigmoid, T>(s[1]);
  kept = s[2];
  s[2] = gate<Tanh, T>(Simd<T>::fma(s[0], s[2], s[3]));
  return Simd<T>::fma(s[1], h - s[2], s[2]);
}
template <class T, class Act, class V>
ASHLAR_INLINE V step(Elman<Act>, V* s, V, V&, V& kept) noexcept {
  kept = V{};
  return s[0] = gate<Act, T>(s[0]);
}

/// 2^x, |x| at most 42; relative error below 2e-7 (minimax of degree 5 on [-1/2, 1/2]).
ASHLAR_INLINE F exp2_of(F x) noexcept {
  using S = Simd<float>;
  x = S::max(S::broadcast(-42.0f), S::min(S::broadcast(42.0f), x));
  F const shifted = x + 12582912.0f;  // 1.5 * 2^23: rounds
  F const r = x - (shifted - 12582912.0f);
  F const square = r * r;
  F const low = S::fma(r, S::broadcast(0.693147004f), S::broadcast(1.0f));
  F const middle = S::fma(r, S::broadcast(0.0555073358f), S::broadcast(0.240222424f));
  F const high = S::fma(r, S::broadcast(0.00132647273f), S::broadcast(0.00967151299f));
  F const p = S::fma(square, S::fma(square, high, middle), low);
  return (F)((Bits)p + ((Bits)shifted << 23));
}

// The same in float without the gates themselves, for sums that packing has scaled (rnn_scale) so that sigmoid(x) is
// 1 / (1 + 2^s) and tanh(x) is (1 - 2^s) / (1 + 2^s). With the fractions joined an Lstm divides 2 times and not 5, a
// Gru 2 times and not 3. Absolute error below 5e-7 for |c| below 1.
inline constexpr float log2_e = 1.44269504f;

ASHLAR_INLINE F scaled_step(Lstm, F const* s, F, F& c) noexcept {
  using S = Simd<float>;
  F const i = exp2_of(s[0]);
  F const f = exp2_of(s[1]) + 1.0f;
  F const g = exp2_of(s[2]);
  F const o = exp2_of(s[3]) + 1.0f;
  F const input = (i + 1.0f) * (g + 1.0f);
  c = S::fma(c, input, (1.0f - g) * f) / (f * input);
  F const t = exp2_of(c * (-2 * log2_e));
  return (1.0f - t) / S::fma(t, o, o);
}
ASHLAR_INLINE F scaled_step(Gru, F const* s, F h, F&) noexcept {
  using S = Simd<float>;
  F const n = exp2_of(s[3] + s[2] / (exp2_of(s[0]) + 1.0f));
  F const z = exp2_of(s[1]);
  F const sum = n + 1.0f;
  return S::fma(h, sum, S::fma(-z, n, z)) / S::fma(z, sum, sum);
}
ASHLAR_INLINE F scaled_step(Elman<Tanh>, F const* s, F, F&) noexcept {
  F const t = exp2_of(s[0]);
  return (1.0f - t) / (1.0f + t);
}
ASHLAR_INLINE F scaled_step(Elman<ReLU>, F const* s, F, F&) noexcept { return gate<ReLU, float>(s[0]); }

/// What the sums of gate g are multiplied with for scaled_step.
template <class Cell>
constexpr float rnn_scale(std::size_t g) {
  if (std::is_same_v<Cell, Elman<ReLU> >) return 1;
  bool const tanh = std::is_same_v<Cell, Elman<Tanh> > || g == 2;
  return tanh ? -2 * log2_e : -log2_e;
}

/// Which of the sums of an element gate g of x adds to; of h it is number g.
template <class Cell>
constexpr std::size_t sum_of_x(std::size_t g) {
  return std::is_same_v<Cell, Gru> && g == 2 ? 3 : g;
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

/// The elements of one step of one sequence: gates (Cell::gates * H) hold the sums of x, from_h those of h. h and c are
/// overwritten, y is written; with kept, which is null if Scaled, gates and kept become what the pullback needs.
template <class Cell, std::size_t H, bool Scaled, class T>
ASHLAR_TARGET void rnn_elements(T* gates, T const* from_h, T* h, T* c, T* y, T* kept) noexcept {
  using S = Simd<T>;
  for (std::size_t j = 0; j < H; j += S::lanes) {
    std::size_t const n = H - j < S::lanes ? H - j : S::lanes;
    typename S::V s[Cell::sums] = {};
    ASHLAR_UNROLL
    for (std::size_t g = 0; g < Cell::gates; ++g) {
      s[g] += load_some(from_h + g * H + j, n);
      s[sum_of_x<Cell>(g)] += load_some(static_cast<T const*>(gates + g * H + j), n);
    }
    typename S::V cell = c != nullptr ? load_some(static_cast<T const*>(c + j), n) : S::zero();
    typename S::V const before = load_some(static_cast<T const*>(h + j), n);
    typename S::V after;
    if constexpr (Scaled) {
      ASHLAR_UNROLL
      for (std::size_t i = 0; i < Cell::sums; ++i) s[i] *= rnn_scale<Cell>(i == 3 && Cell::gates == 3 ? 2 : i);
      after = scaled_step(Cell{}, s, before, cell);
    } else {
      typename S::V keep;
      after = step<T>(Cell{}, s, before, cell, keep);
      if (kept != nullptr) {
        store_some(kept + j, keep, n);
        ASHLAR_UNROLL
        for (std::size_t g = 0; g < Cell::gates; ++g) store_some(gates + g * H + j, s[g], n);
      }
    }
    if (c != nullptr) store_some(c + j, cell, n);
    store_some(h + j, after, n);
    store_some(y + j, after, n);
  }
}

// ---- one sequence alone: weights packed ----------------------------------------------------------------------------

/// Sums that fit in registers: vectors of elements that are taken together, so that no sum waits for itself.
inline constexpr std::size_t most_sums = ASHLAR_LEVEL == 2 ? 16 : ASHLAR_LEVEL == 1 ? 12 : 8;

template <class Cell, std::size_t H, class T>
inline constexpr std::size_t group = [] {
  std::size_t const vectors = (H + Simd<T>::lanes - 1) / Simd<T>::lanes;
  std::size_t const most = most_sums / Cell::sums;
  std::size_t const groups = (vectors + most - 1) / most;
  return (vectors + groups - 1) / groups;
}();

/// Weights for rnn_steps, turned so that lanes run along H. Of each group of vectors: biases of all sums, then for each
/// k the columns k of ih, then of hh, vector by vector and gate by gate; lanes behind H are zero. With In 0 there is
/// neither ih nor bias_ih. Scaled: times rnn_scale.
template <class Cell, std::size_t In, std::size_t H, bool Scaled, class T>
ASHLAR_TARGET __attribute__((noinline)) void rnn_pack(RnnWeights<T> const& w, T* packed) noexcept {
  constexpr std::size_t width = group<Cell, H, T> * Simd<T>::lanes;
  constexpr std::size_t lanes = Simd<T>::lanes;
  for (std::size_t j = 0; j < H; j += width) {
    std::size_t const end = H - j < width ? H : j + width;
    for (std::size_t v = j; v < end; v += lanes) {
      T* const bias = packed;
      for (std::size_t i = 0; i < Cell::sums * lanes; ++i) *packed++ = T(0);
      for (std::size_t g = 0; g < Cell::gates; ++g) {
        T const scale = Scaled ? static_cast<T>(rnn_scale<Cell>(g)) : T(1);
        for (std::size_t l = 0; l < lanes && v + l < H; ++l) {
          std::size_t const row = g * H + v + l;
          if (w.bias_hh != nullptr) bias[g * lanes + l] += w.bias_hh[row] * scale;
          if (In != 0 && w.bias_ih != nullptr) bias[sum_of_x<Cell>(g) * lanes + l] += w.bias_ih[row] * scale;
        }
      }
    }
    for (std::size_t k = 0; k < In + H; ++k) {
      for (std::size_t v = j; v < end; v += lanes) {
        for (std::size_t g = 0; g < Cell::gates; ++g) {
          T const scale = Scaled ? static_cast<T>(rnn_scale<Cell>(g)) : T(1);
          for (std::size_t l = 0; l < lanes; ++l) {
            std::size_t const row = g * H + v + l;
            *packed++ = v + l >= H ? T(0) : scale * (k < In ? w.ih[row * In + k] : w.hh[row * H + k - In]);
          }
        }
      }
    }
  }
}

/// s += products of elements [From, To) with the packed columns of N vectors.
template <class Cell, std::size_t N, std::size_t From, std::size_t To, bool OfX, class T>
ASHLAR_INLINE void add_products(T const* of, T const* packed, typename Simd<T>::V (*s)[Cell::sums]) noexcept {
  using S = Simd<T>;
  packed += From * N * Cell::gates * S::lanes;
  for (std::size_t k = From; k < To; ++k) {
    typename S::V const x = S::broadcast(of[k]);
    ASHLAR_UNROLL
    for (std::size_t v = 0; v < N; ++v) {
      ASHLAR_UNROLL
      for (std::size_t g = 0; g < Cell::gates; ++g) {
        typename S::V& sum = s[v][OfX ? sum_of_x<Cell>(g) : g];
        sum = S::fma(x, S::load(packed), sum);
        packed += S::lanes;
      }
    }
  }
}

/// The same for vector v alone, in twice as many sums, so that none waits for itself.
template <class Cell, std::size_t N, std::size_t From, std::size_t To, class T>
ASHLAR_INLINE void add_products_of(std::size_t v, T const* of, T const* packed, typename Simd<T>::V* s) noexcept {
  using S = Simd<T>;
  constexpr std::size_t each = N * Cell::gates * S::lanes;
  packed += From * each + v * Cell::gates * S::lanes;
  typename S::V odd[Cell::gates] = {};
  std::size_t k = From;
  for (; k + 2 <= To; k += 2, packed += 2 * each) {
    typename S::V const x = S::broadcast(of[k]);
    typename S::V const y = S::broadcast(of[k + 1]);
    ASHLAR_UNROLL
    for (std::size_t g = 0; g < Cell::gates; ++g) {
      s[g] = S::fma(x, S::load(packed + g * S::lanes), s[g]);
      odd[g] = S::fma(y, S::load(packed + each + g * S::lanes), odd[g]);
    }
  }
  if constexpr ((To - From) % 2 == 1) {
    typename S::V const x = S::broadcast(of[k]);
    ASHLAR_UNROLL
    for (std::size_t g = 0; g < Cell::gates; ++g) s[g] = S::fma(x, S::load(packed + g * S::lanes), s[g]);
  }
  ASHLAR_UNROLL
  for (std::size_t g = 0; g < Cell::gates; ++g) s[g] += odd[g];
}

/// One step of elements [j, j + N vectors) of one sequence.
template <class Cell, std::size_t In, std::size_t H, bool Scaled, std::size_t N, class T>
ASHLAR_INLINE void rnn_group(std::size_t j, T const* x, T* gates, T const* packed, T const* h, T* c, T* y,
                             T* kept) noexcept {
  using S = Simd<T>;
  constexpr std::size_t last = H % S::lanes == 0 ? S::lanes : H % S::lanes;
  typename S::V s[N][Cell::sums];
  ASHLAR_UNROLL
  for (std::size_t v = 0; v < N; ++v) {
    ASHLAR_UNROLL
    for (std::size_t i = 0; i < Cell::sums; ++i) s[v][i] = S::load(packed + (v * Cell::sums + i) * S::lanes);
  }
  packed += N * Cell::sums * S::lanes;
  add_products<Cell, N, 0, In, true>(x, packed, s);
  packed += N * In * Cell::gates * S::lanes;
  // The last vector of h comes out of the step before as the last: what it gives is added vector by vector, so that the
  // other products and the first gates do not wait for it. LSTM 1 -> 32 in AVX-512, Zen 5, g++ 12 -O2: all vectors at
  // once 59 ns, so 52.
  constexpr std::size_t joint = (H - 1) / S::lanes * S::lanes;
  add_products<Cell, N, 0, joint, false>(h, packed, s);
  ASHLAR_UNROLL
  for (std::size_t v = 0; v < N; ++v) {
    std::size_t const at = j + v * S::lanes;
    std::size_t const n = at + S::lanes > H ? last : S::lanes;
    add_products_of<Cell, N, joint, H>(v, h, packed, s[v]);
    if constexpr (In == 0) {
      ASHLAR_UNROLL
      for (std::size_t g = 0; g < Cell::gates; ++g) {
        typename S::V const a = load_some(static_cast<T const*>(gates + g * H + at), n);
        typename S::V& sum = s[v][sum_of_x<Cell>(g)];
        sum = Scaled ? S::fma(a, S::broadcast(static_cast<T>(rnn_scale<Cell>(g))), sum) : sum + a;
      }
    }
    typename S::V cell = c != nullptr ? load_some(static_cast<T const*>(c + at), n) : S::zero();
    typename S::V const before = load_some(h + at, n);
    typename S::V after;
    if constexpr (Scaled) {
      after = scaled_step(Cell{}, s[v], before, cell);
    } else {
      typename S::V keep;
      after = step<T>(Cell{}, s[v], before, cell, keep);
      if (kept != nullptr) {
        store_some(kept + at, keep, n);
        ASHLAR_UNROLL
        for (std::size_t g = 0; g < Cell::gates; ++g) store_some(gates + g * H + at, s[v][g], n);
      }
    }
    if (c != nullptr) store_some(c + at, cell, n);
    store_some(y + at, after, n);
  }
}

/// Where the rows of consecutive steps lie, in elements.
struct RnnStrides {
  std::ptrdiff_t x, gates, y, kept;
};

/// Steps of one sequence from h (H), the state before the first, which no y is. With In 0 gates hold the sums of x,
/// else x (In) is multiplied too; then, and if Scaled, kept is null.
template <class Cell, std::size_t In, std::size_t H, bool Scaled, class T>
ASHLAR_TARGET void rnn_steps(std::size_t steps, RnnStrides by, T const* x, T* gates, T const* packed, T const* h, T* c,
                             T* y, T* kept) noexcept {
  constexpr std::size_t lanes = Simd<T>::lanes;
  constexpr std::size_t vectors = (H + lanes - 1) / lanes;
  constexpr std::size_t each = group<Cell, H, T>;
  constexpr std::size_t group_size = each * (Cell::sums + (In + H) * Cell::gates) * lanes;
  for (std::size_t i = 0; i < steps; ++i) {
    T const* weights = packed;
    std::size_t j = 0;
    for (; j + each * lanes <= vectors * lanes; j += each * lanes, weights += group_size) {
      rnn_group<Cell, In, H, Scaled, each>(j, x, gates, weights, h, c, y, kept);
    }
    if constexpr (vectors % each != 0) {
      rnn_group<Cell, In, H, Scaled, vectors % each>(j, x, gates, weights, h, c, y, kept);
    }
    h = y;
    y += by.y;
    if constexpr (In == 0) {
      gates += by.gates;
      if (kept != nullptr) kept += by.kept;
    } else {
      x += by.x;
    }
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
