// kernels/simd/body.hpp: included by simd.hpp once per level; alone it includes simd.hpp.
// SPDX-License-Identifier: BSL-1.0
#ifndef ASHLAR_LEVEL
#include <ashlar/kernels/simd/simd.hpp>
#else

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail::ASHLAR_LEVEL_NAMESPACE {

/// Vector of as many T as a register of this level holds; float and double.
template <class T>
struct Simd {
  static constexpr std::size_t lanes = ASHLAR_BYTES / sizeof(T);
  typedef T V __attribute__((vector_size(ASHLAR_BYTES)));
  typedef T Unaligned __attribute__((vector_size(ASHLAR_BYTES), aligned(alignof(T)), may_alias));

  ASHLAR_INLINE static V zero() noexcept { return V{}; }
  ASHLAR_INLINE static V broadcast(T s) noexcept { return s - V{}; }  // s - 0 is s for every s; -0 and NaN too
  ASHLAR_INLINE static V load(T const* p) noexcept { return *reinterpret_cast<Unaligned const*>(p); }
  ASHLAR_INLINE static void store(T* p, V v) noexcept { *reinterpret_cast<Unaligned*>(p) = v; }

  /// a * b + c, rounded once where the level has FMA.
  ASHLAR_INLINE static V fma(V a, V b, V c) noexcept {
#if ASHLAR_LEVEL == 1
    if constexpr (sizeof(T) == 4) return __builtin_ia32_vfmaddps256(a, b, c);
    else return __builtin_ia32_vfmaddpd256(a, b, c);
#elif ASHLAR_LEVEL == 2 && !defined(ASHLAR_EMULATE_AVX512)
#ifdef __clang__  // the compilers differ in the sign of the mask's type
    using Mask16 = unsigned short;
    using Mask8 = unsigned char;
#else
    using Mask16 = short;
    using Mask8 = signed char;
#endif
    if constexpr (sizeof(T) == 4) return __builtin_ia32_vfmaddps512_mask(a, b, c, static_cast<Mask16>(-1), 4);
    else return __builtin_ia32_vfmaddpd512_mask(a, b, c, static_cast<Mask8>(-1), 4);
#else
    return a * b + c;
#endif
  }

  /// The first n < lanes elements, zero behind; touches nothing behind them.
  ASHLAR_INLINE static V load(T const* p, std::size_t n) noexcept {
#if ASHLAR_LEVEL == 1
    if constexpr (sizeof(T) == 4) {
      typedef std::int32_t M __attribute__((vector_size(32), aligned(4), may_alias));
      typedef std::int32_t A __attribute__((vector_size(32)));
      A const mask = *reinterpret_cast<M const*>(mask_window32 + (lanes - n));
      return (V)__builtin_ia32_maskloadps256(reinterpret_cast<V const*>(p), mask);
    } else {
      typedef long long M __attribute__((vector_size(32), aligned(8), may_alias));
      typedef long long A __attribute__((vector_size(32)));
      A const mask = *reinterpret_cast<M const*>(mask_window64 + (lanes - n));
      return (V)__builtin_ia32_maskloadpd256(reinterpret_cast<V const*>(p), mask);
    }
#elif ASHLAR_LEVEL == 2 && !defined(ASHLAR_EMULATE_AVX512)
    unsigned const mask = (1u << n) - 1u;
    if constexpr (sizeof(T) == 4) return __builtin_ia32_loadups512_mask(p, V{}, static_cast<unsigned short>(mask));
    else return __builtin_ia32_loadupd512_mask(p, V{}, static_cast<unsigned char>(mask));
#else
    V v{};
    __builtin_memcpy(&v, p, n * sizeof(T));
    return v;
#endif
  }

  /// 16 bytes each from p, q, r and s, side by side; fewer where a vector is shorter.
  ASHLAR_INLINE static V load_pieces(T const* p, T const* q, T const* r, T const* s) noexcept {
    (void)q, (void)r, (void)s;
#if ASHLAR_LEVEL == 0
    typedef T Q __attribute__((vector_size(16), aligned(alignof(T)), may_alias));
    return *reinterpret_cast<Q const*>(p);
#else
    typedef double D __attribute__((vector_size(16), aligned(4), may_alias));
    D const a = *reinterpret_cast<D const*>(p);
    D const b = *reinterpret_cast<D const*>(q);
    auto const low = __builtin_shufflevector(a, b, 0, 1, 2, 3);
#if ASHLAR_LEVEL == 1
    return (V)low;
#else
    D const c = *reinterpret_cast<D const*>(r);
    D const d = *reinterpret_cast<D const*>(s);
    auto const high = __builtin_shufflevector(c, d, 0, 1, 2, 3);
    return (V)__builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
#endif
#endif
  }
  /// 16 bytes each from p, p + step, ... side by side.
  ASHLAR_INLINE static V load_pieces(T const* p, std::size_t step) noexcept {
    return load_pieces(p, p + step, p + 2 * step, p + 3 * step);
  }

#if ASHLAR_LEVEL == 2
  /// load_pieces(p, q, r, s) and, from 16 bytes behind each, the next, from half as many loads.
  ASHLAR_INLINE static void load_two_pieces(T const* p, T const* q, T const* r, T const* s, V& first,
                                            V& second) noexcept {
    V const low = (V)load_halves(p, q);
    V const high = (V)load_halves(r, s);
    first = even_pieces(low, high);
    second = odd_pieces(low, high);
  }
  /// Of the pieces of 16 bytes of a and then b the first, third, ... and the others. g++ 12 makes it a shuffle by an
  /// index unless told, which is half as fast.
  ASHLAR_INLINE static V even_pieces(V a, V b) noexcept {
    typedef double D __attribute__((vector_size(ASHLAR_BYTES)));
#if defined(__clang__) || defined(ASHLAR_EMULATE_AVX512)
    return (V)__builtin_shufflevector((D)a, (D)b, 0, 1, 4, 5, 8, 9, 12, 13);
#else
    return (V)__builtin_ia32_shuf_f64x2_mask((D)a, (D)b, 0x88, (D)a, static_cast<unsigned char>(0xff));
#endif
  }
  ASHLAR_INLINE static V odd_pieces(V a, V b) noexcept {
    typedef double D __attribute__((vector_size(ASHLAR_BYTES)));
#if defined(__clang__) || defined(ASHLAR_EMULATE_AVX512)
    return (V)__builtin_shufflevector((D)a, (D)b, 2, 3, 6, 7, 10, 11, 14, 15);
#else
    return (V)__builtin_ia32_shuf_f64x2_mask((D)a, (D)b, 0xdd, (D)a, static_cast<unsigned char>(0xff));
#endif
  }
  /// 32 bytes from each of p and q.
  ASHLAR_INLINE static auto load_halves(T const* p, T const* q) noexcept {
    typedef double H __attribute__((vector_size(32), aligned(4), may_alias));
    H const a = *reinterpret_cast<H const*>(p), b = *reinterpret_cast<H const*>(q);
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
  }
#endif

  /// The first n < lanes elements; touches nothing behind them.
  ASHLAR_INLINE static void store(T* p, V v, std::size_t n) noexcept {
#if ASHLAR_LEVEL == 1
    if constexpr (sizeof(T) == 4) {
      typedef std::int32_t M __attribute__((vector_size(32), aligned(4), may_alias));
      typedef std::int32_t A __attribute__((vector_size(32)));
      A const mask = *reinterpret_cast<M const*>(mask_window32 + (lanes - n));
      __builtin_ia32_maskstoreps256(reinterpret_cast<V*>(p), mask, v);
    } else {
      typedef long long M __attribute__((vector_size(32), aligned(8), may_alias));
      typedef long long A __attribute__((vector_size(32)));
      A const mask = *reinterpret_cast<M const*>(mask_window64 + (lanes - n));
      __builtin_ia32_maskstorepd256(reinterpret_cast<V*>(p), mask, v);
    }
#elif ASHLAR_LEVEL == 2 && !defined(ASHLAR_EMULATE_AVX512)
    unsigned const mask = (1u << n) - 1u;
    if constexpr (sizeof(T) == 4) __builtin_ia32_storeups512_mask(p, v, static_cast<unsigned short>(mask));
    else __builtin_ia32_storeupd512_mask(p, v, static_cast<unsigned char>(mask));
#else
    __builtin_memcpy(p, &v, n * sizeof(T));
#endif
  }

  /// a < b ? a : b, b if one is a NaN: one instruction, which g++ 12 does not find.
  ASHLAR_INLINE static V min(V a, V b) noexcept {
#if ASHLAR_LEVEL == 1 && !defined(__clang__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_minps256(a, b);
    else return __builtin_ia32_minpd256(a, b);
#elif ASHLAR_LEVEL == 2 && !defined(ASHLAR_EMULATE_AVX512) && !defined(__clang__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_minps512_mask(a, b, a, static_cast<short>(-1), 4);
    else return __builtin_ia32_minpd512_mask(a, b, a, static_cast<unsigned char>(0xff), 4);
#else
    return a < b ? a : b;
#endif
  }
  ASHLAR_INLINE static V max(V a, V b) noexcept {
#if ASHLAR_LEVEL == 1 && !defined(__clang__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_maxps256(a, b);
    else return __builtin_ia32_maxpd256(a, b);
#elif ASHLAR_LEVEL == 2 && !defined(ASHLAR_EMULATE_AVX512) && !defined(__clang__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_maxps512_mask(a, b, a, static_cast<short>(-1), 4);
    else return __builtin_ia32_maxpd512_mask(a, b, a, static_cast<unsigned char>(0xff), 4);
#else
    return a > b ? a : b;
#endif
  }

  ASHLAR_INLINE static V sqrt(V v) noexcept {
#if defined(__clang__)
    return __builtin_elementwise_sqrt(v);
#elif ASHLAR_LEVEL == 2 && !defined(ASHLAR_EMULATE_AVX512)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_sqrtps512_mask(v, v, static_cast<short>(-1), 4);
    else return __builtin_ia32_sqrtpd512_mask(v, v, static_cast<unsigned char>(-1), 4);
#elif ASHLAR_LEVEL == 1
    if constexpr (sizeof(T) == 4) return __builtin_ia32_sqrtps256(v);
    else return __builtin_ia32_sqrtpd256(v);
#elif defined(__SSE2__) && ASHLAR_LEVEL == 0 && !defined(__CUDACC__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_sqrtps(v);
    else return __builtin_ia32_sqrtpd(v);
#else
    for (std::size_t i = 0; i < lanes; ++i) v[i] = scalar::sqrt(static_cast<T>(v[i]));
    return v;
#endif
  }
};

/// Lanes [From, From + n) of v as a vector of n = sizeof...(I) lanes.
template <std::size_t From, class V, std::size_t... I>
ASHLAR_INLINE auto slice(V v, std::index_sequence<I...>) noexcept {
  return __builtin_shufflevector(v, v, static_cast<int>(From + I)...);
}

/// Lane i of the result comes from segment and half as add_halves says; Second picks the other half.
template <std::size_t Lanes, std::size_t Width, bool Second>
consteval int half_lane(std::size_t lane) noexcept {
  std::size_t const half = Width / 2;
  if (Width == 2) {  // within 128 bits: u0 u2 v0 v2, as one shuffle
    std::size_t const block = lane / 4 * 4;
    std::size_t const in = lane % 4;
    if (Lanes < 4) return 0;  // not used: one shuffle does it
    return static_cast<int>((in < 2 ? block + 2 * in : Lanes + block + 2 * (in - 2)) + (Second ? 1 : 0));
  }
  std::size_t const segment = lane / Width;
  std::size_t const in = lane % Width;
  bool const from_v = in >= half;
  // u gives its first half to the first sum and v its second, so that one of the two shuffles is a blend.
  std::size_t const at = segment * Width + (from_v ? (Second ? in - half : in) : (Second ? in + half : in));
  return static_cast<int>(from_v ? Lanes + at : at);
}

/// Lane i of v where bit i of Mask is set, else of u. g++ 12 makes it a shuffle, which takes a port that multiplies,
/// unless told.
template <unsigned Mask, class V, std::size_t... I>
ASHLAR_INLINE V blend(V u, V v, std::index_sequence<I...>) noexcept {
#if ASHLAR_LEVEL > 0 && !defined(__clang__) && !defined(ASHLAR_EMULATE_AVX512)
  if constexpr (sizeof(V) == 32 && sizeof...(I) == 8) {
    return __builtin_ia32_blendps256(u, v, static_cast<int>(Mask));
  }
#if ASHLAR_LEVEL == 2
  if constexpr (sizeof(V) == 64 && sizeof...(I) == 16) {
    return __builtin_ia32_blendmps_512_mask(u, v, static_cast<unsigned short>(Mask));
  }
  if constexpr (sizeof(V) == 64 && sizeof...(I) == 8) {
    return __builtin_ia32_blendmpd_512_mask(u, v, static_cast<unsigned char>(Mask));
  }
#endif
#endif
  return __builtin_shufflevector(u, v, static_cast<int>((Mask >> I & 1) != 0 ? sizeof...(I) + I : I)...);
}

template <std::size_t Width, class V, std::size_t... I>
ASHLAR_INLINE V add_halves(V u, V v, std::index_sequence<I...> all) noexcept {
  constexpr std::size_t n = sizeof...(I);
  if constexpr (Width > 2) {
    return blend<((half_lane<n, Width, false>(I) >= static_cast<int>(n) ? 1u << I : 0) | ...)>(u, v, all) +
           __builtin_shufflevector(u, v, half_lane<n, Width, true>(I)...);
  } else {
    return __builtin_shufflevector(u, v, half_lane<n, Width, false>(I)...) +
           __builtin_shufflevector(u, v, half_lane<n, Width, true>(I)...);
  }
}

/// Lanes of u folded into the lower half, those of v into the upper, and x * w on top.
template <class V, std::size_t... I>
ASHLAR_INLINE V fold_pair(V u, V v, V x, V w, std::index_sequence<I...> all) noexcept {
  constexpr std::size_t n = sizeof...(I);
  using S = Simd<std::remove_cvref_t<decltype(u[0])> >;
  return S::fma(x, w, blend<((I >= n / 2 ? 1u << I : 0) | ...)>(u, v, all)) +
         __builtin_shufflevector(u, v, half_lane<n, n, true>(I)...);
}

/// Sums of the lanes of a[0..Lanes): lane j of the result is the sum of a[j], taken as a tree that adds the upper
/// half of the lanes to the lower until one is left.
template <std::size_t Lanes, class V>
ASHLAR_INLINE V sum_each(V const* a) noexcept {
  constexpr auto all = std::make_index_sequence<Lanes>{};
  if constexpr (Lanes == 2) {
    return __builtin_shufflevector(a[0], a[1], 0, 2) + __builtin_shufflevector(a[0], a[1], 1, 3);
  } else {
    V b[Lanes / 2];
    constexpr bool pairs = sizeof(a[0][0]) == 8;  // 128 bits hold 2 lanes, else 4
    if constexpr (Lanes == 4 && !pairs) {
      b[0] = add_halves<4>(a[0], a[1], all);
      b[1] = add_halves<4>(a[2], a[3], all);
      return add_halves<2>(b[0], b[1], all);
    } else {
      ASHLAR_UNROLL
      for (std::size_t i = 0; i < Lanes / 2; ++i) b[i] = add_halves<Lanes>(a[i], a[i + Lanes / 2], all);
      if constexpr (Lanes == 16) {
        V c[4];
        ASHLAR_UNROLL
        for (std::size_t i = 0; i < 4; ++i) c[i] = add_halves<8>(b[i], b[i + 4], all);
        V const d0 = add_halves<4>(c[0], c[1], all);
        V const d1 = add_halves<4>(c[2], c[3], all);
        return add_halves<2>(d0, d1, all);
      } else if constexpr (Lanes == 8 && pairs) {
        V c[2];
        ASHLAR_UNROLL
        for (std::size_t i = 0; i < 2; ++i) c[i] = add_halves<4>(b[i], b[i + 2], all);
        return __builtin_shufflevector(c[0], c[1], 0, 8, 2, 10, 4, 12, 6, 14) +
               __builtin_shufflevector(c[0], c[1], 1, 9, 3, 11, 5, 13, 7, 15);
      } else if constexpr (Lanes == 8) {
        V const c0 = add_halves<4>(b[0], b[1], all);
        V const c1 = add_halves<4>(b[2], b[3], all);
        return add_halves<2>(c0, c1, all);
      } else {  // four doubles
        return __builtin_shufflevector(b[0], b[1], 0, 4, 2, 6) + __builtin_shufflevector(b[0], b[1], 1, 5, 3, 7);
      }
    }
  }
}

/// Within 16 bytes: groups of Group lanes of the lower (or upper) half of u and of v, in turn.
template <std::size_t Lanes, std::size_t Piece, bool Upper, std::size_t Group>
consteval int interleaved_lane(std::size_t lane) noexcept {
  std::size_t const in = lane % Piece;
  std::size_t const from = lane / Piece * Piece + (Upper ? Piece / 2 : 0) + in / (2 * Group) * Group + in % Group;
  return static_cast<int>(in / Group % 2 == 0 ? from : Lanes + from);
}

template <bool Upper, std::size_t Group, class V, std::size_t... I>
ASHLAR_INLINE V interleave(V u, V v, std::index_sequence<I...>) noexcept {
  constexpr std::size_t piece = 16 / sizeof(u[0]);
  return __builtin_shufflevector(u, v, interleaved_lane<sizeof...(I), piece, Upper, Group>(I)...);
}

/// Half a vector from each of two places.
template <class T, std::size_t... I>
ASHLAR_INLINE typename Simd<T>::V join_halves(T const* low, T const* high, std::index_sequence<I...>) noexcept {
  constexpr std::size_t half = sizeof...(I) / 2;
  return typename Simd<T>::V{(I < half ? low[I % half] : high[I % half])...};
}

template <std::size_t Lanes>
consteval int unzip_lane(std::size_t lane) noexcept {  // first and second half in turn
  return static_cast<int>(lane % 2 == 0 ? lane / 2 : Lanes / 2 + lane / 2);
}

/// The last step of sum_pairs for 8 floats: sums of the lower halves, then those of the upper.
template <class V, std::size_t... I>
ASHLAR_INLINE V join_pairs(V a, V b, std::index_sequence<I...> all) noexcept {
  return add_halves<2>(a, b, all);
}
template <class V, std::size_t... I>
ASHLAR_INLINE V in_order(V v, std::index_sequence<I...>) noexcept {
  return __builtin_shufflevector(v, v, unzip_lane<sizeof...(I)>(I)...);
}

/// a[q] holds in its halves the lanes of sums 2 q and 2 q + 1, q < Lanes / 2: the sums in order.
template <std::size_t Lanes, class V, std::size_t... I>
ASHLAR_INLINE V sum_pairs(V const* a, std::index_sequence<I...> all) noexcept {
  constexpr bool pairs = sizeof(a[0][0]) == 8;
  V s;
  if constexpr (Lanes == 2) {
    s = a[0];
  } else if constexpr (Lanes == 4 && pairs) {
    s = __builtin_shufflevector(a[0], a[1], 0, 4, 2, 6) + __builtin_shufflevector(a[0], a[1], 1, 5, 3, 7);
  } else if constexpr (Lanes == 4) {
    return add_halves<2>(a[0], a[1], all);
  } else if constexpr (Lanes == 8 && pairs) {
    V const c0 = add_halves<4>(a[0], a[2], all);
    V const c1 = add_halves<4>(a[1], a[3], all);
    s = __builtin_shufflevector(c0, c1, 0, 8, 4, 12, 2, 10, 6, 14) +
        __builtin_shufflevector(c0, c1, 1, 9, 5, 13, 3, 11, 7, 15);
    return __builtin_shufflevector(s, s, 0, 2, 1, 3, 4, 6, 5, 7);
  } else if constexpr (Lanes == 8) {
    return in_order(join_pairs(add_halves<4>(a[0], a[1], all), add_halves<4>(a[2], a[3], all), all), all);
  } else {
    V c[4];
    ASHLAR_UNROLL
    for (std::size_t i = 0; i < 4; ++i) c[i] = add_halves<8>(a[i], a[i + 4], all);
    s = add_halves<2>(add_halves<4>(c[0], c[1], all), add_halves<4>(c[2], c[3], all), all);
  }
  return __builtin_shufflevector(s, s, unzip_lane<Lanes>(I)...);
}

/// out[j] = init[j] + sum of the lanes of a[j], j < Count, with the tree of sum_each.
template <class T, std::size_t Lanes, std::size_t Count, class V>
ASHLAR_INLINE void add_sums(V const* a, T const* init, T* out) noexcept {
  if constexpr (Count >= Lanes) {
    typedef T U __attribute__((vector_size(Lanes * sizeof(T)), aligned(alignof(T)), may_alias));
    V const s = sum_each<Lanes>(a) + *reinterpret_cast<U const*>(init);
    *reinterpret_cast<U*>(out) = s;
    add_sums<T, Lanes, Count - Lanes>(a + Lanes, init + Lanes, out + Lanes);
  } else if constexpr (Count > 0) {
    if constexpr (Lanes == 2) {
      *out = *init + (a[0][0] + a[0][1]);
    } else {
      constexpr auto half = std::make_index_sequence<Lanes / 2>{};
      typedef T H __attribute__((vector_size(Lanes / 2 * sizeof(T))));
      H b[Count];
      ASHLAR_UNROLL
      for (std::size_t j = 0; j < Count; ++j) b[j] = slice<0>(a[j], half) + slice<Lanes / 2>(a[j], half);
      add_sums<T, Lanes / 2, Count>(b, init, out);
    }
  }
}

}  // namespace detail::ASHLAR_LEVEL_NAMESPACE
}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels

#endif
