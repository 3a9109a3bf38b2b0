// Ashlar: ConvTranspose2d and ConvTranspose1d, convolutions the other way round.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/reflect/given_names.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// Settings of ConvTranspose2d and ConvTranspose1d, PyTorch's names and defaults.
struct ConvTransposeOptions {
  Size2 stride = 1;
  Size2 padding = 0;         ///< cut off at each edge
  Size2 output_padding = 0;  ///< added at the end, where several extents would give the same input
  std::size_t groups = 1;    ///< channels in and out are split into so many parts that do not see each other
  bool bias = true;
  Size2 dilation = 1;
};

namespace detail {

/// Extents (..., channels, rows, columns): those of what a convolution with these windows would take.
struct TransposedWindows {
  kernels::Window rows{};
  kernels::Window columns{};
  Size2 extra = 0;
  std::size_t spatial = 2;
  std::size_t in = dyn;
  std::size_t out = dyn;

  /// What comes out where n goes in, `back` places before the last extent.
  [[nodiscard]] constexpr std::size_t extent(std::size_t back, std::size_t n) const {
    if (back == spatial) return out;
    if (back > spatial || n == dyn || n == 0) return n;
    kernels::Window const& w = back == 0 ? columns : rows;
    return (n - 1) * w.stride + w.span() + extra_at(back) - w.before - w.after;
  }
  /// The window that a convolution moves over y to give x. Windows end before what output_padding added, which is
  /// padding taken away: less than none is its complement, as in all sums of Window.
  [[nodiscard]] constexpr kernels::Window over_y(std::size_t back) const {
    kernels::Window w = back == 0 ? columns : rows;
    w.after -= extra_at(back);
    return w;
  }
  [[nodiscard]] constexpr std::size_t extra_at(std::size_t back) const {
    return back == 0 ? extra.columns : extra.rows;
  }
  [[nodiscard]] constexpr FlowStep flow(Flow const& in_flow) const {
    Flow from = in_flow;
    if (!from.known || (from.open && from.extents.rank <= spatial)) from = at_least(from, spatial + 1);
    Extents const e = from.extents;
    if (e.rank <= spatial) return FlowStep::refused(spatial + 1, e.rank, "or more dimensions");
    std::size_t const channels = e[e.rank - 1 - spatial];
    if (channels != dyn && channels != in) return FlowStep::refused(in, channels, "channels");
    FlowStep step{from};
    for (std::size_t back = 0; back <= spatial; ++back) {
      std::size_t const n = e[e.rank - 1 - back];
      kernels::Window const& w = back == 0 ? columns : rows;
      if (back < spatial && n != dyn && n != 0 &&
          n * w.stride + w.span() + extra_at(back) <= w.before + w.after + w.stride) {
        return FlowStep::refused(n + 1, n, back == 0 ? "or more columns" : "or more rows");
      }
      step.out.extents[e.rank - 1 - back] = extent(back, n);
    }
    return step;
  }
};

template <std::size_t In, std::size_t Out, std::size_t Spatial, Size2 K, ConvTransposeOptions O>
struct ConvTransposeTraits {
  static_assert(In > 0 && Out > 0 && K.rows > 0 && K.columns > 0 && O.groups > 0, "ashlar: a convolution of nothing");
  static_assert(O.stride.rows > 0 && O.stride.columns > 0 && O.dilation.rows > 0 && O.dilation.columns > 0,
                "ashlar: stride and dilation of a convolution are at least 1");
  static_assert((In == infer || In % O.groups == 0) && Out % O.groups == 0,
                "ashlar: groups of a convolution divides the channels it takes and those it gives");
  static_assert((O.output_padding.rows < O.stride.rows || O.output_padding.rows < O.dilation.rows) &&
                    (O.output_padding.columns < O.stride.columns || O.output_padding.columns < O.dilation.columns),
                "ashlar: output_padding is less than stride or dilation");

  static constexpr std::string_view name = Spatial == 2 ? "ConvTranspose2d" : "ConvTranspose1d";
  static constexpr std::size_t spatial = Spatial;
  static constexpr std::size_t groups = O.groups;
  static constexpr TransposedWindows map{
      Spatial == 2 ? conv_window(K.rows, O.stride.rows, O.padding.rows, O.dilation.rows, false) : kernels::Window{},
      conv_window(K.columns, O.stride.columns, O.padding.columns, O.dilation.columns, false),
      Spatial == 2 ? O.output_padding : Size2(0, O.output_padding.columns),
      Spatial,
      In,
      Out};
};

/// y is what a convolution with this weight would take, x what it would give: forward is its pullback.
template <class Traits, class T>
struct ConvTransposeOp {
  static constexpr std::string_view name = Traits::name;

  template <class X, class... Parameters>
  auto output(X x, Parameters const&...) const {
    return like<T>(window_dims<Traits>(x.dims()));
  }
  template <class Y, class X, class W, class... B>
  void forward(Y y, X x, W weight, B const&... bias) const {
    kernels::ConvShape const shape = shape_of(x);
    std::size_t const area = shape.height * shape.width;
    std::array<T const*, 1> const start{bias.data()...};
    for (std::size_t p = 0; area != 0 && p < y.numel() / area; ++p) {
      kernels::fill(area, start[0] != nullptr ? start[0][p % Traits::map.out] : T(0), y.data() + p * area);
    }
    if (std::size_t const n = images(y, shape); n != 0) {
      conv_backward_input_in_parts<T>(shape, n, x.data(), weight.data(), y.data());
    }
  }
  template <class Y, class X, class W, class... B>
  void pullback(Y dy, Y, X const& x, W const& weight, B const&... bias) const {
    kernels::ConvShape const shape = shape_of(x);
    std::size_t const n = images(dy, shape);
    std::size_t const area = shape.height * shape.width;
    if (weight.grad != nullptr && n != 0) {
      conv_backward_parameters_in_parts<T>(shape, n, dy.data(), x.data(), weight.grad, nullptr);
    }
    std::array<T*, 1> const dbias{bias.grad...};
    for (std::size_t p = 0; dbias[0] != nullptr && area != 0 && p < dy.numel() / area; ++p) {
      dbias[0][p % Traits::map.out] += kernels::detail::sum_in_parts(area, dy.data() + p * area);
    }
    if (x.grad == nullptr || n == 0) return;
    Tensor<T, dyn> dx(uninitialized_t{}, make_dims<dyn>(x.numel()));
    conv_in_parts<T>(shape, n, dy.data(), weight.data(), nullptr, dx.data());
    kernels::accumulate(x.numel(), static_cast<T const*>(dx.data()), x.grad);
  }

  template <class X>
  static kernels::ConvShape shape_of(X const& x) {
    return {Traits::map.out,
            Traits::map.in,
            Traits::groups,
            Traits::map.over_y(1),
            Traits::map.over_y(0),
            Traits::spatial == 2 ? Traits::map.extent(1, image_extent<Traits>(x, 1)) : 1,
            Traits::map.extent(0, image_extent<Traits>(x, 0))};
  }
  template <class Y>
  static std::size_t images(Y const& y, kernels::ConvShape const& shape) {
    return shape.x_size() == 0 ? 0 : y.numel() / shape.x_size();
  }
};

template <class Traits, class X, class... P>
auto convolve_transposed(X const& x, P const&... parameters) {
  return apply_layer<Traits>(ConvTransposeOp<Traits, typename X::value_type>{}, x, parameters...);
}

}  // namespace detail

/// The transpose of a convolution: each element of x adds a multiple of the window to y.
///
/// Usage   `ConvTranspose2d<3, 4, 3>`, `ConvTranspose2d<3, 4, 3, ConvTransposeOptions{.stride = 2, .padding = 1}>`.
/// Shapes  x (..., In, H, W), weight (In, Out / groups, rows, columns), bias (Out) -> y (..., Out, H', W') with
///         H' = (H - 1) * stride - 2 * padding + dilation * (rows - 1) + output_padding + 1, in the type where H is.
/// Dtype   T for parameters, input and result; nothing is converted silently.
/// Keys    weight and, unless Options.bias is false, bias: what torch.nn.ConvTranspose2d writes into a state_dict.
/// Init    both uniform in [-1/sqrt(n), 1/sqrt(n)), n = Out / groups * rows * columns, the very numbers PyTorch draws
///         from the same seed.
/// Memory  an aggregate of inline arrays.
/// Cost    2 * In * n * H * W flops an image. Allocates y, and up to 1 MB to work in, from the pool.
/// Errors  as Conv2d.
/// Source  torch.nn.ConvTranspose2d; oracle tests/golden/layers/conv_transpose2d*.safetensors.
template <std::size_t In, std::size_t Out, Size2 Kernel, ConvTransposeOptions Options = ConvTransposeOptions{},
          class T = float>
struct ConvTranspose2d {
  Parameter<T, In, detail::per_group(Out, Options.groups), Kernel.rows, Kernel.columns> weight;
  Parameter<T, Out> bias;

  static constexpr int input_dimension = -3;  // channels
  template <std::size_t N>
  using with_input = ConvTranspose2d<N, Out, Size2{Kernel}, ConvTransposeOptions{Options}, T>;

  using traits = detail::ConvTransposeTraits<In, Out, 2, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve_transposed<traits>(x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Kernel, Options>(r); }
};

/// Without a bias.
template <std::size_t In, std::size_t Out, Size2 Kernel, ConvTransposeOptions Options, class T>
  requires(!Options.bias)
struct ConvTranspose2d<In, Out, Kernel, Options, T> {
  Parameter<T, In, detail::per_group(Out, Options.groups), Kernel.rows, Kernel.columns> weight;

  static constexpr int input_dimension = -3;  // channels
  template <std::size_t N>
  using with_input = ConvTranspose2d<N, Out, Size2{Kernel}, ConvTransposeOptions{Options}, T>;

  using traits = detail::ConvTransposeTraits<In, Out, 2, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve_transposed<traits>(x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Kernel, Options>(r); }
};

/// Of sequences, x (..., In, L). As ConvTranspose2d otherwise; sizes are one number. torch.nn.ConvTranspose1d.
template <std::size_t In, std::size_t Out, std::size_t Kernel, ConvTransposeOptions Options = ConvTransposeOptions{},
          class T = float>
struct ConvTranspose1d {
  Parameter<T, In, detail::per_group(Out, Options.groups), Kernel> weight;
  Parameter<T, Out> bias;

  static constexpr int input_dimension = -2;  // channels
  template <std::size_t N>
  using with_input = ConvTranspose1d<N, Out, Kernel, ConvTransposeOptions{Options}, T>;

  using traits = detail::ConvTransposeTraits<In, Out, 1, Size2{1, Kernel}, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve_transposed<traits>(x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Size2{1, Kernel}, Options>(r); }
};

/// Without a bias.
template <std::size_t In, std::size_t Out, std::size_t Kernel, ConvTransposeOptions Options, class T>
  requires(!Options.bias)
struct ConvTranspose1d<In, Out, Kernel, Options, T> {
  Parameter<T, In, detail::per_group(Out, Options.groups), Kernel> weight;

  static constexpr int input_dimension = -2;  // channels
  template <std::size_t N>
  using with_input = ConvTranspose1d<N, Out, Kernel, ConvTransposeOptions{Options}, T>;

  using traits = detail::ConvTransposeTraits<In, Out, 1, Size2{1, Kernel}, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::convolve_transposed<traits>(x, weight);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng& rng) { detail::reset_conv(*this, rng); }
  void extra_repr(auto& r) const { detail::conv_repr<traits, Size2{1, Kernel}, Options>(r); }
};

namespace detail {

template <std::size_t In, std::size_t Out, Size2 K, ConvTransposeOptions O, class T>
struct GivenNames<ConvTranspose2d<In, Out, K, O, T>> : std::conditional_t<O.bias, WeightAndBias, OnlyWeight> {};
template <std::size_t In, std::size_t Out, std::size_t K, ConvTransposeOptions O, class T>
struct GivenNames<ConvTranspose1d<In, Out, K, O, T>> : std::conditional_t<O.bias, WeightAndBias, OnlyWeight> {};

template <class T>
constexpr auto spell_conv_transpose(std::string_view name, std::size_t in, std::size_t out, Size2 kernel,
                                    ConvTransposeOptions const& o) {
  Spelling s(name);
  spell(s.argument(), in);
  spell(s.argument(), out);
  spell_argument(s.argument(), kernel);
  s.settings<T>("ConvTransposeOptions", o,
                [](Spelling& to, ConvTransposeOptions const& v, ConvTransposeOptions const& preset) {
                  to.option("stride", v.stride, preset.stride);
                  to.option("padding", v.padding, preset.padding);
                  to.option("output_padding", v.output_padding, preset.output_padding);
                  to.option("groups", v.groups, preset.groups);
                  to.option("bias", v.bias, preset.bias);
                  to.option("dilation", v.dilation, preset.dilation);
                });
  return s.end();
}
template <std::size_t In, std::size_t Out, Size2 K, ConvTransposeOptions O, class T>
struct NameOf<ConvTranspose2d<In, Out, K, O, T>> {
  static constexpr auto value = spell_conv_transpose<T>("ConvTranspose2d", In, Out, K, O);
};
template <std::size_t In, std::size_t Out, std::size_t K, ConvTransposeOptions O, class T>
struct NameOf<ConvTranspose1d<In, Out, K, O, T>> {
  static constexpr auto value = spell_conv_transpose<T>("ConvTranspose1d", In, Out, K, O);
};

}  // namespace detail
}  // namespace ashlar
