// Ashlar: copies of tensors and networks from one device to another.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/devices.hpp>
#include <ashlar/core/host_shadow.hpp>
#include <ashlar/core/owned.hpp>
#include <ashlar/core/parameter.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/result.hpp>
#include <ashlar/core/tensor.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

/// Memory on a CUDA device.
class CudaMemory {
 public:
  static Result<CudaMemory> allocate(Cuda device, std::size_t bytes) {
    if (auto there = try_require(device); !there) return std::move(there).error();
    if (bytes == 0) return CudaMemory(device.ordinal, 0, nullptr);
    auto memory = cuda_driver->allocate(device.ordinal, bytes);
    if (!memory) return std::move(memory).error();
    return CudaMemory(device.ordinal, bytes, *memory);
  }
  /// A copy of host memory.
  static Result<CudaMemory> copy_of(void const* from, std::size_t bytes, Cuda device) {
    auto to = allocate(device, bytes);
    if (!to || bytes == 0) return to;
    if (auto done = cuda_driver->to_device(device.ordinal, to->data_, from, bytes); !done) {
      return std::move(done).error();
    }
    return to;
  }
  CudaMemory(CudaMemory&& other) noexcept
      : ordinal_(other.ordinal_), bytes_(other.bytes_), data_(std::exchange(other.data_, nullptr)) {}
  CudaMemory& operator=(CudaMemory&& other) noexcept {
    std::swap(ordinal_, other.ordinal_);
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~CudaMemory() {
    if (data_ != nullptr) cuda_driver->deallocate(ordinal_, data_);
  }

  [[nodiscard]] Result<CudaMemory> copied_to(Cuda device) const {
    auto to = allocate(device, bytes_);
    if (!to || bytes_ == 0) return to;
    if (auto done = cuda_driver->between(device.ordinal, to->data_, ordinal_, data_, bytes_); !done) {
      return std::move(done).error();
    }
    return to;
  }
  [[nodiscard]] Result<void> copy_to_host(void* to) const {
    if (bytes_ == 0) return {};
    return cuda_driver->to_host(ordinal_, to, data_, bytes_);
  }

  [[nodiscard]] int ordinal() const { return ordinal_; }
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  CudaMemory(int ordinal, std::size_t bytes, void* data) : ordinal_(ordinal), bytes_(bytes), data_(data) {}
  int ordinal_;
  std::size_t bytes_;
  void* data_;
};

}  // namespace detail

/// A tensor on a CUDA device. Its elements are no business of the host, so it has no operator() and no begin().
template <class T, std::size_t... E>
class BasicTensor<T, Cuda, E...> {
 public:
  using value_type = T;
  using dims_type = Dims<E...>;
  using device = Cuda;

  BasicTensor(detail::CudaMemory memory, dims_type const& dims) : memory_(std::move(memory)), dims_(dims) {}

  [[nodiscard]] int ordinal() const { return memory_.ordinal(); }
  [[nodiscard]] T* device_data() const { return static_cast<T*>(memory_.data()); }
  [[nodiscard]] dims_type const& dims() const { return dims_; }
  [[nodiscard]] std::size_t numel() const { return dims_.numel(); }
  [[nodiscard]] std::size_t size(std::size_t d) const { return dims_.size(d); }
  [[nodiscard]] Extents shape() const { return dims_.value(); }
  [[nodiscard]] detail::CudaMemory const& memory() const { return memory_; }
  /// The value of one element. Waits for the device. Errors: shape, device.
  [[nodiscard]] T item() const {
    if (numel() != 1) throw Error(Errc::shape, "item() needs one element but the shape is " + to_string(shape()));
    T value{};
    memory_.copy_to_host(&value).value();
    return value;
  }

 private:
  detail::CudaMemory memory_;
  dims_type dims_;
};

namespace detail {
template <class T>
struct CudaRunMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    s.add("ashlar: this network lies on cuda: include <ashlar/cuda.hpp> to run it there, or copy it with to<Cpu>(net)");
    return s;
  }();
};

/// Runs networks on CUDA devices: cuda/forward.hpp specialises it. Asked for without that, it is a mistake.
template <class T, class = void>
struct CudaForward {
  template <class Net, class X, class... Rest>
  static X run(Net const&, X const& x, Rest const&...) {
    refuse<CudaRunMistake<T>>();
    return x;
  }
};

}  // namespace detail

/// A network on a CUDA device: the bytes of a T, in one block. What Owned<T> is on the host.
template <class T>
class CudaOwned {
 public:
  explicit CudaOwned(detail::CudaMemory memory) : memory_(std::move(memory)) {}

  [[nodiscard]] int ordinal() const { return memory_.ordinal(); }
  [[nodiscard]] T* device_data() const { return static_cast<T*>(memory_.data()); }
  [[nodiscard]] detail::CudaMemory const& memory() const { return memory_; }
  [[nodiscard]] detail::HostShadow& shadow() const { return shadow_; }

  /// Runs the network where it lies, with inputs on the same device; the output is there too. See cuda/forward.hpp.
  template <class X, class... Rest>
  [[nodiscard]] auto operator()(X const& x, Rest const&... rest) const {
    return detail::CudaForward<T>::run(*this, x, rest...);
  }

 private:
  detail::CudaMemory memory_;
  mutable detail::HostShadow shadow_;
};

namespace detail {

/// Where a value lies, and what a copy of it is called on the other side.
template <class X>
struct Residence {  // a plain struct
  using device = Cpu;
  using on_cuda = CudaOwned<X>;
  static void const* data(X const& x) { return &x; }
  static constexpr std::size_t bytes(X const&) { return sizeof(X); }
};
template <class T>
struct Residence<Owned<T>> {
  using device = Cpu;
  using on_cuda = CudaOwned<T>;
  static void const* data(Owned<T> const& x) { return x.get(); }
  static constexpr std::size_t bytes(Owned<T> const&) { return sizeof(T); }
};
template <class X, class T, std::size_t... E>
struct HostTensorResidence {
  using device = Cpu;
  using on_cuda = BasicTensor<T, Cuda, E...>;
  static void const* data(X const& x) { return x.data(); }
  static std::size_t bytes(X const& x) { return x.numel() * sizeof(T); }
};
template <class T, std::size_t... E>
struct Residence<BasicTensor<T, Cpu, E...>> : HostTensorResidence<BasicTensor<T, Cpu, E...>, T, E...> {};
template <class T, std::size_t... E>
struct Residence<View<T, E...>> : HostTensorResidence<View<T, E...>, std::remove_const_t<T>, E...> {};
template <Kind K, class T, std::size_t... E>
struct Residence<Stored<K, T, E...>> : HostTensorResidence<Stored<K, T, E...>, T, E...> {};

template <class T, std::size_t... E>
struct Residence<BasicTensor<T, Cuda, E...>> {
  using X = BasicTensor<T, Cuda, E...>;
  using device = Cuda;
  using on_cuda = X;
  static Result<Tensor<T, E...>> to_host(X const& x) {
    Tensor<T, E...> y(uninitialized_t{}, x.dims());
    if (auto done = x.memory().copy_to_host(y.data()); !done) return std::move(done).error();
    return Result<Tensor<T, E...>>(std::move(y));
  }
};
template <class T>
struct Residence<CudaOwned<T>> {
  using device = Cuda;
  using on_cuda = CudaOwned<T>;
  static Result<Owned<T>> to_host(CudaOwned<T> const& x) {
    auto y = make_zeros<T>();
    if (auto done = x.memory().copy_to_host(y.get()); !done) return std::move(done).error();
    return Result<Owned<T>>(std::move(y));
  }
};

template <class Y, class X>
Y with_memory(CudaMemory memory, [[maybe_unused]] X const& like) {
  if constexpr (requires { like.dims(); }) {
    return Y(std::move(memory), like.dims());
  } else {
    return Y(std::move(memory));
  }
}

}  // namespace detail

/// The device a value lies on: Cpu{}, or a Cuda with its ordinal.
template <class X>
auto device_of(X const& x) {
  if constexpr (std::is_same_v<typename detail::Residence<X>::device, Cuda>) {
    return Cuda{x.ordinal()};
  } else {
    return Cpu{};
  }
}

/// A copy of a tensor or a network on another device: one transfer. Error: device.
template <class X>
auto try_to(X const& x, Cuda device) -> Result<typename detail::Residence<X>::on_cuda> {
  using Y = typename detail::Residence<X>::on_cuda;
  auto memory = [&] {
    if constexpr (std::is_same_v<X, Y>) {
      return x.memory().copied_to(device);
    } else {
      return detail::CudaMemory::copy_of(detail::Residence<X>::data(x), detail::Residence<X>::bytes(x), device);
    }
  }();
  if (!memory) return std::move(memory).error();
  return detail::with_memory<Y>(*std::move(memory), x);
}
template <class X>
  requires(std::is_same_v<typename detail::Residence<X>::device, Cuda>)
auto try_to(X const& x, Cpu) {
  return detail::Residence<X>::to_host(x);
}

/// The value on that device. A tensor becomes a BasicTensor<T, Device, E...>; a network, a plain struct or an Owned, a
/// CudaOwned or an Owned. What lies in a mapped file goes to the device from there: `to(*map<MLP>(path), Cuda{1})`.
///
/// Cost    one transfer. Nothing is copied if the value is there already: what is on the Cpu comes back as the same
///         object; a tensor or network on the same CUDA device is handed through if it is moved in, and else copied,
///         because it stays the caller's.
/// Errors  run time: device, with what is missing.
/// Usage   examples/guide/devices.cpp
template <class X>
decltype(auto) to(X&& x, Cpu) {
  using U = std::remove_cvref_t<X>;
  if constexpr (std::is_same_v<typename detail::Residence<U>::device, Cuda>) {
    return try_to(x, Cpu{}).value();
  } else if constexpr (std::is_lvalue_reference_v<X>) {
    return (x);
  } else {
    return U(std::move(x));
  }
}
template <class X>
auto to(X&& x, Cuda device) {
  using U = std::remove_cvref_t<X>;
  if constexpr (std::is_same_v<typename detail::Residence<U>::device, Cuda> && !std::is_reference_v<X>) {
    if (x.ordinal() == device.ordinal) return U(std::move(x));
  }
  return try_to(std::as_const(x), device).value();
}
/// `to<Cpu>(x)`, `to<Cuda>(net, 1)`.
template <class D, class X>
decltype(auto) to(X&& x) {
  return to(std::forward<X>(x), D{});
}
template <class D, class X>
auto to(X&& x, int ordinal) {
  static_assert(std::is_same_v<D, Cuda>, "ashlar: only CUDA devices have an ordinal");
  return to(std::forward<X>(x), D{ordinal});
}

}  // namespace ashlar
