// Ashlar: settings and extents of layers that move a window: convolutions and pools.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/shape.hpp>
#include <ashlar/kernels/window.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <cstddef>
#include <utility>

namespace ashlar {

/// A number for the rows and one for the columns of an image; one number stands for both: `5`, `Size2{3, 5}`.
struct Size2 {
  std::size_t rows;
  std::size_t columns;

  constexpr Size2(std::size_t both) : rows(both), columns(both) {}
  constexpr Size2(std::size_t r, std::size_t c) : rows(r), columns(c) {}
  friend constexpr bool operator==(Size2 const&, Size2 const&) = default;
};

namespace detail {

/// `5` or `{3, 5}`: in a place where the type is known.
constexpr void spell(Spelling& s, Size2 const& v) {
  if (v.rows == v.columns) return s.put(v.rows);
  s.put("{");
  s.put(v.rows);
  s.put(", ");
  s.put(v.columns);
  s.put("}");
}
/// As a template argument.
constexpr void spell_argument(Spelling& s, Size2 const& v) {
  if (v.rows != v.columns) s.put("Size2");
  spell(s, v);
}

/// The last extents of a flow, at least so many; those it does not know are dyn.
constexpr Flow at_least(Flow const& from, std::size_t rank) {
  Flow to{true, true, {}};
  to.extents.rank = rank;
  for (std::size_t d = 0; d < rank; ++d) to.extents[d] = dyn;
  std::size_t const known = from.known ? from.extents.rank : 0;
  for (std::size_t d = 0; d < known; ++d) to.extents[rank - known + d] = from.extents[d];
  return to;
}

/// What a layer that moves a window does to extents (..., channels, rows, columns), or (..., channels, columns).
struct Windows {
  kernels::Window rows{};
  kernels::Window columns{};
  std::size_t spatial = 2;  ///< 2: rows and columns; 1: columns
  std::size_t in = dyn;     ///< channels it takes; dyn: any
  std::size_t out = dyn;    ///< channels it gives; dyn: those it got
  Size2 adaptive = 0;       ///< rows and columns it gives, whatever it got; 0: what the windows give

  /// What comes out where n goes in, `back` places before the last extent. dyn where n is, and the result depends on
  /// it.
  [[nodiscard]] constexpr std::size_t extent(std::size_t back, std::size_t n) const {
    if (back == spatial && out != dyn) return out;
    if (back >= spatial) return n;
    if (std::size_t const given = back == 0 ? adaptive.columns : adaptive.rows; given != 0) return given;
    return n == dyn ? dyn : along(back).count(n);
  }
  [[nodiscard]] constexpr FlowStep flow(Flow const& in_flow) const {
    Flow from = in_flow;
    if (!from.known || (from.open && from.extents.rank <= spatial)) from = at_least(from, spatial + 1);
    Extents const e = from.extents;
    if (e.rank <= spatial) return FlowStep::refused(spatial + 1, e.rank, "or more dimensions");
    std::size_t const channels = e[e.rank - 1 - spatial];
    if (in != dyn && channels != dyn && channels != in) return FlowStep::refused(in, channels, "channels");
    FlowStep step{from};
    for (std::size_t back = 0; back <= spatial; ++back) {
      std::size_t const n = e[e.rank - 1 - back];
      if (back < spatial && n != dyn && !along(back).fits(n)) {
        char const* const what = spatial == 1 ? "or more elements" : back == 0 ? "or more columns" : "or more rows";
        return FlowStep::refused(along(back).span() - along(back).before - along(back).after, n, what);
      }
      step.out.extents[e.rank - 1 - back] = extent(back, n);
    }
    return step;
  }

 private:
  [[nodiscard]] constexpr kernels::Window const& along(std::size_t back) const { return back == 0 ? columns : rows; }
};

/// Extents after the layer: in the type what the type knows, the others computed. Error: shape, where only the value
/// knows that the input does not fit.
template <class Traits, std::size_t... E>
auto window_dims(Dims<E...> const& from) {
  check_input<Traits>(from);
  constexpr std::size_t rank = sizeof...(E);
  return [&]<std::size_t... D>(std::index_sequence<D...>) {
    Dims<Traits::map.extent(rank - 1 - D, E)...> to{};
    if constexpr (to.dyn_count != 0) {
      std::size_t at = 0;
      ((Traits::map.extent(rank - 1 - D, E) == dyn
            ? void(to.dynamic[at++] = Traits::map.extent(rank - 1 - D, from.size(D)))
            : void()),
       ...);
    }
    return to;
  }(std::make_index_sequence<rank>{});
}

/// Extent of an image, `back` places before the last; 1 where the layer has no rows.
template <class Traits, class X>
std::size_t image_extent(X const& x, std::size_t back) {
  return back < Traits::spatial ? x.size(X::dims_type::rank - 1 - back) : 1;
}

}  // namespace detail
}  // namespace ashlar
