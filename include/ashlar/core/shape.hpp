// Ashlar: extents that are known to the compiler, and extents that are not.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <type_traits>

namespace ashlar {

/// An extent that is known only at run time: a batch, a sequence.
inline constexpr std::size_t dyn = static_cast<std::size_t>(-1);

/// Input features that the compiler fills in: `Linear<infer, 10>` in a Sequential takes what the layer before it gives
/// (nn/infer.hpp). PyTorch's LazyLinear.
inline constexpr std::size_t infer = dyn - 1;

/// The highest rank of a tensor.
inline constexpr std::size_t max_rank = 8;

/// A shape as a value: what manifests, files and error messages hold. Extents may be `dyn`.
struct Extents {
  std::size_t rank = 0;
  std::array<std::size_t, max_rank> extent{};

  constexpr std::size_t operator[](std::size_t d) const { return extent[d]; }
  constexpr std::size_t& operator[](std::size_t d) { return extent[d]; }
  [[nodiscard]] constexpr std::size_t back() const { return extent[rank - 1]; }

  /// Number of elements; 1 for rank 0.
  [[nodiscard]] constexpr std::size_t numel() const {
    std::size_t n = 1;
    for (std::size_t d = 0; d < rank; ++d) n *= extent[d];
    return n;
  }
  friend constexpr bool operator==(Extents const& a, Extents const& b) {
    if (a.rank != b.rank) return false;
    for (std::size_t d = 0; d < a.rank; ++d) {
      if (a.extent[d] != b.extent[d]) return false;
    }
    return true;
  }
};

/// "(256, 20)", "(5,)", "()": PyTorch's tuples, `?` for dyn.
__attribute__((cold, noinline)) inline std::string to_string(Extents const& e) {
  std::string s = "(";
  for (std::size_t d = 0; d < e.rank; ++d) {
    if (d != 0) s.append(", ");
    if (e[d] == dyn) s.append("?");
    else s.append(std::to_string(e[d]));
  }
  return s.append(e.rank == 1 ? ",)" : ")");
}

/// The extents of one tensor: static ones in the type, `dyn` ones as members.
template <std::size_t... E>
struct Dims {
  static constexpr std::size_t rank = sizeof...(E);
  static constexpr std::size_t dyn_count = (std::size_t{0} + ... + (E == dyn ? 1 : 0));
  static constexpr bool is_static = dyn_count == 0;
  static constexpr std::array<std::size_t, rank> extents{E...};

  /// True if an extent is not filled in yet. Such a type can be named and costs nothing, and no network holds it.
  static constexpr bool has_infer = ((E == infer) || ...);

  /// Product of the static extents; the number of elements if `is_static`.
  static constexpr std::size_t static_numel = (std::size_t{1} * ... * (E == dyn || E == infer ? 1 : E));

  std::array<std::size_t, dyn_count == 0 ? 1 : dyn_count> dynamic{};

  [[nodiscard]] constexpr std::size_t size(std::size_t d) const {
    if (extents[d] != dyn) return extents[d];
    std::size_t at = 0;
    for (std::size_t i = 0; i < d; ++i) at += extents[i] == dyn ? std::size_t{1} : std::size_t{0};
    return dynamic[at];
  }
  [[nodiscard]] constexpr std::size_t numel() const {
    std::size_t n = static_numel;
    if constexpr (dyn_count != 0) {
      for (std::size_t i = 0; i < dyn_count; ++i) n *= dynamic[i];
    }
    return n;
  }
  [[nodiscard]] constexpr Extents value() const {
    Extents e{rank, {}};
    for (std::size_t d = 0; d < rank; ++d) e[d] = size(d);
    return e;
  }
  /// The extents as the type knows them: `dyn` where only the value knows.
  static constexpr Extents type() {
    Extents e{rank, {}};
    for (std::size_t d = 0; d < rank; ++d) e[d] = extents[d];
    return e;
  }
};

template <>
struct Dims<> {
  static constexpr std::size_t rank = 0;
  static constexpr std::size_t dyn_count = 0;
  static constexpr bool is_static = true;
  static constexpr bool has_infer = false;
  static constexpr std::array<std::size_t, 0> extents{};
  static constexpr std::size_t static_numel = 1;
  [[nodiscard]] static constexpr std::size_t size(std::size_t) { return 1; }
  [[nodiscard]] static constexpr std::size_t numel() { return 1; }
  [[nodiscard]] static constexpr Extents value() { return {}; }
  static constexpr Extents type() { return {}; }
};

namespace detail {

/// The same as a value, without a class for each shape.
template <std::size_t... E>
constexpr Extents extents_of() {
  Extents e{sizeof...(E), {}};
  [[maybe_unused]] std::size_t d = 0;
  ((e[d++] = E), ...);
  return e;
}

template <class D, std::size_t Last>
struct WithLast;
template <std::size_t... E, std::size_t Last>
struct WithLast<Dims<E...>, Last> {
  template <class Indices>
  struct Make;
  template <std::size_t... I>
  struct Make<std::index_sequence<I...>> {
    using type = Dims<(I + 1 == sizeof...(E) ? Last : E)...>;
  };
  using type = typename Make<std::make_index_sequence<sizeof...(E)>>::type;
};

}  // namespace detail

/// (..., E) -> (..., Last), run-time extents kept. `Last` is static.
template <std::size_t Last, std::size_t... E>
constexpr auto with_last(Dims<E...> const& from) {
  typename detail::WithLast<Dims<E...>, Last>::type to{};
  if constexpr (decltype(to)::dyn_count != 0) {
    for (std::size_t i = 0; i < to.dyn_count; ++i) to.dynamic[i] = from.dynamic[i];
  }
  return to;
}

}  // namespace ashlar
