// Ashlar: GroupNorm, InstanceNorm1d and InstanceNorm2d.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/torch_rng.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/group_norm/cpu.hpp>
#include <ashlar/nn/apply_layer.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/reflect/given_names.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ashlar {

/// Settings of GroupNorm, PyTorch's names and defaults.
struct GroupNormOptions {
  double eps = 1e-5;   ///< added to the variance
  bool affine = true;  ///< with weight and bias
};

/// Settings of InstanceNorm1d and InstanceNorm2d, PyTorch's names and defaults.
struct InstanceNormOptions {
  double eps = 1e-5;                 ///< added to the variance
  double momentum = 0.1;             ///< weight of a batch in the running statistics
  bool affine = false;               ///< with weight and bias
  bool track_running_stats = false;  ///< with running statistics, which evaluation uses
};

namespace detail {

template <std::size_t Groups, std::size_t C, GroupNormOptions O>
struct GroupNormTraits {
  static_assert(Groups > 0 && C > 0 && C % Groups == 0, "ashlar: groups of a GroupNorm divides its channels");
  static constexpr std::string_view name = "GroupNorm";
  static constexpr ChannelMap map{C, 2, max_rank};
  static constexpr double eps = O.eps;
  static constexpr std::size_t channels = C;
  static constexpr std::size_t groups = Groups;
};

template <std::size_t C, std::size_t Spatial, InstanceNormOptions O>
struct InstanceNormTraits {
  static_assert(C > 0, "ashlar: an InstanceNorm has at least one channel");
  static constexpr std::string_view name = Spatial == 2 ? "InstanceNorm2d" : "InstanceNorm1d";
  static constexpr ChannelMap map{C, Spatial + 2, Spatial + 2};
  static constexpr double eps = O.eps;
  static constexpr double momentum = O.momentum;
  static constexpr std::size_t channels = C;
  static constexpr std::size_t groups = C;
};

/// Operands x and, if affine, weight and bias. With running statistics, of a training pass of an InstanceNorm, they
/// take up those of the batch.
template <class Traits, class T>
struct GroupNormOp {
  static constexpr std::string_view name = Traits::name;

  T const* running_mean = nullptr;
  T const* running_var = nullptr;
  T* new_mean = nullptr;
  T* new_var = nullptr;

  template <class X, class... P>
  auto output(X x, P const&...) const {
    check_input<Traits>(x.dims());
    if constexpr (requires { Traits::momentum; }) {
      if (planes_of<Traits>(x).area == 1) {
        std::string text(Traits::name);
        text.append(" takes more than 1 value for each channel but the shape is ");
        throw Error(Errc::shape, text.append(to_string(x.shape())));
      }
    }
    return like<T>(x.dims());
  }
  template <class... X>
  void prepare(TapeCore& tape, X const&...) {
    if (running_mean == nullptr) return;
    new_mean = tape.writable(running_mean);
    new_var = tape.writable(running_var);
    check_writable();
  }
  template <class Y, class X, class... P>
  void forward(Y y, X x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    kernels::Planes const planes = planes_of<Traits>(x);
    kernels::group_norm(planes, Traits::groups, x.data(), Traits::eps, p[0], p[1], y.data());
    if constexpr (requires { Traits::momentum; }) {
      if (new_mean != nullptr && planes.per_channel() != 0) take_up(planes, x.data());
    }
  }
  template <class Y, class X, class... P>
  void pullback(Y dy, Y, X const& x, P const&... parameters) const {
    std::array<T const*, 2> const p{parameters.data()...};
    std::array<T*, 2> const d{parameters.grad...};
    kernels::group_norm_backward(planes_of<Traits>(x), Traits::groups, x.data(), Traits::eps, p[0], dy.data(), x.grad,
                                 d[0], d[1]);
  }

  void check_writable() const {
    if (new_mean == nullptr) {
      std::string text(Traits::name);
      throw Error(Errc::value, text.append(" keeps running statistics in training: it must be part of the tape's "
                                           "network, and that must not be const"));
    }
  }

 private:
  /// The mean over the batch of the means, and of the unbiased variances, of each channel.
  void take_up(kernels::Planes const& planes, T const* x) const {
    double const area = static_cast<double>(planes.area);
    double const images = static_cast<double>(planes.images);
    for (std::size_t c = 0; c < planes.channels; ++c) {
      double mean = 0;
      double variance = 0;
      for (std::size_t n = 0; n < planes.images; ++n) {
        auto const s = kernels::detail::row_scale(planes.area, x + (n * planes.channels + c) * planes.area, 0);
        mean += s.mean / images;
        variance += 1 / (s.inverse * s.inverse) * area / (area - 1) / images;
      }
      new_mean[c] = mix(new_mean[c], mean);
      new_var[c] = mix(new_var[c], variance);
    }
  }
  static T mix(T running, double of_batch) {
    return static_cast<T>((1 - Traits::momentum) * static_cast<double>(running) + Traits::momentum * of_batch);
  }
};

template <class Layer, class X, class... P>
auto group_norm(Layer const& layer, X const& x, P const&... parameters) {
  using Traits = typename Layer::traits;
  using T = typename X::value_type;
  constexpr bool keeps = requires { layer.running_mean; };
  if constexpr (!keeps) {
    return apply_layer<Traits>(GroupNormOp<Traits, T>{}, x, parameters...);
  } else if constexpr (is_training<X>) {
    return apply_layer<Traits>(GroupNormOp<Traits, T>{layer.running_mean.data(), layer.running_var.data()}, x,
                               parameters...);
  } else {
    return apply_layer<Traits>(BatchNormOp<Traits, T>{}, x, layer.running_mean, layer.running_var, parameters...);
  }
}

}  // namespace detail

/// Normalises each group of channels of each image to mean 0 and variance 1, then scales and shifts each channel.
///
/// Usage   `GroupNorm<3, 6>`: 3 groups of 6 channels; `GroupNorm<1, 4, GroupNormOptions{.affine = false}>`.
/// Shapes  x (B, C, ...) -> the same; weight, bias (C).
/// Dtype   T for parameters, input and result; statistics are computed in double.
/// Keys    weight and bias (if affine): what torch.nn.GroupNorm writes into a state_dict.
/// Init    weight 1, bias 0; draws nothing.
/// Memory  an aggregate of inline arrays.
/// Cost    three passes over x; allocates y and nothing else. The way back computes the statistics again.
/// Errors  compile time: other channels than C, or one dimension; groups that do not divide the channels.
///         run time: shape, where extents are `dyn`.
/// Source  Wu and He, Group Normalization (2018); torch.nn.GroupNorm; oracle
///         tests/golden/layers/group_norm*.safetensors.
template <std::size_t Groups, std::size_t C, GroupNormOptions Options = GroupNormOptions{}, class T = float>
struct GroupNorm {
  Parameter<T, C> weight;
  Parameter<T, C> bias;

  using traits = detail::GroupNormTraits<Groups, C, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::group_norm(*this, x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) {
    weight.fill(T(1));
    bias.fill(T(0));
  }
  void extra_repr(auto& r) const { r.add(Groups).add(C).add("eps", double(Options.eps)).add("affine", true); }
};

/// Without weight and bias.
template <std::size_t Groups, std::size_t C, GroupNormOptions Options, class T>
  requires(!Options.affine)
struct GroupNorm<Groups, C, Options, T> {
  using traits = detail::GroupNormTraits<Groups, C, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::group_norm(*this, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const { r.add(Groups).add(C).add("eps", double(Options.eps)).add("affine", false); }
};

namespace detail {

template <InstanceNormOptions O>
void repr_instance_norm(auto& r, std::size_t channels) {
  constexpr InstanceNormOptions o = O;
  r.add(channels).add("eps", o.eps).add("momentum", o.momentum).add("affine", o.affine);
  r.add("track_running_stats", o.track_running_stats);
}

/// What InstanceNorm1d and InstanceNorm2d are: with weight and bias or without, with running statistics or without.
template <std::size_t C, std::size_t Spatial, InstanceNormOptions O, class T>
struct InstanceNorm {
  using traits = InstanceNormTraits<C, Spatial, O>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return group_norm(*this, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void extra_repr(auto& r) const { repr_instance_norm<O>(r, C); }
};
template <std::size_t C, std::size_t Spatial, InstanceNormOptions O, class T>
  requires(O.affine && !O.track_running_stats)
struct InstanceNorm<C, Spatial, O, T> {
  Parameter<T, C> weight;
  Parameter<T, C> bias;

  using traits = InstanceNormTraits<C, Spatial, O>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return group_norm(*this, x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) {
    weight.fill(T(1));
    bias.fill(T(0));
  }
  void extra_repr(auto& r) const { repr_instance_norm<O>(r, C); }
};
template <std::size_t C, std::size_t Spatial, InstanceNormOptions O, class T>
  requires(!O.affine && O.track_running_stats)
struct InstanceNorm<C, Spatial, O, T> {
  Buffer<T, C> running_mean;
  Buffer<T, C> running_var;
  Buffer<std::int64_t> num_batches_tracked;

  using traits = InstanceNormTraits<C, Spatial, O>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return group_norm(*this, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { reset_batch_norm(*this); }
  void extra_repr(auto& r) const { repr_instance_norm<O>(r, C); }
};
template <std::size_t C, std::size_t Spatial, InstanceNormOptions O, class T>
  requires(O.affine && O.track_running_stats)
struct InstanceNorm<C, Spatial, O, T> {
  Parameter<T, C> weight;
  Parameter<T, C> bias;
  Buffer<T, C> running_mean;
  Buffer<T, C> running_var;
  Buffer<std::int64_t> num_batches_tracked;

  using traits = InstanceNormTraits<C, Spatial, O>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return group_norm(*this, x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { reset_batch_norm(*this); }
  void extra_repr(auto& r) const { repr_instance_norm<O>(r, C); }
};

}  // namespace detail

/// Normalises each channel of each image to mean 0 and variance 1; with weight and bias only if asked for.
///
/// With track_running_stats training keeps running statistics, as BatchNorm2d does and under the same conditions, and
/// evaluation uses them; without, training and evaluation do the same. As in PyTorch, num_batches_tracked stays 0.
///
/// Usage   `InstanceNorm2d<3>`, `InstanceNorm2d<3, InstanceNormOptions{.affine = true, .track_running_stats = true}>`.
/// Shapes  x (B, C, H, W) -> the same; all else (C).
/// Keys    weight, bias (if affine), running_mean, running_var, num_batches_tracked (if tracked): as
///         torch.nn.InstanceNorm2d writes.
/// Errors  as GroupNorm; run time: shape, if a channel has one value.
/// Source  Ulyanov, Vedaldi and Lempitsky (2016); torch.nn.InstanceNorm2d; oracle
///         tests/golden/layers/instance_norm2d*.safetensors.
// nvcc 13 writes an alias's parameter as a name that it does not declare, and an expression as its value.
template <std::size_t C, InstanceNormOptions Options = InstanceNormOptions{}, class T = float>
using InstanceNorm2d = detail::InstanceNorm<C, 2, InstanceNormOptions{Options}, T>;

/// Of sequences, x (B, C, L). As InstanceNorm2d otherwise; torch.nn.InstanceNorm1d.
template <std::size_t C, InstanceNormOptions Options = InstanceNormOptions{}, class T = float>
using InstanceNorm1d = detail::InstanceNorm<C, 1, InstanceNormOptions{Options}, T>;

namespace detail {

template <std::size_t Groups, std::size_t C, GroupNormOptions O, class T>
  requires(O.affine)
struct GivenNames<GroupNorm<Groups, C, O, T>> : WeightAndBias {};

template <std::size_t Groups, std::size_t C, GroupNormOptions O, class T>
struct NameOf<GroupNorm<Groups, C, O, T>> {
  static constexpr auto value = [] {
    Spelling s("GroupNorm");
    spell(s.argument(), Groups);
    spell(s.argument(), C);
    s.settings<T>("GroupNormOptions", O, [](Spelling& to, GroupNormOptions const& v, GroupNormOptions const& preset) {
      to.option("eps", v.eps, preset.eps);
      to.option("affine", v.affine, preset.affine);
    });
    return s.end();
  }();
};
template <std::size_t C, std::size_t Spatial, InstanceNormOptions O, class T>
struct NameOf<InstanceNorm<C, Spatial, O, T>> {
  static constexpr auto value = [] {
    Spelling s(InstanceNormTraits<C, Spatial, O>::name);
    spell(s.argument(), C);
    s.settings<T>("InstanceNormOptions", O,
                  [](Spelling& to, InstanceNormOptions const& v, InstanceNormOptions const& preset) {
                    to.option("eps", v.eps, preset.eps);
                    to.option("momentum", v.momentum, preset.momentum);
                    to.option("affine", v.affine, preset.affine);
                    to.option("track_running_stats", v.track_running_stats, preset.track_running_stats);
                  });
    return s.end();
  }();
};

}  // namespace detail
}  // namespace ashlar
