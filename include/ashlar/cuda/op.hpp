// Ashlar: how ops run on a CUDA device.  SPDX-License-Identifier: BSL-1.0
//
// An op is the same struct on every device (grad/op.hpp). Its DeviceOp says which kernels it is there.
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/cuda/traced.hpp>
#include <ashlar/grad/op.hpp>

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ashlar::detail {

/// The form of an Op on a device: a trivially copyable aggregate. Specialised in cuda/ops/, and by who writes an op:
///
///   Op op;                                                          and what is kept for the way back
///   void forward(CudaLauncher& on, View<T, F...> y, View<T const, E...> x...);
///   void pullback(CudaLauncher& on, View<T const, F...> dy, View<T const, F...> y, Operand<T, E...> x...) const;
///                                                                   adds to each x.grad that is not null
///   void prepare(CudaRun& run, View<T const, E...> x...);           optional: take memory, before forward
///   auto output(View<T const, E...> x...) const;                    optional: where op.output reads elements
///
/// All data is on the device: the host sees sizes and addresses, and reads nothing.
template <class Op>
struct DeviceOp;

template <class Op>
struct DeviceOpMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    s.add("ashlar: ").add(called<Op>()).add(" has no kernel for cuda yet: copy what it takes with to<Cpu>(x)");
    return s;
  }();
};

template <class C, class T, std::size_t... E, class... Rest>
struct ContextOf<CudaTraced<C, T, E...>, Rest...> {
  using type = C;
};

template <class X>
constexpr CudaRun* run_of(X const& x) {
  if constexpr (runs_on_cuda<X>) {
    return &x.run();
  } else {
    return nullptr;
  }
}

/// Error: device, unless all lie on one.
template <class X, class... Rest>
int same_ordinal(X const& x, Rest const&... rest) {
  if (((x.ordinal() != rest.ordinal()) || ...)) {
    throw Error(Errc::device, "an op got values on " + to_string(Cuda{x.ordinal()}) + " and another device");
  }
  return x.ordinal();
}

/// An argument as an operand of a run. A recording copies what a tensor owns, because it may be gone by the way back.
template <class T, std::size_t... E>
Operand<T, E...> device_operand(CudaRun& run, BasicTensor<T, Cuda, E...> const& x, bool recorded) {
  T const* const data = recorded ? run.copy_of(x.device_data(), x.numel()) : x.device_data();
  return {View<T const, E...>(data, x.dims()), nullptr};
}
template <class C, class T, std::size_t... E>
Operand<T, E...> device_operand(CudaRun&, CudaTraced<C, T, E...> const& x, bool) {
  return {device_view(x), x.device_grad()};
}
template <class P>
  requires(requires { P::kind; })
auto device_operand(CudaRun& run, P const& x, bool recorded) {
  return stored_operand(run, const_view(x), P::kind == Kind::parameter && recorded);
}
template <class T, std::size_t... E>
Operand<T, E...> stored_operand(CudaRun& run, View<T const, E...> x, bool trained) {
  return {View<T const, E...>(run.on_device(x.data()), x.dims()), trained ? run.tape().grad_of(x.data()) : nullptr};
}

template <class Op, class Y, class... Operands>
struct DeviceOpNode;
template <class Op, class T, std::size_t... E, class... Operands>
struct DeviceOpNode<Op, Like<T, E...>, Operands...> : Node {
  CudaRun* run;
  DeviceOp<Op> op;
  View<T const, E...> y;
  View<T const, E...> dy;
  std::tuple<Operands...> operands;

  DeviceOpNode(CudaRun& r, DeviceOp<Op> const& o, View<T const, E...> value, View<T const, E...> grad,
               std::tuple<Operands...> const& in)
      : Node{&back, nullptr}, run(&r), op(o), y(value), dy(grad), operands(in) {}

  static void back(Node* base) {
    auto* const self = static_cast<DeviceOpNode*>(base);
    CudaLauncher on = self->run->launcher();
    std::apply([&](Operands const&... x) { self->op.pullback(on, self->dy, self->y, x...); }, self->operands);
  }
};

/// See grad/op.hpp: `apply`.
template <class Op>
struct CudaApply<Op, void> {
  template <class... X>
  static auto run(Op const& host_op, X const&... x) {
    if constexpr (!requires { sizeof(DeviceOp<Op>); }) {
      refuse<DeviceOpMistake<Op>>();
      return first_value(x...);
    } else {
      DeviceOp<Op> op{host_op};
      if constexpr ((runs_on_cuda<X> || ...)) {
        return inside(op, x...);
      } else {
        return outside(op, x...);
      }
    }
  }

 private:
  template <class X, class... Rest>
  static X first_value(X const& x, Rest const&...) {
    return std::move(const_cast<X&>(x));  // never run
  }

  template <class... V>
  static auto output(DeviceOp<Op> const& op, V const&... x) {
    if constexpr (requires { op.output(x...); }) {
      return op.output(x...);
    } else {
      return op.op.output(x...);
    }
  }
  template <class Y, class... V>
  static void forward(CudaRun& run, DeviceOp<Op>& op, Y y, V const&... x) {
    InStream const here = run.in_stream();
    if constexpr (requires { op.prepare(run, x...); }) op.prepare(run, x...);
    CudaLauncher on = run.launcher();
    op.forward(on, y, x...);
  }

  /// Tensors in, a tensor out.
  template <class... X>
  static auto outside(DeviceOp<Op>& op, X const&... x) {
    int const ordinal = same_ordinal(x...);
    auto y = make_on_device(ordinal, output(op, device_view(x)...));
    InferenceRun here(ordinal, nullptr, 0, nullptr);
    forward(here.run(), op, mutable_view(y), device_view(x)...);
    return y;
  }
  template <class T, std::size_t... E>
  static BasicTensor<T, Cuda, E...> make_on_device(int ordinal, Like<T, E...> const& like) {
    std::size_t bytes = sizeof(T) * Dims<E...>::static_numel;
    if constexpr (Dims<E...>::dyn_count != 0) bytes = checked_bytes<T>(like.dims);
    return {CudaMemory::allocate(Cuda{ordinal}, bytes).value(), like.dims};
  }
  template <class T, std::size_t... E>
  static View<T, E...> mutable_view(BasicTensor<T, Cuda, E...>& y) {
    return {y.device_data(), y.dims()};
  }

  /// In a network: the result is a value of its run.
  template <class... X>
  static auto inside(DeviceOp<Op>& op, X const&... x) {
    using Context = typename ContextOf<X...>::type;
    constexpr bool recorded = !std::is_same_v<Context, Inference>;
    CudaRun* at = nullptr;
    ((at = at != nullptr ? at : run_of(x)), ...);
    CudaRun& run = *at;
    std::tuple operands{device_operand(run, x, recorded)...};
    return std::apply(
        [&](auto const&... o) { return record<Context>(run, op, output(op, const_view(o)...), operands, o...); },
        operands);
  }
  template <class Context, class T, std::size_t... E, class Operands, class... O>
  static auto record(CudaRun& run, DeviceOp<Op>& op, Like<T, E...> const& like, Operands const& operands,
                     O const&... x) {
    std::size_t const n = like.dims.numel();
    View<T, E...> const y(run.allocate<T>(n), like.dims);
    forward(run, op, y, const_view(x)...);
    T* grad = nullptr;
    if constexpr (!std::is_same_v<Context, Inference>) {
      if (((x.grad != nullptr) || ...)) {
        grad = run.allocate_zeros<T>(n);
        run.tape().push(DeviceOpNode<Op, Like<T, E...>, O...>(run, op, y, {grad, like.dims}, operands));
      }
    }
    return CudaTraced<Context, T, E...>(&run, y.data(), grad, like.dims);
  }
};

}  // namespace ashlar::detail
