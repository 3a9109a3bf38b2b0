// Ashlar: values inside a network that runs on a CUDA device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/to.hpp>
#include <ashlar/cuda/device_arena.hpp>
#include <ashlar/cuda/launcher.hpp>
#include <ashlar/grad/device_check.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/grad/tape.hpp>
#include <ashlar/grad/trace.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>

namespace ashlar {

/// Context of a value in a network that runs on a device and is not recorded.
struct Inference {};

template <class Context, class T, std::size_t... E>
class CudaTraced;

namespace detail {

/// A run of a network on a device, recorded or not: where memory comes from, and where a parameter lies.
///
/// The forward is run with the network's shadow (core/host_shadow.hpp), so a parameter is known by its place in that.
/// All of a recording's work goes to the stream that was in use when it began, also what is asked for elsewhere.
class CudaRun {
 public:
  /// The arena is that of the stream, or a tape's own, which records.
  CudaRun(StreamState& stream, DeviceArena& arena, TapeCore& tape, void const* net_on_device, bool recorded)
      : stream_(stream.shared_from_this()),
        arena_(&arena),
        tape_(&tape),
        net_(static_cast<std::byte const*>(net_on_device)),
        recorded_(recorded) {}

  template <class T>
  T* allocate(std::size_t n) {
    begin();
    InStream const here = in_stream();
    return static_cast<T*>(arena_->allocate(n * sizeof(T)));
  }
  template <class T>
  T* allocate_zeros(std::size_t n) {
    T* const p = allocate<T>(n);
    InStream const here = in_stream();
    if (n != 0) cuda_driver->clear(ordinal(), p, n * sizeof(T)).value();
    return p;
  }
  template <class T>
  T* copy_of(T const* from, std::size_t n) {
    T* const p = allocate<T>(n);
    InStream const here = in_stream();
    launcher().copy(from, n, p);
    return p;
  }
  /// A parameter on the device. Error: value, if the network that runs does not hold it.
  template <class T>
  T const* on_device(T const* in_shadow) const {
    if (!tape_->holds(in_shadow)) {
      throw Error(Errc::value,
                  "a network on " + to_string(Cuda{ordinal()}) + " was given a parameter that it does not hold");
    }
    return reinterpret_cast<T const*>(net_ + tape_->offset_in_net(in_shadow));
  }

  /// What TapeCore::writable finds, on the device.
  template <class T>
  T* writable(T const* in_shadow) const {
    return tape_->writable(in_shadow) != nullptr ? const_cast<T*>(on_device(in_shadow)) : nullptr;
  }

  /// A new recording takes its memory from the start, and work goes to the stream now in use. Another, which the last
  /// recording was in, may still work on that memory: it is waited for.
  void begin() {
    if (!tape_->start_if_new()) return;
    StreamState& now = current_stream(ordinal());
    if (&now != stream_.get() && arena_->is_in_use()) cuda_driver->wait(ordinal(), stream_->handle).value();
    stream_ = now.shared_from_this();
    arena_->reset();
  }
  [[nodiscard]] InStream in_stream() const { return InStream(*stream_); }

  /// A parameter as a value of this run.
  template <class Context, Kind K, class T, std::size_t... E>
  CudaTraced<Context, T, E...> traced(Stored<K, T, E...> const& parameter) {
    T* const grad = K == Kind::parameter && recorded_ ? tape_->grad_of(parameter.data()) : nullptr;
    return {this, const_cast<T*>(on_device(parameter.data())), grad, parameter.dims()};  // which nobody writes
  }

  [[nodiscard]] TapeCore& tape() const { return *tape_; }
  [[nodiscard]] bool recorded() const { return recorded_; }
  [[nodiscard]] int ordinal() const { return stream_->ordinal; }
  [[nodiscard]] CudaLauncher launcher() const { return CudaLauncher(*stream_); }

 private:
  std::shared_ptr<StreamState> stream_;
  DeviceArena* arena_;
  TapeCore* tape_;
  std::byte const* net_;
  bool recorded_;
};

/// A run that is not recorded, in the stream's memory, which it gives back.
class InferenceRun {
 public:
  /// shadow is null for what is no network.
  InferenceRun(int ordinal, void const* shadow, std::size_t bytes, void const* net_on_device)
      : stream_(&current_stream(ordinal)),
        before_(stream_->arena.mark()),
        tape_(shadow, nullptr, nullptr, bytes, nullptr, {}, true),
        run_(*stream_, stream_->arena, tape_, net_on_device, false) {
    tape_.start_if_new();
  }
  InferenceRun(InferenceRun const&) = delete;
  InferenceRun& operator=(InferenceRun const&) = delete;
  ~InferenceRun() { stream_->arena.release(before_); }

  [[nodiscard]] CudaRun& run() { return run_; }
  [[nodiscard]] TapeCore const& tape() const { return tape_; }

 private:
  StreamState* stream_;
  DeviceArena::Mark before_;
  TapeCore tape_;
  CudaRun run_;
};

}  // namespace detail

/// What `Traced` is on the host: a value of a forward pass on a device, with the place of its gradient if it is
/// recorded. A small handle: copies refer to the same value. Valid until the tape's next recording, or the end of the
/// forward.
template <class Context, class T, std::size_t... E>
class CudaTraced {
 public:
  using value_type = T;
  using dims_type = Dims<E...>;
  using device = Cuda;
  using context = Context;

  CudaTraced(detail::CudaRun* run, T* value, T* grad, dims_type const& dims)
      : run_(run), value_(value), grad_(grad), dims_(dims) {}

  [[nodiscard]] int ordinal() const { return run_->ordinal(); }
  [[nodiscard]] T const* device_data() const { return value_; }
  [[nodiscard]] dims_type const& dims() const { return dims_; }
  [[nodiscard]] std::size_t numel() const { return dims_.numel(); }
  [[nodiscard]] std::size_t size(std::size_t d) const { return dims_.size(d); }
  [[nodiscard]] Extents shape() const { return dims_.value(); }
  [[nodiscard]] bool requires_grad() const { return grad_ != nullptr; }
  [[nodiscard]] T* device_grad() const { return grad_; }
  [[nodiscard]] detail::CudaRun& run() const { return *run_; }

  /// The value on the host. Waits for the device. Error: device.
  [[nodiscard]] Tensor<T, E...> to_host() const { return fetch(value_); }
  /// The gradient after `backward`, on the host. Waits for the device. Errors: value, if none flows here; device.
  [[nodiscard]] Tensor<T, E...> grad_to_host() const {
    if (grad_ == nullptr) throw Error(Errc::value, "no gradient flows to this value");
    return fetch(grad_);
  }
  /// The value of one element: to report a loss. Waits for the device. Errors: shape, device.
  [[nodiscard]] T item() const {
    if (numel() != 1) throw Error(Errc::shape, "item() needs one element but the shape is " + to_string(shape()));
    return *to_host().data();
  }

 private:
  [[nodiscard]] Tensor<T, E...> fetch(T const* from) const {
    Tensor<T, E...> y(detail::uninitialized_t{}, dims_);
    detail::InStream const here = run_->in_stream();
    if (numel() != 0) detail::cuda_driver->to_host(ordinal(), y.data(), from, numel() * sizeof(T)).value();
    return y;
  }

  detail::CudaRun* run_;
  T* value_;
  T* grad_;
  dims_type dims_;
};

namespace detail {

template <class C, class T, std::size_t... E>
inline constexpr bool is_tensor<CudaTraced<C, T, E...>> = true;
template <class T, std::size_t... E>
inline constexpr bool is_training<CudaTraced<Training, T, E...>> = true;
template <class C, class T, std::size_t... E>
inline constexpr bool is_recorded<CudaTraced<C, T, E...>> = !std::is_same_v<C, Inference>;
template <class T, std::size_t... E>
inline constexpr bool is_on_cuda<BasicTensor<T, Cuda, E...>> = true;
template <class C, class T, std::size_t... E>
inline constexpr bool is_on_cuda<CudaTraced<C, T, E...>> = true;
template <class C, class T, std::size_t... E>
inline constexpr bool runs_on_cuda<CudaTraced<C, T, E...>> = true;

template <class C, class T, std::size_t... E>
struct DeviceOf<CudaTraced<C, T, E...>> {
  using type = Cuda;
  using on_host = Tensor<T, E...>;
};

/// A view of device memory, for kernels; the host reads nothing through it.
template <class T, std::size_t... E>
View<T const, E...> device_view(BasicTensor<T, Cuda, E...> const& x) {
  return {x.device_data(), x.dims()};
}
template <class C, class T, std::size_t... E>
View<T const, E...> device_view(CudaTraced<C, T, E...> const& x) {
  return {x.device_data(), x.dims()};
}

}  // namespace detail
}  // namespace ashlar
