// Ashlar: where an optimizer keeps what it remembers of each trained parameter.  SPDX-License-Identifier: BSL-1.0
//
// If all parameters are trained this is another object of the network's type. If some are frozen it holds the
// trainable runs one behind the other, and nothing for the rest.
#pragma once

#include <ashlar/reflect/manifest.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/train/runs.hpp>

#include <array>
#include <cstddef>
#include <type_traits>

namespace ashlar {
namespace detail {

template <class Net>
constexpr bool has_frozen_parameters() {
  if constexpr (is_storable<Net>) {
    for (Row const& row : manifest<Net>()) {
      if (row.frozen) return true;
    }
  }
  return false;
}

template <class Net>
constexpr std::size_t packed_bytes() {
  std::size_t bytes = 0;
  for (Run const& run : runs<Net>) {
    bytes = (run.packed + run.count * size_of(run.dtype) + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
  }
  return bytes;
}

}  // namespace detail

/// The trained parameters of a Net, without the frozen ones: zeros, moments.
/// Keys    those of the parameters, by which `find` and `get` give the elements.
template <class Net>
struct alignas(detail::tensor_alignment) TrainedState {
  std::byte bytes[detail::packed_bytes<Net>() == 0 ? 1 : detail::packed_bytes<Net>()];

  constexpr TrainedState& operator*() { return *this; }
  constexpr TrainedState const& operator*() const { return *this; }
};

/// A State<Net>, or for a Net with frozen parameters a TrainedState.
template <class Net>
using Moments = std::conditional_t<detail::has_frozen_parameters<Net>(), TrainedState<Net>, State<Net>>;

namespace detail {

template <class Net>
constexpr auto trained_rows() {
  constexpr auto const& all = manifest<Net>();
  constexpr std::size_t count = [] {
    std::size_t n = 0;
    for (Row const& row : manifest<Net>()) n += row.is_trained();
    return n;
  }();
  std::array<Row, count> out{};
  std::array<std::ptrdiff_t, all.size()> place{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    place[i] = static_cast<std::ptrdiff_t>(n);
    if (all[i].is_trained()) out[n++] = all[i];
  }
  for (Row& row : out) {
    row.kind = Kind::buffer;
    row.moment = true;
    row.offset = packed_offset<Net>(row.offset);
    if (row.is_alias()) row.alias_of = place[static_cast<std::size_t>(row.alias_of)];
  }
  return out;
}
template <class Net>
inline constexpr auto rows_of_trained = trained_rows<Net>();

template <class Net>
struct CustomRows<TrainedState<Net>> {
  static constexpr bool specialised = true;
  static constexpr auto const& rows() { return rows_of_trained<Net>; }
};

template <class Net>
inline constexpr bool is_packed<TrainedState<Net>> = true;

}  // namespace detail
}  // namespace ashlar
