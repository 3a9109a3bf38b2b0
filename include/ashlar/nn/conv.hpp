// Ashlar: Conv2d and Conv1d, convolutions of images and of sequences.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/conv/cpu.hpp>
#include <ashlar/nn/apply_layer.hpp>
#include <ashlar/nn/conv_parts.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/nn/window.hpp>
#include <ashlar/reflect/given_names.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

namespace ashlar {

/// Zeros around an image: `2`, `{0, 2}` for rows and columns, or `"same"`, which keeps the extents.
struct Padding {
  Size2 size;
  bool same = false;

  friend constexpr bool operator==(Padding const&, Padding const&) = default;
  constexpr Padding(std::size_t both) : size(both) {}
  constexpr Padding(std::size_t rows, std::size_t columns) : size(rows, columns) {}
  constexpr Padding(Size2 s, bool is_same) : size(s), same(is_same) {}  // how nvcc writes a template argument
  template <std::size_t N>
  constexpr Padding(char const (&word)[N]) : size(0), same(std::string_view(word) == "same") {
    if (!same && std::string_view(word) != "valid") throw "padding is a number, two, same or valid";
  }
};

/// Settings of Conv2d and Conv1d, PyTorch's names and defaults: `ConvOptions{.stride = {2, 1}, .padding = "same"}`.
struct ConvOptions {
  Size2 stride = 1;
  Padding padding = 0;
  Size2 dilation = 1;
  std::size_t groups = 1;  ///< channels in and out are split into so many parts that do not see each other
  bool bias = true;
};

namespace detail {

constexpr kernels::Window conv_window(std::size_t kernel, std::size_t stride, std::size_t padding, std::size_t dilation,
                                      bool same) {
  std::size_t const around = dilation * (kernel - 1);
  if (same) return {kernel, stride, dilation, around / 2, around - around / 2, false};
  return {kernel, stride, dilation, padding, padding, false};
}

template <std::size_t In, std::size_t Out, std::size_t Spatial, Size2 K, ConvOptions O>
struct ConvTraits {
  static_assert(In > 0 && Out > 0 && K.rows > 0 && K.columns > 0 && O.groups > 0, "ashlar: a convolution of nothing");
  static_assert(O.stride.rows > 0 && O.stride.columns > 0 && O.dilation.rows > 0 && O.dilation.columns > 0,
                "ashlar: stride and dilation of a convolution are at least 1");
  static_assert((In == infer || In % O.groups == 0) && Out % O.groups == 0,
                "ashlar: groups of a convolution divides the channels it takes and those it gives");
  static_assert(!O.padding.same || O.stride == Size2(1), "ashlar: padding same needs a stride of 1");

  static constexpr std::string_view name = Spatial == 2 ? "Conv2d" : "Conv1d";
  static constexpr std::size_t spatial = Spatial;
  static constexpr std::size_t groups = O.groups;
  static constexpr Windows map{
      Spatial == 2 ? conv_window(K.rows, O.stride.rows, O.padding.size.rows, O.dilation.rows, O.padding.same)
                   : kernels::Window{},
      conv_window(K.columns, O.stride.columns, O.padding.size.columns, O.dilation.columns, O.padding.same), Spatial, In,
      Out};
};

/// y = bias + weight * x under the window. Memory to work in comes from the pool and goes back to it.
template <class Traits, class T>
struct ConvOp {
  template <class X, class... Parameters>
  auto output(X x, Parameters const&...) const {
    return like<T>(window_dims<Traits>(x.dims()));
  }
  template <class Y, class X, class W, class... B>
  void forward(Y y, X x, W weight, B const&... bias) const {
    T const* start = nullptr;
    ((start = bias.data()), ...);
    kernels::ConvShape const shape = shape_of(x);
    conv_in_parts<T>(shape, images(y, shape), x.data(), weight.data(), start, y.data());
  }
  template <class Y, class X, class W, class... B>
  void pullback(Y dy, Y, X const& x, W const& weight, B const&... bias) const {
    T* dbias = nullptr;
    ((dbias = bias.grad), ...);
    kernels::ConvShape const shape = shape_of(x);
    std::size_t const n = images(dy, shape);
    if (weight.grad != nullptr || dbias != nullptr) {
      conv_backward_parameters_in_parts<T>(shape, n, x.data(), dy.data(), weight.grad, dbias);
    }
    if (x.grad != nullptr) conv_backward_input_in_parts<T>(shape, n, dy.data(), weight.data(), x.grad);
  }

  template <class X>
  static kernels::ConvShape shape_of(X const& x) {
    return {Traits::map.in,
            Traits::map.out,
            Traits::groups,
            Traits::map.rows,
            Traits::map.columns,
            image_extent<Traits>(x, 1),
            image_extent<Traits>(x, 0)};
  }
  template <class Y>
  static std::size_t images(Y const& y, kernels::ConvShape const& shape) {
    return y.numel() / shape.y_size();
  }
};

template <class Traits, class X, class... P>
auto convolve(X const& x, P const&... parameters) {
  return apply_layer<Traits>(ConvOp<Traits, typename X::value_type>{}, x, parameters...);
}

template <class Layer>
void reset_conv(Layer& layer, TorchRng& rng) {
  init::kaiming_uniform_(layer.weight, std::sqrt(5.0), rng);
  if constexpr (requires { layer.bias; }) {
    double const bound = 1 / std::sqrt(init::calculate_fan(layer.weight).in);
    init::uniform_(layer.bias, -bound, bound, rng);
  }
}

/// What torch's convolutions say of themselves: sizes as tuples, and settings that are not the defaults.
template <class Traits, Size2 K, auto O>
void conv_repr(auto& r) {
  constexpr auto tuple = [](Size2 s) {
    if constexpr (Traits::spatial == 2) {
      return std::array{s.rows, s.columns};
    } else {
      return std::array{s.columns};
    }
  };
  constexpr auto o = O;
  r.add(Traits::map.in).add(Traits::map.out).add("kernel_size", tuple(K)).add("stride", tuple(o.stride));
  if constexpr (requires { o.padding.same; }) {
    if (o.padding.same) r.add_text("padding=same");
    if (!o.padding.same && !(o.padding.size == Size2(0))) r.add("padding", tuple(o.padding.size));
  } else {
    if (!(o.padding == Size2(0))) r.add("padding", tuple(o.padding));
  }
  if (!(o.dilation == Size2(1))) r.add("dilation", tuple(o.dilation));
  if constexpr (requires { o.output_padding; }) {
    if (!(o.output_padding == Size2(0))) r.add("output_padding", tuple(o.output_padding));
  }
  if (o.groups != 1) r.add("groups", o.groups);
  if (!o.bias) r.add("bias", false);
}

/// Channels of the weight of a convolution in groups; those left to the compiler stay so.
constexpr std::size_t per_group(std::size_t channels, std::size_t groups) {
  return channels == infer ? infer : channels / groups;
}

template <ConvOptions O>
inline constexpr bool same_both = O.stride.rows == O.stride.columns && O.dilation.rows == O.dilation.columns &&
                                  O.padding.size.rows == O.padding.size.columns;

}  // namespace detail

/// A convolution as a function: torch.nn.functional.conv2d. The bias may be left out; Options.bias is not read.
/// Shapes  x (..., In, H, W), weight (Out, In / groups, rows, columns), bias (Out) -> (..., Out, H', W').
template <ConvOptions Options = ConvOptions{}, TensorLike X, TensorLike W, TensorLike... B>
auto conv2d(X const& x, W const& weight, B const&... bias) {
  constexpr auto w = W::dims_type::extents;
  static_assert(w.size() == 4 && W::dims_type::is_static,
                "ashlar: conv2d takes a weight (out channels, in channels / groups, rows, columns) of static extents");
  static_assert(((B::dims_type::rank == 1 && B::dims_type::static_numel == w[0]) && ...),
                "ashlar: conv2d takes a bias with one element for each out channel of the weight");
  using Traits = detail::ConvTraits<w[1] * Options.groups, w[0], 2, Size2{w[2], w[3]}, Options>;
  return detail::convolve<Traits>(x, weight, bias...);
}

/// Convolution (cross-correlation, as everywhere in deep learning) of images with In channels.
///
/// Usage   `Conv2d<1, 6, 5>`, `Conv2d<1, 6, 5, ConvOptions{.padding = 2}>`,
///         `Conv2d<3, 8, Size2{3, 5}, ConvOptions{.stride = {2, 1}, .padding = "same"}>`.
/// Shapes  x (..., In, H, W), weight (Out, In / groups, rows, columns), bias (Out) -> y (..., Out, H', W') with
///         H' = (H + 2 * padding - dilation * (rows - 1) - 1) / stride + 1, in the type where H is.
/// Dtype   T for parameters, input and result; nothing is converted silently.
/// Keys    weight and, unless Options.bias is false, bias: what torch.nn.Conv2d writes into a state_dict.
/// Init    both uniform in [-1/sqrt(n), 1/sqrt(n)), n = In / groups * rows * columns, the very numbers PyTorch draws
///         from the same seed.
/// Memory  an aggregate of inline arrays.
/// Cost    2 * Out * n * H' * W' flops an image. Allocates y, and up to 1 MB (or what one row of y takes) to work
///         in, from the pool.
/// Errors  compile time: other channels than In, or fewer rows or columns than the window spans; groups that do not
///         divide the channels; padding "same" with a stride.
///         run time: shape, where extents are `dyn`.
/// Source  torch.nn.Conv2d; oracle tests/golden/layers/conv2d*.safetensors.
template <std::size_t In, std::size_t Out, Size2 Kernel, ConvOptions Options = ConvOptions{}, class T = float>
struct Conv2d {
  Parameter<T, Out, detail::per_group(In, Options.groups), Kernel.rows, Kernel.columns> weight;
  Parameter<T, Out> bias;

  static constexpr int input_dimension = -3;  // channels
  template <std::size_t N>
  using with_input = Conv2d<N, Out, Size2{Kernel}, ConvOptions{Options}, T>;

  using traits = detail::ConvTraits<In, Out, 2, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve<traits>(x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Kernel, Options>(r); }
};

/// Without a bias.
template <std::size_t In, std::size_t Out, Size2 Kernel, ConvOptions Options, class T>
  requires(!Options.bias)
struct Conv2d<In, Out, Kernel, Options, T> {
  Parameter<T, Out, detail::per_group(In, Options.groups), Kernel.rows, Kernel.columns> weight;

  static constexpr int input_dimension = -3;  // channels
  template <std::size_t N>
  using with_input = Conv2d<N, Out, Size2{Kernel}, ConvOptions{Options}, T>;

  using traits = detail::ConvTraits<In, Out, 2, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve<traits>(x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Kernel, Options>(r); }
};

/// Convolution of sequences: x (..., In, L), weight (Out, In / groups, Kernel), bias (Out) -> y (..., Out, L'). As
/// Conv2d otherwise; torch.nn.Conv1d.
template <std::size_t In, std::size_t Out, std::size_t Kernel, ConvOptions Options = ConvOptions{}, class T = float>
struct Conv1d {
  static_assert(detail::same_both<Options>, "ashlar: stride, padding and dilation of a Conv1d are one number each");
  Parameter<T, Out, detail::per_group(In, Options.groups), Kernel> weight;
  Parameter<T, Out> bias;

  static constexpr int input_dimension = -2;  // channels
  template <std::size_t N>
  using with_input = Conv1d<N, Out, Kernel, ConvOptions{Options}, T>;

  using traits = detail::ConvTraits<In, Out, 1, Size2{1, Kernel}, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve<traits>(x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Size2{1, Kernel}, Options>(r); }
};

/// Without a bias.
template <std::size_t In, std::size_t Out, std::size_t Kernel, ConvOptions Options, class T>
  requires(!Options.bias)
struct Conv1d<In, Out, Kernel, Options, T> {
  static_assert(detail::same_both<Options>, "ashlar: stride, padding and dilation of a Conv1d are one number each");
  Parameter<T, Out, detail::per_group(In, Options.groups), Kernel> weight;

  static constexpr int input_dimension = -2;  // channels
  template <std::size_t N>
  using with_input = Conv1d<N, Out, Kernel, ConvOptions{Options}, T>;

  using traits = detail::ConvTraits<In, Out, 1, Size2{1, Kernel}, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve<traits>(x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Size2{1, Kernel}, Options>(r); }
};

namespace detail {

constexpr void spell(Spelling& s, Padding const& v) {
  if (v.same) return s.put("\"same\"");
  spell(s, v.size);
}
template <class T>
constexpr auto spell_conv(std::string_view name, std::size_t in, std::size_t out, Size2 kernel, ConvOptions const& o) {
  Spelling s(name);
  spell(s.argument(), in);
  spell(s.argument(), out);
  spell_argument(s.argument(), kernel);
  s.settings<T>("ConvOptions", o, [](Spelling& to, ConvOptions const& v, ConvOptions const& preset) {
    to.option("stride", v.stride, preset.stride);
    to.option("padding", v.padding, preset.padding);
    to.option("dilation", v.dilation, preset.dilation);
    to.option("groups", v.groups, preset.groups);
    to.option("bias", v.bias, preset.bias);
  });
  return s.end();
}
template <std::size_t In, std::size_t Out, Size2 K, ConvOptions O, class T>
struct GivenNames<Conv2d<In, Out, K, O, T>> : std::conditional_t<O.bias, WeightAndBias, OnlyWeight> {};
template <std::size_t In, std::size_t Out, std::size_t K, ConvOptions O, class T>
struct GivenNames<Conv1d<In, Out, K, O, T>> : std::conditional_t<O.bias, WeightAndBias, OnlyWeight> {};

template <std::size_t In, std::size_t Out, Size2 K, ConvOptions O, class T>
struct NameOf<Conv2d<In, Out, K, O, T>> {
  static constexpr auto value = spell_conv<T>("Conv2d", In, Out, K, O);
};
template <std::size_t In, std::size_t Out, std::size_t K, ConvOptions O, class T>
struct NameOf<Conv1d<In, Out, K, O, T>> {
  static constexpr auto value = spell_conv<T>("Conv1d", In, Out, K, O);
};

}  // namespace detail
}  // namespace ashlar
