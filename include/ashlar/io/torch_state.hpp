// Ashlar: networks and optimizers as the dicts that PyTorch has of them.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/calls.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/layout.hpp>

namespace ashlar {
namespace detail {

ASHLAR_IO_FUNCTION Value torch_state_of(Layout const& layout, void const* object);
ASHLAR_IO_FUNCTION Value torch_optimizer_state_of(Layout const& layout, void const* optimizer, Layout const& net);

}  // namespace detail

/// The state_dict of a network, for a checkpoint: its parameters and buffers under PyTorch's keys. The tensors are
/// views of `net`, which has to outlive them. Usage   save_torch("at.pt", Value::dict({{Value("model"),
/// torch_state_dict(*net)},
///                                          {Value("optimizer"), torch_optimizer_state(*adam, *net)}}));
template <class Net>
Value torch_state_dict(Net const& net) {
  return detail::torch_state_of(layout_of<Net>(), &net);
}

/// The state_dict of an optimizer over all parameters of a network, as torch.optim's class of the same name has it, so
/// that its load_state_dict goes on from there: {state: {0: {step, exp_avg, ...}, ...}, param_groups: [{lr, ...}]}, by
/// position of the parameter in net.parameters(). The moments are views of `optimizer`, which has to outlive them.
///
/// Parameters that are frozen count as positions, and have no state.
template <class Optimizer, class Net>
Value torch_optimizer_state(Optimizer const& optimizer, Net const&) {
  return detail::torch_optimizer_state_of(layout_of<Optimizer>(), &optimizer, layout_of<Net>());
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/torch_state_of.hpp>
#endif
