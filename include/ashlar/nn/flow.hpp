// Ashlar: how extents flow through layers, as values the compiler computes with.  SPDX-License-Identifier: BSL-1.0
//
// Every edge of a network is checked with these before any layer is instantiated, so that one wrong number gives one
// error, about the user's members. A layer takes part by a static member `flow`; one without is taken on trust.
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/error.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/grad/device_check.hpp>
#include <ashlar/grad/trace.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// What is known of a value's extents: nothing; all of them (some may be `dyn`); or only the last ones.
struct Flow {
  bool known = false;
  bool open = false;  ///< leading extents, any number of them, are not known
  Extents extents{};

  static constexpr Flow nothing() { return {}; }
  static constexpr Flow all(Extents const& e) { return {true, false, e}; }
  /// (..., last)
  static constexpr Flow ends_with(std::size_t last) {
    Flow f{true, true, {}};
    f.extents.rank = 1;
    f.extents[0] = last;
    return f;
  }
  [[nodiscard]] constexpr bool has_last() const { return known && extents.rank > 0 && extents.back() != dyn; }
};

/// What a layer makes of a Flow: what comes out, or what it takes and what it got instead.
struct FlowStep {
  Flow out{};
  bool fits = true;
  std::size_t takes = 0;
  std::size_t gives = 0;
  char const* what = "features";
  char const* reason = nullptr;  ///< why no chain can run the layer, in place of takes and gives

  static constexpr FlowStep refused(std::size_t takes, std::size_t gives, char const* what) {
    return {Flow::nothing(), false, takes, gives, what};
  }
  /// Of a layer that returns more than the next one takes: "returns an output and a state: write ..."
  static constexpr FlowStep no_step(char const* reason) { return {Flow::nothing(), false, 0, 0, "", reason}; }
};

namespace detail {

/// (..., In) -> (..., Out): the flow of layers that work on the last dimension.
constexpr FlowStep flow_last(Flow const& in, std::size_t takes, std::size_t gives) {
  if (in.has_last() && in.extents.back() != takes) return FlowStep::refused(takes, in.extents.back(), "features");
  if (in.known && !in.open && in.extents.rank == 0) return FlowStep::refused(takes, 0, "features");
  FlowStep step;
  step.out = in.known ? in : Flow::ends_with(gives);
  step.out.extents[step.out.extents.rank - 1] = gives;
  return step;
}

/// The flow of a value of type X, as far as its type knows.
template <class X>
constexpr Flow flow_of() {
  return Flow::all(X::dims_type::type());
}

/// "(3, 4)", with `?` for dyn.
constexpr void add_shape(Sentence& s, Extents const& e) {
  s.add("(");
  for (std::size_t d = 0; d < e.rank; ++d) {
    if (d != 0) s.add(", ");
    if (e[d] == dyn) {
      s.add("?");
    } else {
      s.add(e[d]);
    }
  }
  s.add(")");
}

/// The mistake of calling a layer by hand with an X. Traits tell what the layer is called and does to extents:
///   static constexpr std::string_view name;
///   static constexpr auto map;                with flow(Flow)
template <class Traits, class X>
struct InputMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    FlowStep const step = Traits::map.flow(flow_of<X>());
    if (step.fits) return s;
    s.add("ashlar: ").add(Traits::name).add(" takes ").add(step.takes).add(" ").add(step.what);
    return s.add(" but the input has ").add(step.gives);
  }();
};

/// True if all hold elements of one type.
template <class X, class... P>
constexpr bool one_dtype() {
  return (std::is_same_v<element_t<X>, element_t<P>> && ...);
}

constexpr void add_dtypes(Sentence& s, DType takes, std::string_view who, DType gives) {
  s.add(" takes ").add(name_of(takes)).add(" but ").add(who).add(name_of(gives));
  s.add(": nothing is converted silently");
}

/// The mistake of calling Who, a layer or an op, with other elements than those of its parameters.
template <class Who, class X, class... P>
struct DtypeMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    [[maybe_unused]] auto const check = [&](std::string_view who, DType parameter) {
      if (!s.empty() || parameter == dtype_of<element_t<X>>) return;
      s.add("ashlar: ").add(who);
      add_dtypes(s, parameter, "the input is ", dtype_of<element_t<X>>);
    };
    (check(called<Who>(), dtype_of<element_t<P>>), ...);
    return s;
  }();
};

[[noreturn]] inline void throw_input(std::string_view name, FlowStep const& step, Extents const& shape) {
  std::string text(name);
  text.append(" takes ").append(std::to_string(step.takes)).append(" ").append(step.what);
  text.append(" but the input has ").append(std::to_string(step.gives)).append(": its shape is ");
  throw Error(Errc::shape, text.append(to_string(shape)));
}

/// The same at run time, for what `dyn` hid from the compiler. Error: shape.
template <class Traits, std::size_t... E>
void check_input(Dims<E...> const& dims) {
  if constexpr (Dims<E...>::dyn_count != 0) {
    FlowStep const step = Traits::map.flow(Flow::all(dims.value()));
    if (!step.fits) throw_input(Traits::name, step, dims.value());
  }
}

/// Checks at run time what `dyn` hid from the compiler. Error: shape.
inline void check_last(Extents const& shape, std::size_t takes, char const* layer) {
  if (shape.rank != 0 && shape.back() == takes) return;
  throw Error(Errc::shape, std::string(layer) + " takes " + std::to_string(takes) +
                               " features in the last dimension but the shape is " + to_string(shape));
}

}  // namespace detail

using detail::flow_last;  // for the `flow` of a layer of one's own

}  // namespace ashlar
