// Ashlar: BatchNorm1d and BatchNorm2d.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/torch_rng.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/batch_norm/cpu.hpp>
#include <ashlar/nn/flow.hpp>
#include <ashlar/reflect/given_names.hpp>
#include <ashlar/reflect/spelling.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {

/// Settings of BatchNorm1d and BatchNorm2d, PyTorch's names and defaults.
struct BatchNormOptions {
  double eps = 1e-5;      ///< added to the variance
  double momentum = 0.1;  ///< weight of a batch in the running statistics
  bool affine = true;     ///< with weight and bias
};

namespace detail {

/// Extents of (B, C), (B, C, L) or (B, C, H, W), as they are.
struct ChannelMap {
  std::size_t channels;
  std::size_t least_rank;
  std::size_t most_rank;

  [[nodiscard]] constexpr FlowStep flow(Flow const& in) const {
    if (!in.known) return {in};
    Extents const& e = in.extents;
    if (!in.open && e.rank < least_rank) return FlowStep::refused(least_rank, e.rank, "or more dimensions");
    if (!in.open && e.rank > most_rank) return FlowStep::refused(most_rank, e.rank, "or fewer dimensions");
    if (in.open && (least_rank != most_rank || e.rank + 1 < most_rank)) return {in};  // where the channels are is open
    std::size_t const given = e[in.open ? e.rank + 1 - most_rank : 1];
    if (given != dyn && given != channels) return FlowStep::refused(channels, given, "channels");
    return {in};
  }
};

template <std::size_t C, std::size_t Spatial, BatchNormOptions O>
struct BatchNormTraits {
  static_assert(C > 0, "ashlar: a BatchNorm has at least one channel");
  static constexpr std::string_view name = Spatial == 2 ? "BatchNorm2d" : "BatchNorm1d";
  static constexpr ChannelMap map{C, Spatial == 2 ? 4 : 2, Spatial == 2 ? 4 : 3};
  static constexpr double eps = O.eps;
  static constexpr double momentum = O.momentum;
  static constexpr std::size_t channels = C;
};

template <class Traits, class X>
kernels::Planes planes_of(X const& x) {
  std::size_t const images = x.size(0);
  return {images, Traits::channels, images == 0 ? 0 : x.numel() / (images * Traits::channels)};
}

/// With the running statistics: operands x, running_mean, running_var and, if affine, weight and bias.
template <class Traits, class T>
struct BatchNormOp {
  template <class X, class... Parameters>
  auto output(X x, Parameters const&...) const {
    check_input<Traits>(x.dims());
    return like<T>(x.dims());
  }
  template <class Y, class X, class S>
  void forward(Y y, X x, S mean, S var) const {
    kernels::batch_norm<T, T>(planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps, nullptr, nullptr,
                              y.data());
  }
  template <class Y, class X, class S>
  void forward(Y y, X x, S mean, S var, S weight, S bias) const {
    kernels::batch_norm<T, T>(planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps, weight.data(),
                              bias.data(), y.data());
  }
  template <class Y, class X, class S>
  void pullback(Y dy, Y, X const& x, S const& mean, S const& var) const {
    kernels::batch_norm_backward<false, T, T>(planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps,
                                              nullptr, dy.data(), x.grad, nullptr, nullptr);
  }
  template <class Y, class X, class S>
  void pullback(Y dy, Y, X const& x, S const& mean, S const& var, S const& weight, S const& bias) const {
    kernels::batch_norm_backward<false, T, T>(planes_of<Traits>(x), x.data(), mean.data(), var.data(), Traits::eps,
                                              weight.data(), dy.data(), x.grad, weight.grad, bias.grad);
  }
};

/// With the statistics of the batch, which the running ones take up: operands x and, if affine, weight and bias.
template <class Traits, class T>
struct BatchNormTrainingOp {
  T const* running_mean;
  T const* running_var;
  std::int64_t const* batches;
  double* mean = nullptr;  // (C): kept for the way back
  double* variance = nullptr;
  T* new_mean = nullptr;  // the running statistics, to write; null if they are frozen
  T* new_var = nullptr;
  std::int64_t* new_batches = nullptr;

  template <class X, class... Parameters>
  auto output(X x, Parameters const&...) const {
    check_input<Traits>(x.dims());
    if (std::size_t const n = planes_of<Traits>(x).per_channel(); n < 2) {
      std::string text(Traits::name);
      text.append(" takes more than 1 value for each channel in training but got ").append(std::to_string(n));
      throw Error(Errc::shape, text.append(": the shape is ").append(to_string(x.shape())));
    }
    return like<T>(x.dims());
  }
  template <class... X>
  void prepare(TapeCore& tape, X const&...) {
    mean = tape.allocate<double>(Traits::channels);
    variance = tape.allocate<double>(Traits::channels);
    if (tape.is_frozen(running_mean)) return;
    new_mean = tape.writable(running_mean);
    new_var = tape.writable(running_var);
    new_batches = tape.writable(batches);
    check_writable();
  }
  template <class Y, class X, class... P>
  void forward(Y y, X x, P const&... parameters) const {
    auto const [weight, bias] = values(parameters...);
    kernels::Planes const planes = planes_of<Traits>(x);
    if (new_mean == nullptr) {
      for (std::size_t c = 0; c < Traits::channels; ++c) mean[c] = static_cast<double>(running_mean[c]);
      for (std::size_t c = 0; c < Traits::channels; ++c) variance[c] = static_cast<double>(running_var[c]);
    } else {
      kernels::channel_moments(planes, x.data(), mean, variance);
    }
    kernels::batch_norm<T, double>(planes, x.data(), mean, variance, Traits::eps, weight, bias, y.data());
    if (new_mean == nullptr) return;
    double const n = static_cast<double>(planes.per_channel());
    for (std::size_t c = 0; c < Traits::channels; ++c) {
      take_up(new_mean[c], mean[c]);
      take_up(new_var[c], variance[c] * n / (n - 1));  // unbiased, unlike the one that y is divided by
    }
    ++*new_batches;
  }
  template <class Y, class X, class... P>
  void pullback(Y dy, Y, X const& x, P const&... parameters) const {
    auto const [weight, bias] = values(parameters...);
    auto const [dweight, dbias] = gradients(parameters...);
    auto const backward = new_mean != nullptr ? &kernels::batch_norm_backward<true, T, double>
                                              : &kernels::batch_norm_backward<false, T, double>;
    backward(planes_of<Traits>(x), x.data(), mean, variance, Traits::eps, weight, dy.data(), x.grad, dweight, dbias);
  }

  void check_writable() const {
    if (new_mean == nullptr) {
      std::string text(Traits::name);
      throw Error(Errc::value, text.append(" keeps running statistics in training: it must be part of the tape's "
                                           "network, and that must not be const"));
    }
  }
  template <class P>
  struct Two {
    P weight = nullptr;
    P bias = nullptr;
  };
  template <class... P>
  static Two<T const*> values(P const&... parameters) {
    return {parameters.data()...};
  }
  template <class... P>
  static Two<T*> gradients(P const&... parameters) {
    return {parameters.grad...};
  }

 private:
  static void take_up(T& running, double of_batch) {
    running = static_cast<T>((1 - Traits::momentum) * static_cast<double>(running) + Traits::momentum * of_batch);
  }
};

template <class Layer, class X, class... P>
auto batch_norm(Layer const& layer, X const& x, P const&... parameters) {
  using Traits = typename Layer::traits;
  using T = typename X::value_type;
  using Running = decltype(layer.running_mean);
  if constexpr (!together<X, Running, P...>()) {
    return refuse_device<Traits, X, Running, P...>();
  } else if constexpr (!one_dtype<X, Running, P...>()) {
    refuse<DtypeMistake<Traits, X, Running, P...>>();
    return harmless(x, like<T>(x.dims()));
  } else if constexpr (!InputMistake<Traits, X>::value.empty()) {
    refuse<InputMistake<Traits, X>>();
    return harmless(x, like<T>(x.dims()));
  } else if constexpr (is_training<X>) {
    return apply(BatchNormTrainingOp<Traits, T>{layer.running_mean.data(), layer.running_var.data(),
                                                layer.num_batches_tracked.data()},
                 x, parameters...);
  } else {
    return apply(BatchNormOp<Traits, T>{}, x, layer.running_mean, layer.running_var, parameters...);
  }
}

template <class Layer>
void reset_batch_norm(Layer& layer) {
  using T = typename decltype(layer.running_var)::value_type;
  if constexpr (requires { layer.weight; }) {
    layer.weight.fill(T(1));
    layer.bias.fill(T(0));
  }
  layer.running_mean.fill(T(0));
  layer.running_var.fill(T(1));
  layer.num_batches_tracked.fill(0);
}

template <BatchNormOptions O>
void repr_batch_norm(auto& r, std::size_t channels) {
  r.add(channels).add("eps", O.eps).add("momentum", O.momentum).add("affine", O.affine).add("bias", O.affine);
  r.add("track_running_stats", true);
}

}  // namespace detail

/// Normalises each of C channels of a batch of images to mean 0 and variance 1, then scales and shifts it.
///
/// Evaluation, that is a plain call or a Tape<Net, Evaluation>, uses the running statistics, so that y = x * a + b with
/// fixed a, b for each channel. In training, on a Tape, it uses mean and variance of the batch, and the running ones
/// take them up: running = (1 - momentum) * running + momentum * batch. So the forward of a network that the tape may
/// write changes these buffers, and nothing else ever does: `Tape tape(net, grads)` with a net that is not const. A
/// Frozen BatchNorm runs as in evaluation, so that training leaves it as it is.
///
/// Usage   `BatchNorm2d<8>`, `BatchNorm2d<8, BatchNormOptions{.eps = 1e-3, .affine = false}>`.
/// Shapes  x (B, C, H, W) -> the same; weight, bias, running_mean, running_var (C), num_batches_tracked ().
/// Dtype   T for all but num_batches_tracked, which is i64. Statistics of a batch are computed in double.
/// Keys    weight, bias (if affine), running_mean, running_var, num_batches_tracked: as torch.nn.BatchNorm2d writes.
/// Init    weight and running_var 1, the others 0; draws nothing.
/// Variance  biased (divided by n) where y is divided by it, unbiased (by n - 1) in running_var, as in PyTorch.
/// Memory  an aggregate of inline arrays.
/// Cost    one pass in evaluation, three in training; allocates y and, on the tape, 16 bytes a channel.
/// Errors  compile time: other channels than C, other than 4 dimensions.
///         run time: shape, where extents are `dyn`, or if a channel has one value in training; value, in training, if
///         the layer is not part of the tape's network, or that is const.
/// Source  Ioffe and Szegedy, Batch Normalization (2015); torch.nn.BatchNorm2d; oracle
///         tests/golden/layers/batch_norm2d*.safetensors.
template <std::size_t C, BatchNormOptions Options = BatchNormOptions{}, class T = float>
struct BatchNorm2d {
  Parameter<T, C> weight;
  Parameter<T, C> bias;
  Buffer<T, C> running_mean;
  Buffer<T, C> running_var;
  Buffer<std::int64_t> num_batches_tracked;

  static constexpr int input_dimension = -3;  // channels
  template <std::size_t N>
  using with_input = BatchNorm2d<N, BatchNormOptions{Options}, T>;

  using traits = detail::BatchNormTraits<C, 2, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::batch_norm(*this, x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { detail::reset_batch_norm(*this); }
  void extra_repr(auto& r) const { detail::repr_batch_norm<Options>(r, C); }
};

/// Without weight and bias.
template <std::size_t C, BatchNormOptions Options, class T>
  requires(!Options.affine)
struct BatchNorm2d<C, Options, T> {
  Buffer<T, C> running_mean;
  Buffer<T, C> running_var;
  Buffer<std::int64_t> num_batches_tracked;

  static constexpr int input_dimension = -3;  // channels
  template <std::size_t N>
  using with_input = BatchNorm2d<N, BatchNormOptions{Options}, T>;

  using traits = detail::BatchNormTraits<C, 2, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::batch_norm(*this, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { detail::reset_batch_norm(*this); }
  void extra_repr(auto& r) const { detail::repr_batch_norm<Options>(r, C); }
};

/// Of rows of features, x (B, C), or of sequences, x (B, C, L). As BatchNorm2d otherwise; torch.nn.BatchNorm1d.
template <std::size_t C, BatchNormOptions Options = BatchNormOptions{}, class T = float>
struct BatchNorm1d {
  Parameter<T, C> weight;
  Parameter<T, C> bias;
  Buffer<T, C> running_mean;
  Buffer<T, C> running_var;
  Buffer<std::int64_t> num_batches_tracked;

  static constexpr int input_dimension = 1;  // channels
  template <std::size_t N>
  using with_input = BatchNorm1d<N, BatchNormOptions{Options}, T>;

  using traits = detail::BatchNormTraits<C, 1, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::batch_norm(*this, x, weight, bias);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { detail::reset_batch_norm(*this); }
  void extra_repr(auto& r) const { detail::repr_batch_norm<Options>(r, C); }
};

/// Without weight and bias.
template <std::size_t C, BatchNormOptions Options, class T>
  requires(!Options.affine)
struct BatchNorm1d<C, Options, T> {
  Buffer<T, C> running_mean;
  Buffer<T, C> running_var;
  Buffer<std::int64_t> num_batches_tracked;

  static constexpr int input_dimension = 1;  // channels
  template <std::size_t N>
  using with_input = BatchNorm1d<N, BatchNormOptions{Options}, T>;

  using traits = detail::BatchNormTraits<C, 1, Options>;
  template <TensorLike X>
  [[nodiscard]] auto operator()(X const& x) const {
    return detail::batch_norm(*this, x);
  }
  static constexpr FlowStep flow(Flow const& in) { return traits::map.flow(in); }
  void reset_parameters(TorchRng&) { detail::reset_batch_norm(*this); }
  void extra_repr(auto& r) const { detail::repr_batch_norm<Options>(r, C); }
};

namespace detail {

template <class T>
constexpr auto spell_batch_norm(std::string_view name, std::size_t channels, BatchNormOptions const& o) {
  Spelling s(name);
  spell(s.argument(), channels);
  s.settings<T>("BatchNormOptions", o, [](Spelling& to, BatchNormOptions const& v, BatchNormOptions const& preset) {
    to.option("eps", v.eps, preset.eps);
    to.option("momentum", v.momentum, preset.momentum);
    to.option("affine", v.affine, preset.affine);
  });
  return s.end();
}
struct NormNames {
  static constexpr std::string_view names[] = {"running_mean", "running_var", "num_batches_tracked"};
};
struct AffineNormNames {
  static constexpr std::string_view names[] = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
};
template <std::size_t C, BatchNormOptions O, class T>
struct GivenNames<BatchNorm2d<C, O, T>> : std::conditional_t<O.affine, AffineNormNames, NormNames> {};
template <std::size_t C, BatchNormOptions O, class T>
struct GivenNames<BatchNorm1d<C, O, T>> : std::conditional_t<O.affine, AffineNormNames, NormNames> {};

template <std::size_t C, BatchNormOptions O, class T>
struct NameOf<BatchNorm2d<C, O, T>> {
  static constexpr auto value = spell_batch_norm<T>("BatchNorm2d", C, O);
};
template <std::size_t C, BatchNormOptions O, class T>
struct NameOf<BatchNorm1d<C, O, T>> {
  static constexpr auto value = spell_batch_norm<T>("BatchNorm1d", C, O);
};

}  // namespace detail
}  // namespace ashlar
