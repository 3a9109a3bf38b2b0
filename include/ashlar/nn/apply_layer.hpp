// Ashlar: the op of a layer, if what the layer was called with fits.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/nn/flow.hpp>

namespace ashlar::detail {

/// op of x and the layer's parameters. Traits are those of InputMistake. Errors  compile time, one sentence: values on
/// several devices; another dtype than the parameters'; extents that do not fit. After one it goes on with an x, so
/// that it stays the only error.
template <class Traits, class Op, class X, class... P>
auto apply_layer(Op const& op, X const& x, P const&... parameters) {
  if constexpr (!together<X, P...>()) {
    return refuse_device<Traits, X, P...>();
  } else if constexpr (!one_dtype<X, P...>()) {
    refuse<DtypeMistake<Traits, X, P...>>();
    return harmless(x, like<typename X::value_type>(x.dims()));
  } else if constexpr (!InputMistake<Traits, X>::value.empty()) {
    refuse<InputMistake<Traits, X>>();
    return harmless(x, like<typename X::value_type>(x.dims()));
  } else {
    return apply(op, x, parameters...);
  }
}

}  // namespace ashlar::detail
