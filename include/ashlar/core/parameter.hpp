// Ashlar: the tensors a network stores: Parameter, Buffer, Constant.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar {

/// What a stored tensor is for. The numbers are those of schemas/ashlar.fbs and never change.
enum class Kind : std::uint8_t {
  parameter = 0,  ///< trained; in a state_dict
  buffer = 1,     ///< not trained; in a state_dict (running_mean, num_batches_tracked)
  constant = 2,   ///< not trained; not in a state_dict, but in an .ashlar file
  scalar = 3,     ///< an arithmetic or enum member (epoch, step, p)
};

/// Elements stored inline, so that the struct that holds them is the segment in the file.
///
/// Memory  an aggregate, trivially copyable, aligned to 64 bytes; the last cache line is padded.
/// Errors  compile time: an extent that is `dyn`, an element that is no number.
template <Kind K, class T, std::size_t... E>
struct alignas(detail::tensor_alignment) Stored {
  static_assert(Element<T>, "ashlar: the elements of a Parameter are numbers");
  static_assert(((E != dyn) && ...), "ashlar: a Parameter lies inside its struct, so its extents are static");
  static_assert(sizeof...(E) <= max_rank, "ashlar: a tensor has at most 8 dimensions");

  using value_type = T;
  using dims_type = Dims<E...>;
  using device = Cpu;
  static constexpr Kind kind = K;

  T elements[dims_type::static_numel == 0 ? 1 : dims_type::static_numel];

  [[nodiscard]] constexpr T* data() { return elements; }
  [[nodiscard]] constexpr T const* data() const { return elements; }
  [[nodiscard]] static constexpr dims_type dims() { return {}; }
  [[nodiscard]] static constexpr std::size_t numel() { return dims_type::static_numel; }
  [[nodiscard]] static constexpr std::size_t size(std::size_t d) { return dims_type{}.size(d); }
  [[nodiscard]] static constexpr Extents shape() { return dims_type{}.value(); }
  [[nodiscard]] constexpr std::span<T> span() { return {elements, numel()}; }
  [[nodiscard]] constexpr std::span<T const> span() const { return {elements, numel()}; }
  [[nodiscard]] constexpr T* begin() { return elements; }
  [[nodiscard]] constexpr T* end() { return elements + numel(); }
  [[nodiscard]] constexpr T const* begin() const { return elements; }
  [[nodiscard]] constexpr T const* end() const { return elements + numel(); }

  template <class... I>
  constexpr T& operator()(I... index) {
    return elements[detail::offset_of(dims_type{}, index...)];
  }
  template <class... I>
  constexpr T const& operator()(I... index) const {
    return elements[detail::offset_of(dims_type{}, index...)];
  }
  constexpr void fill(T value) {
    for (T& e : span()) e = value;
  }

  [[nodiscard]] constexpr View<T, E...> view() { return {elements}; }
  [[nodiscard]] constexpr View<T const, E...> view() const { return {elements}; }
};

/// A tensor that is trained: in PyTorch, nn.Parameter.
template <class T, std::size_t... E>
using Parameter = Stored<Kind::parameter, T, E...>;

/// A tensor that is state but not trained: in PyTorch, register_buffer.
template <class T, std::size_t... E>
using Buffer = Stored<Kind::buffer, T, E...>;

/// A tensor that never changes. A PyTorch state_dict loses it (a plain attribute); an .ashlar file keeps it.
template <class T, std::size_t... E>
using Constant = Stored<Kind::constant, T, E...>;

namespace detail {
template <class T>
inline constexpr bool is_stored = false;
template <Kind K, class T, std::size_t... E>
inline constexpr bool is_stored<Stored<K, T, E...>> = true;
}  // namespace detail

}  // namespace ashlar
