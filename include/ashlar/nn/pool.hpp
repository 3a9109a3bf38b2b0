// Ashlar: pools, the largest or the mean of what a window holds.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/pool/cpu.hpp>
#include <ashlar/nn/apply_layer.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/nn/window.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// Settings of MaxPool2d and MaxPool1d, PyTorch's names and defaults.
struct MaxPoolOptions {
  Size2 stride = 0;  ///< 0: the kernel, so that windows do not overlap
  Size2 padding = 0;
  Size2 dilation = 1;
  bool ceil_mode = false;  ///< a last window that reaches past the end counts
};

/// Settings of AvgPool2d and AvgPool1d, PyTorch's names and defaults.
struct AvgPoolOptions {
  Size2 stride = 0;  ///< 0: the kernel, so that windows do not overlap
  Size2 padding = 0;
  bool ceil_mode = false;         ///< a last window that reaches past the end counts
  bool count_include_pad = true;  ///< the mean divides by the padding's elements too
};

namespace detail {

constexpr kernels::Window pool_window(std::size_t kernel, std::size_t stride, std::size_t padding, std::size_t dilation,
                                      bool ceil_mode) {
  return {kernel, stride == 0 ? kernel : stride, dilation, padding, padding, ceil_mode};
}
constexpr bool pads_at_most_half(kernels::Window const& w) { return w.kernel > 0 && 2 * w.before <= w.span(); }

template <std::size_t Spatial, Size2 K, MaxPoolOptions O>
struct MaxPoolTraits {
  static constexpr std::string_view name = Spatial == 2 ? "MaxPool2d" : "MaxPool1d";
  static constexpr std::size_t spatial = Spatial;
  static constexpr Windows map{
      Spatial == 2 ? pool_window(K.rows, O.stride.rows, O.padding.rows, O.dilation.rows, O.ceil_mode)
                   : kernels::Window{},
      pool_window(K.columns, O.stride.columns, O.padding.columns, O.dilation.columns, O.ceil_mode), Spatial};
  static_assert(O.dilation.rows > 0 && O.dilation.columns > 0 && pads_at_most_half(map.rows) &&
                    pads_at_most_half(map.columns),
                "ashlar: a pool has a kernel and a dilation of at least 1, and padding of at most half its window");
  using axis = kernels::Window;
  static constexpr axis rows = map.rows;
  static constexpr axis columns = map.columns;
};

template <std::size_t Spatial, Size2 K, AvgPoolOptions O>
struct AvgPoolTraits {
  static constexpr std::string_view name = Spatial == 2 ? "AvgPool2d" : "AvgPool1d";
  static constexpr std::size_t spatial = Spatial;
  static constexpr Windows map{
      Spatial == 2 ? pool_window(K.rows, O.stride.rows, O.padding.rows, 1, O.ceil_mode) : kernels::Window{},
      pool_window(K.columns, O.stride.columns, O.padding.columns, 1, O.ceil_mode), Spatial};
  static_assert(pads_at_most_half(map.rows) && pads_at_most_half(map.columns),
                "ashlar: a pool has a kernel of at least 1, and padding of at most half its window");
  using axis = kernels::AverageWindow;
  static constexpr axis rows{map.rows, O.count_include_pad};
  static constexpr axis columns{map.columns, O.count_include_pad};
};

template <std::size_t Spatial, Size2 Out>
struct AdaptiveAvgPoolTraits {
  static_assert(Out.rows > 0 && Out.columns > 0, "ashlar: a pool gives at least one element");
  static constexpr std::string_view name = Spatial == 2 ? "AdaptiveAvgPool2d" : "AdaptiveAvgPool1d";
  static constexpr std::size_t spatial = Spatial;
  static constexpr Windows map{{}, {}, Spatial, dyn, dyn, Out};
  using axis = kernels::AdaptiveWindow;
  static constexpr axis rows{Out.rows};
  static constexpr axis columns{Out.columns};
};

template <class Traits>
struct PoolOp {
  static constexpr std::string_view name = Traits::name;
  static constexpr bool is_max = std::is_same_v<typename Traits::axis, kernels::Window>;

  template <class X>
  auto output(X x) const {
    return like<typename X::value_type>(window_dims<Traits>(x.dims()));
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    if constexpr (is_max) kernels::max_pool(shape_of(x, y), x.data(), y.data());
    else kernels::avg_pool(shape_of(x, y), x.data(), y.data());
  }
  template <class Y, class X>
  void pullback(Y dy, Y, X const& x) const {
    if (x.grad == nullptr) return;
    if constexpr (is_max) kernels::max_pool_backward(shape_of(x, dy), x.data(), dy.data(), x.grad);
    else kernels::avg_pool_backward(shape_of(x, dy), dy.data(), x.grad);
  }
  template <class X, class Y>
  static kernels::PoolShape<typename Traits::axis> shape_of(X const& x, Y const& y) {
    std::size_t const plane = image_extent<Traits>(y, 1) * image_extent<Traits>(y, 0);
    return {y.numel() / plane, Traits::rows, Traits::columns, image_extent<Traits>(x, 1), image_extent<Traits>(x, 0)};
  }
};

template <class Traits, class X>
auto pool(X const& x) {
  return apply_layer<Traits>(PoolOp<Traits>{}, x);
}

/// One number where torch's user may have given one.
void repr_size(auto& r, std::string_view name, Size2 size) {
  if (size.rows == size.columns) r.add(name, size.rows);
  else r.add(name, std::array{size.rows, size.columns});
}
constexpr Size2 stride_or_kernel(Size2 stride, Size2 kernel) {
  return {stride.rows == 0 ? kernel.rows : stride.rows, stride.columns == 0 ? kernel.columns : stride.columns};
}

}  // namespace detail

/// The largest element under a window that moves over an image. The gradient goes to that element, to the first of
/// equals. A NaN is above all.
///
/// Usage   `MaxPool2d<2>`, `MaxPool2d<3, MaxPoolOptions{.stride = 2, .padding = 1, .ceil_mode = true}>`.
/// Shapes  x (..., H, W), at least 3 dimensions -> (..., H', W') with
///         H' = (H + 2 * padding - dilation * (rows - 1) - 1) / stride + 1, in the type where H is; with ceil_mode
///         rounded up, as long as the last window begins in the image or in the padding before it.
/// Dtype   that of x.
/// Cost    reads each element once for each window it lies in, on the way back again; allocates y and nothing else.
/// Errors  compile time: fewer rows or columns than the window spans; padding of more than half a window.
///         run time: shape, where extents are `dyn`.
/// Source  torch.nn.MaxPool2d; oracle tests/golden/layers/max_pool2d*.safetensors.
template <Size2 Kernel, MaxPoolOptions Options = MaxPoolOptions{}>
struct MaxPool2d {
  using traits = detail::MaxPoolTraits<2, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pool<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const {
    detail::repr_size(r, "kernel_size", Kernel);
    detail::repr_size(r, "stride", detail::stride_or_kernel(Options.stride, Kernel));
    detail::repr_size(r, "padding", Options.padding);
    detail::repr_size(r, "dilation", Options.dilation);
    r.add("ceil_mode", Options.ceil_mode);
  }
};

/// Of sequences, x (..., L). As MaxPool2d otherwise; torch.nn.MaxPool1d.
template <std::size_t Kernel, MaxPoolOptions Options = MaxPoolOptions{}>
struct MaxPool1d {
  using traits = detail::MaxPoolTraits<1, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pool<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const {
    detail::repr_size(r, "kernel_size", Kernel);
    detail::repr_size(r, "stride", detail::stride_or_kernel(Options.stride, Kernel));
    detail::repr_size(r, "padding", Options.padding);
    detail::repr_size(r, "dilation", Options.dilation);
    r.add("ceil_mode", Options.ceil_mode);
  }
};

/// The mean under a window that moves over an image.
///
/// Usage   `AvgPool2d<2>`, `AvgPool2d<3, AvgPoolOptions{.stride = 2, .padding = 1, .count_include_pad = false}>`.
/// Shapes  as MaxPool2d, without dilation.
/// Dtype   that of x; sums run in it.
/// Cost    reads each element once for each window it lies in; allocates y and nothing else.
/// Errors  as MaxPool2d.
/// Source  torch.nn.AvgPool2d; oracle tests/golden/layers/avg_pool2d*.safetensors.
template <Size2 Kernel, AvgPoolOptions Options = AvgPoolOptions{}>
struct AvgPool2d {
  using traits = detail::AvgPoolTraits<2, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pool<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const {
    detail::repr_size(r, "kernel_size", Kernel);
    detail::repr_size(r, "stride", detail::stride_or_kernel(Options.stride, Kernel));
    detail::repr_size(r, "padding", Options.padding);
  }
};

/// Of sequences, x (..., L). As AvgPool2d otherwise; torch.nn.AvgPool1d.
template <std::size_t Kernel, AvgPoolOptions Options = AvgPoolOptions{}>
struct AvgPool1d {
  using traits = detail::AvgPoolTraits<1, Kernel, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pool<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const {
    std::size_t const stride = detail::stride_or_kernel(Options.stride, Kernel).columns;
    r.add("kernel_size", std::array{Kernel}).add("stride", std::array{stride});
    r.add("padding", std::array{Options.padding.columns});
  }
};

/// The mean of as many parts of an image as wanted, as even as they can be: `AdaptiveAvgPool2d<1>`,
/// `AdaptiveAvgPool2d<Size2{3, 2}>`.
///
/// Shapes  x (..., H, W), at least 3 dimensions -> (..., Out.rows, Out.columns), static whatever H and W are.
/// Note    part i of n takes elements [i * H / n, ceil((i + 1) * H / n)), so neighbours share one where n does not
///         divide H.
/// Source  torch.nn.AdaptiveAvgPool2d; oracle tests/golden/layers/adaptive_avg_pool2d*.safetensors.
template <Size2 Out>
struct AdaptiveAvgPool2d {
  using traits = detail::AdaptiveAvgPoolTraits<2, Out>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pool<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const { detail::repr_size(r, "output_size", Out); }
};

/// Of sequences, x (..., L). As AdaptiveAvgPool2d otherwise; torch.nn.AdaptiveAvgPool1d.
template <std::size_t Out>
struct AdaptiveAvgPool1d {
  using traits = detail::AdaptiveAvgPoolTraits<1, Size2{1, Out}>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::pool<traits>(x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const { r.add("output_size", Out); }
};

namespace detail {

constexpr auto spell_pool(std::string_view name, Size2 kernel, MaxPoolOptions const& o) {
  Spelling s(name);
  spell_argument(s.argument(), kernel);
  s.settings<float>("MaxPoolOptions", o, [](Spelling& to, MaxPoolOptions const& v, MaxPoolOptions const& preset) {
    to.option("stride", v.stride, preset.stride);
    to.option("padding", v.padding, preset.padding);
    to.option("dilation", v.dilation, preset.dilation);
    to.option("ceil_mode", v.ceil_mode, preset.ceil_mode);
  });
  return s.end();
}
constexpr auto spell_pool(std::string_view name, Size2 kernel, AvgPoolOptions const& o) {
  Spelling s(name);
  spell_argument(s.argument(), kernel);
  s.settings<float>("AvgPoolOptions", o, [](Spelling& to, AvgPoolOptions const& v, AvgPoolOptions const& preset) {
    to.option("stride", v.stride, preset.stride);
    to.option("padding", v.padding, preset.padding);
    to.option("ceil_mode", v.ceil_mode, preset.ceil_mode);
    to.option("count_include_pad", v.count_include_pad, preset.count_include_pad);
  });
  return s.end();
}
template <Size2 K, MaxPoolOptions O>
struct NameOf<MaxPool2d<K, O>> {
  static constexpr auto value = spell_pool("MaxPool2d", K, O);
};
template <std::size_t K, MaxPoolOptions O>
struct NameOf<MaxPool1d<K, O>> {
  static constexpr auto value = spell_pool("MaxPool1d", K, O);
};
template <Size2 K, AvgPoolOptions O>
struct NameOf<AvgPool2d<K, O>> {
  static constexpr auto value = spell_pool("AvgPool2d", K, O);
};
template <std::size_t K, AvgPoolOptions O>
struct NameOf<AvgPool1d<K, O>> {
  static constexpr auto value = spell_pool("AvgPool1d", K, O);
};
template <Size2 Out>
struct NameOf<AdaptiveAvgPool2d<Out>> {
  static constexpr auto value = [] {
    Spelling s("AdaptiveAvgPool2d");
    spell_argument(s.argument(), Out);
    return s.end();
  }();
};

}  // namespace detail
}  // namespace ashlar
