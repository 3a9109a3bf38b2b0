// Ashlar: traced values, what a network computes with while it is trained.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/tensor.hpp>

#include <cstddef>
#include <type_traits>

namespace ashlar {

struct Rng;

/// Contexts of a traced value: whether layers such as Dropout behave as in training or as in evaluation.
struct Training {};
struct Evaluation {};

namespace detail {

/// One op of a recording: what to run on the way back. Lies in the tape's arena, followed by the op's own data.
struct Node {
  void (*pullback)(Node*) = nullptr;
  Node* before = nullptr;
};

class TapeCore;

}  // namespace detail

/// A value of a forward pass that is being recorded, with the place of its gradient. A small handle: copies refer to
/// the same value. Valid until the tape's next recording.
template <class Context, class T, std::size_t... E>
class Traced {
 public:
  using value_type = T;
  using dims_type = Dims<E...>;
  using device = Cpu;
  using context = Context;

  Traced(detail::TapeCore* tape, T* value, T* grad, dims_type const& dims)
      : tape_(tape), value_(value), grad_(grad), dims_(dims) {}

  [[nodiscard]] T const* data() const { return value_; }
  [[nodiscard]] dims_type const& dims() const { return dims_; }
  [[nodiscard]] std::size_t numel() const { return dims_.numel(); }
  [[nodiscard]] std::size_t size(std::size_t d) const { return dims_.size(d); }
  [[nodiscard]] Extents shape() const { return dims_.value(); }
  [[nodiscard]] View<T const, E...> view() const { return {value_, dims_}; }
  [[nodiscard]] T const* begin() const { return value_; }
  [[nodiscard]] T const* end() const { return value_ + numel(); }

  template <class... I>
  T const& operator()(I... index) const {
    return value_[detail::offset_of(dims_, index...)];
  }
  /// The value of one element, for branches and loops in a forward, and to report a loss.
  [[nodiscard]] T item() const {
    if (numel() != 1) throw Error(Errc::shape, "item() needs one element but the shape is " + to_string(shape()));
    return *value_;
  }

  /// The gradient after `backward`; null pointer inside if none flows here.
  [[nodiscard]] View<T const, E...> grad() const { return {grad_, dims_}; }
  [[nodiscard]] bool requires_grad() const { return grad_ != nullptr; }

  [[nodiscard]] detail::TapeCore* tape() const { return tape_; }
  [[nodiscard]] T* grad_data() const { return grad_; }

 private:
  detail::TapeCore* tape_;
  T* value_;
  T* grad_;
  dims_type dims_;
};

namespace detail {

template <class X>
inline constexpr bool is_traced = false;
template <class C, class T, std::size_t... E>
inline constexpr bool is_traced<Traced<C, T, E...>> = true;

/// True for a value whose ops are recorded, on whatever device.
template <class X>
inline constexpr bool is_recorded = is_traced<X>;

/// True for a traced value in a training pass: where layers such as Dropout and BatchNorm differ from evaluation.
template <class X>
inline constexpr bool is_training = false;
template <class T, std::size_t... E>
inline constexpr bool is_training<Traced<Training, T, E...>> = true;

template <class X>
inline constexpr bool is_tensor = is_stored<X>;
template <class T, class D, std::size_t... E>
inline constexpr bool is_tensor<BasicTensor<T, D, E...>> = true;
template <class T, std::size_t... E>
inline constexpr bool is_tensor<View<T, E...>> = true;
template <class C, class T, std::size_t... E>
inline constexpr bool is_tensor<Traced<C, T, E...>> = true;

}  // namespace detail

/// Tensors of every kind: Tensor, View, Parameter, Buffer, Constant, and traced values.
template <class X>
concept TensorLike = detail::is_tensor<std::remove_cvref_t<X>>;

}  // namespace ashlar
