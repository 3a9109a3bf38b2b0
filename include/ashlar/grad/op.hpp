// Ashlar: ops, functions with a pullback. Adding one is writing one struct.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/device_check.hpp>
#include <ashlar/grad/tape.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <cstddef>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ashlar {

/// What an op returns: element type, extents in the type, run-time extents as a value.
template <class T, std::size_t... E>
struct Like {
  Dims<E...> dims{};
};

/// An input of a pullback: its value, and where its gradient is collected (null if none is wanted).
template <class T, std::size_t... E>
struct Operand : View<T const, E...> {
  T* grad;
  Operand(View<T const, E...> view, T* g) : View<T const, E...>(view), grad(g) {}
};

namespace detail {

template <class T, std::size_t... E>
Like<T, E...> like(Dims<E...> const& dims) {
  return {dims};
}

template <class T, std::size_t... E>
Tensor<T, E...> make_like(Like<T, E...> const& like) {
  return Tensor<T, E...>(uninitialized_t{}, like.dims);
}

template <class T, class D, std::size_t... E>
View<T const, E...> const_view(BasicTensor<T, D, E...> const& x) {
  return x.view();
}
template <class T, std::size_t... E>
View<std::remove_const_t<T> const, E...> const_view(View<T, E...> const& x) {
  return x;
}
template <Kind K, class T, std::size_t... E>
View<T const, E...> const_view(Stored<K, T, E...> const& x) {
  return x.view();
}
template <class C, class T, std::size_t... E>
View<T const, E...> const_view(Traced<C, T, E...> const& x) {
  return x.view();
}

template <class X>
constexpr TapeCore* tape_of(X const& x) {
  if constexpr (is_traced<X>) {
    return x.tape();
  } else {
    return nullptr;
  }
}

template <class... X>
struct ContextOf;
template <class X, class... Rest>
struct ContextOf<X, Rest...> : ContextOf<Rest...> {};
template <class C, class T, std::size_t... E, class... Rest>
struct ContextOf<Traced<C, T, E...>, Rest...> {
  using type = C;
};

/// An argument as an operand of a recording. What a Tensor owns is copied, because it may be gone by the way back;
/// parameters and views are used where they lie.
template <class T, class D, std::size_t... E>
Operand<T, E...> operand(TapeCore& tape, BasicTensor<T, D, E...> const& x) {
  T* const copy = tape.allocate<T>(x.numel());
  std::memcpy(static_cast<void*>(copy), x.data(), x.numel() * sizeof(T));
  return {View<T const, E...>(copy, x.dims()), nullptr};
}
template <class T, std::size_t... E>
Operand<std::remove_const_t<T>, E...> operand(TapeCore&, View<T, E...> const& x) {
  return {x, nullptr};
}
template <Kind K, class T, std::size_t... E>
Operand<T, E...> operand(TapeCore& tape, Stored<K, T, E...> const& x) {
  return {x.view(), K == Kind::parameter ? tape.grad_of(x.data()) : nullptr};
}
template <class C, class T, std::size_t... E>
Operand<T, E...> operand(TapeCore&, Traced<C, T, E...> const& x) {
  return {x.view(), x.grad_data()};
}

template <class Op, class Y, class... Operands>
struct OpNode;
template <class Op, class T, std::size_t... E, class... Operands>
struct OpNode<Op, Like<T, E...>, Operands...> : Node {
  Op op;
  View<T const, E...> y;
  View<T const, E...> dy;
  std::tuple<Operands...> operands;

  OpNode(Op const& o, View<T const, E...> value, View<T const, E...> grad, std::tuple<Operands...> const& in)
      : Node{&run, nullptr}, op(o), y(value), dy(grad), operands(in) {}

  static void run(Node* base) {
    auto* const self = static_cast<OpNode*>(base);
    std::apply([self](Operands const&... x) { self->op.pullback(self->dy, self->y, x...); }, self->operands);
  }
};

struct HasPullback {
  void pullback();
};
template <class Op>
struct PullbackProbe : Op, HasPullback {};

/// True if Op has a member pullback, template or not: then naming it in a class that inherits a second is ambiguous.
template <class Op>
constexpr bool has_pullback() {
  return !requires { &PullbackProbe<Op>::pullback; };
}

template <class Op>
struct PullbackMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (!has_pullback<Op>()) s.add("ashlar: the op ").add(type_name<Op>()).add(" has no pullback to train through");
    return s;
  }();
};

[[noreturn]] inline void throw_two_tapes() {
  throw Error(Errc::value, "an op got values of two tapes: the gradients of one of them would be lost");
}

template <class Op, class T, std::size_t... E, class... X>
auto record(Op& op, Like<T, E...> const& like, X const&... x) {
  using Context = typename ContextOf<X...>::type;
  TapeCore* tape = nullptr;
  ((tape = tape != nullptr ? tape : tape_of(x)), ...);
  if constexpr (((is_traced<X> ? 1 : 0) + ...) > 1) {
    if (((is_traced<X> && tape_of(x) != tape) || ...)) throw_two_tapes();
  }
  std::tuple operands{operand(*tape, x)...};
  bool const wanted = std::apply([](auto const&... o) { return ((o.grad != nullptr) || ...); }, operands);
  std::size_t const n = like.dims.numel();
  View<T, E...> const y(tape->allocate<T>(n), like.dims);
  if constexpr (requires { op.prepare(*tape, const_view(x)...); }) op.prepare(*tape, const_view(x)...);
  std::apply([&](auto const&... o) { op.forward(y, const_view(o)...); }, operands);
  T* grad = nullptr;
  if (wanted) {
    grad = tape->allocate_zeros<T>(n);
    refuse<PullbackMistake<Op>>();
    if constexpr (has_pullback<Op>()) {
      tape->push(OpNode<Op, Like<T, E...>, decltype(operand(*tape, x))...>(op, y, {grad, like.dims}, operands));
    }
  }
  return Traced<Context, T, E...>(tape, y.data(), grad, like.dims);
}

template <class X>
inline constexpr bool is_parameter = false;
template <class X>
  requires(requires { X::kind; })
inline constexpr bool is_parameter<X> = X::kind == Kind::parameter;

[[noreturn]] inline void throw_not_recorded() {
  throw Error(Errc::value,
              "an op got a parameter but no traced value and is not recorded: in a forward with the input x, write "
              "on_tape_of(x, a) for one of its arguments a to train the parameter, or weight.view() for a parameter "
              "weight to use it as it is");
}

/// An op without a traced value has no tape among its arguments: its result would be a plain tensor, and its parameters
/// would silently not be trained. Inference reads one thread-local pointer. Error: value, in a forward that is being
/// recorded, for a parameter of the network that is not frozen.
template <class... X>
void check_recorded(X const&... x) {
  if (recording == nullptr) return;
  [[maybe_unused]] auto const is_minded = [](auto const& a) {
    using A = std::remove_cvref_t<decltype(a)>;
    if constexpr (requires { A::kind; }) return recording->minds(a.data(), is_parameter<A>);
    else return false;
  };
  if ((is_minded(x) || ...)) throw_not_recorded();
}

/// An op on plain tensors. A function of its own, because g++ 12 copies what is returned from an inner block: 1 KB, and
/// 10 ns of the 111 that 20-256-10 took for one row.
template <class Op, class... X>
auto compute(Op& op, X const&... x) {
  auto y = make_like(op.output(const_view(x)...));
  op.forward(y.view(), const_view(x)...);
  return y;
}

/// A value of the right type to go on with after a compile-time mistake, so that it stays the only error.
template <class X, class T, std::size_t... E>
auto harmless(X const& x, Like<T, E...> const& like) {
  if constexpr (is_traced<X>) {
    return Traced<typename X::context, T, E...>(x.tape(), nullptr, nullptr, like.dims);
  } else {
    return make_like(like);
  }
}

}  // namespace detail

/// Runs an op on tensors of any kind. With plain ones the result is a Tensor and nothing else happens; with traced ones
/// it is traced, and `pullback` is on the tape. An op is a trivially copyable struct with
///
///   auto output(View<T const, E...> x...) const;                  -> Like<T, F...>{dims}; throws if extents do not fit
///   void forward(View<T, F...> y, View<T const, E...> x...) const (or not const, to keep something for the way back);
///   void pullback(View<T const, F...> dy, View<T const, F...> y, Operand<T, E...> x...) const;
///                                                                  adds to each x.grad that is not null
///   void prepare(TapeCore&, View<T const, E...> x...);             optional: take memory from the tape, before forward
///
/// On a CUDA device it runs the op's DeviceOp (cuda/op.hpp).
/// Errors  compile time: values on two devices; the sentence names the op, by its static member `name` or by its
///         type. run time: value, for a parameter without a traced value in a forward that is being recorded, or that
///         runs on a device.
template <class Op, TensorLike... X>
auto apply(Op op, X const&... x) {
  if constexpr (!detail::together<X...>()) {
    return detail::refuse_device<Op, X...>();
  } else if constexpr (!detail::on_host<X...>()) {
    return detail::CudaApply<Op>::run(op, x...);
  } else if constexpr ((detail::is_traced<X> || ...)) {
    auto const like = op.output(detail::const_view(x)...);
    return detail::record(op, like, x...);
  } else {
    if constexpr ((detail::is_parameter<X> || ...)) detail::check_recorded(x...);
    return detail::compute(op, x...);
  }
}

/// A parameter on the tape of x, for what a layer computes without x: `x * exp(on_tape_of(x, log_scale))`.
/// With a plain x it is a View, and nothing is recorded.
template <TensorLike X, class T, std::size_t... E>
auto on_tape_of(X const& x, Parameter<T, E...> const& parameter) {
  if constexpr (detail::is_traced<X>) {
    T* const value = const_cast<T*>(parameter.data());  // which a traced value reads, and never writes
    return Traced<typename X::context, T, E...>(x.tape(), value, x.tape()->grad_of(parameter.data()), parameter.dims());
  } else if constexpr (detail::runs_on_cuda<X>) {
    return x.run().template traced<typename X::context>(parameter);
  } else {
    return parameter.view();
  }
}

/// A tensor of a layer's own on the tape of x, for what goes into another layer without x:
/// `x + position(on_tape_of(x, indices))`. It is copied and has no gradient. With a plain x it is a View.
template <TensorLike X, class T, class D, std::size_t... E>
auto on_tape_of(X const& x, BasicTensor<T, D, E...> const& tensor) {
  if constexpr (detail::is_traced<X>) {
    auto const copy = detail::operand(*x.tape(), tensor);
    return Traced<typename X::context, T, E...>(x.tape(), const_cast<T*>(copy.data()), nullptr, copy.dims());
  } else {
    return tensor.view();
  }
}
/// A temporary stays a value, so that nothing looks at what is gone.
template <TensorLike X, class T, class D, std::size_t... E>
auto on_tape_of(X const& x, BasicTensor<T, D, E...>&& tensor) {
  if constexpr (detail::is_traced<X>) {
    return on_tape_of(x, tensor);
  } else {
    return BasicTensor<T, D, E...>(std::move(tensor));
  }
}

}  // namespace ashlar
