// Ashlar: tensors that own their elements, and views of elements that lie elsewhere.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/device.hpp>
#include <ashlar/core/dtype.hpp>
#include <ashlar/core/error.hpp>
#include <ashlar/core/pool.hpp>
#include <ashlar/core/shape.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace ashlar {

template <class T, class Device, std::size_t... E>
class BasicTensor;

/// Elements of type T in row-major order, owned. Each of E is an extent, or `dyn`.
///
/// `Tensor<float, 20>` is a vector of 20, `Tensor<float, dyn, 20>` a batch of them, `Tensor<float>` a scalar.
/// Small tensors of static size lie inside the object, others in pooled memory (core/pool.hpp).
template <class T, std::size_t... E>
using Tensor = BasicTensor<T, Cpu, E...>;

namespace detail {

/// Position of (i, j, ...) in row-major order.
template <class D, class... I>
constexpr std::size_t offset_of(D const& dims, I... index) {
  static_assert(sizeof...(I) == D::rank, "ashlar: the number of indices is the rank of the tensor");
  std::array<std::size_t, sizeof...(I)> const at{static_cast<std::size_t>(index)...};
  std::size_t offset = 0;
  for (std::size_t d = 0; d != at.size(); ++d) offset = offset * dims.size(d) + at[d];
  return offset;
}

/// (n, ...) for the dyn extents, in order.
template <std::size_t... E, class... N>
constexpr Dims<E...> make_dims(N... n) {
  static_assert(sizeof...(N) == Dims<E...>::dyn_count, "ashlar: give one size for each dyn extent, and no others");
  Dims<E...> dims{};
  if constexpr (sizeof...(N) != 0) dims.dynamic = {static_cast<std::size_t>(n)...};
  return dims;
}

struct uninitialized_t {};

// Not from <algorithm>, which costs as much to compile as all of core.
template <class T>
void copy_elements(T const* from, std::size_t n, T* to) {
  if (n != 0) std::memcpy(static_cast<void*>(to), from, n * sizeof(T));
}

[[noreturn]] inline void throw_too_large(Extents const& shape) {
  throw Error(Errc::shape, "a tensor of shape " + to_string(shape) + " is larger than memory can be");
}

/// Bytes of the elements of a tensor. Error: shape, if no object can have so many, or if their number overflows.
template <class T, class D>
std::size_t checked_bytes(D const& dims) {
  std::size_t bytes = D::static_numel * sizeof(T);
  bool fits = true;
  for (std::size_t i = 0; i != D::dyn_count; ++i) {  // not <: nvcc warns of i < 0
    fits = !__builtin_mul_overflow(bytes, dims.dynamic[i], &bytes) && fits;
  }
  if (!fits || bytes > static_cast<std::size_t>(PTRDIFF_MAX)) throw_too_large(dims.value());
  return bytes;
}

}  // namespace detail

/// Elements that lie elsewhere: contiguous, row-major. T may be const.
template <class T, std::size_t... E>
class View {
 public:
  using value_type = std::remove_const_t<T>;
  using dims_type = Dims<E...>;
  using device = Cpu;

  constexpr View(T* data, dims_type dims = {}) : data_(data), dims_(dims) {}
#ifdef __CUDACC__
#pragma nv_diagnostic push
#pragma nv_diag_suppress 554  // of a View<T const>, where the requires-clause takes it away
#endif
  /// Mutable to const.
  constexpr operator View<T const, E...>() const
    requires(!std::is_const_v<T>)
  {
    return {data_, dims_};
  }
#ifdef __CUDACC__
#pragma nv_diagnostic pop
#endif

  [[nodiscard]] constexpr T* data() const { return data_; }
  [[nodiscard]] constexpr dims_type const& dims() const { return dims_; }
  [[nodiscard]] constexpr std::size_t numel() const { return dims_.numel(); }
  [[nodiscard]] constexpr std::size_t size(std::size_t d) const { return dims_.size(d); }
  [[nodiscard]] constexpr Extents shape() const { return dims_.value(); }
  [[nodiscard]] constexpr std::span<T> span() const { return {data_, numel()}; }
  [[nodiscard]] constexpr T* begin() const { return data_; }
  [[nodiscard]] constexpr T* end() const { return data_ + numel(); }

  template <class... I>
  constexpr T& operator()(I... index) const {
    return data_[detail::offset_of(dims_, index...)];
  }
  void fill(value_type value) const
    requires(!std::is_const_v<T>)
  {
    for (T& e : span()) e = value;
  }

 private:
  T* data_;
  dims_type dims_;
};

/// See `Tensor`.
template <class T, std::size_t... E>
class BasicTensor<T, Cpu, E...> {
  static_assert(Element<T> && !std::is_const_v<T>, "ashlar: a tensor's elements are numbers, bool or enums");
  static_assert(sizeof...(E) <= max_rank, "ashlar: a tensor has at most 8 dimensions");

 public:
  using value_type = T;
  using dims_type = Dims<E...>;
  using device = Cpu;

  /// Zeros. Only for static extents.
  BasicTensor()
    requires(dims_type::is_static)
      : BasicTensor(detail::uninitialized_t{}, dims_type{}) {
    fill(T{});
  }
  /// Zeros, with the sizes of the dyn extents in order: `Tensor<float, dyn, 20> x(32)`.
  template <std::convertible_to<std::size_t>... N>
    requires(sizeof...(N) == dims_type::dyn_count && sizeof...(N) != 0)
  explicit BasicTensor(N... n) : BasicTensor(detail::uninitialized_t{}, detail::make_dims<E...>(n...)) {
    fill(T{});
  }
  /// The values given, in row-major order. Error: shape, if their number is not numel().
  BasicTensor(std::initializer_list<T> values)
    requires(dims_type::is_static)
      : BasicTensor(detail::uninitialized_t{}, dims_type{}) {
    assign(std::span<T const>(values.begin(), values.size()));
  }
  /// A copy of the elements seen.
  explicit BasicTensor(View<T const, E...> from) : BasicTensor(detail::uninitialized_t{}, from.dims()) {
    detail::copy_elements(from.data(), numel(), data());
  }
  /// Elements left unwritten, for code that writes each of them next.
  BasicTensor(detail::uninitialized_t, dims_type const& dims) : dims_(dims), storage_(dims) {}

  BasicTensor(BasicTensor const& other) : BasicTensor(detail::uninitialized_t{}, other.dims_) {
    detail::copy_elements(other.data(), numel(), data());
  }
  BasicTensor(BasicTensor&& other) noexcept : dims_(other.dims_), storage_(std::move(other.storage_)) {}
  BasicTensor& operator=(BasicTensor const& other) {
    if (this != &other) *this = BasicTensor(other);
    return *this;
  }
  BasicTensor& operator=(BasicTensor&& other) noexcept {
    dims_ = other.dims_;
    storage_ = std::move(other.storage_);
    return *this;
  }
  ~BasicTensor() = default;

  /// Copies `values` in, in row-major order. Error: shape, if their number is not numel().
  void assign(std::span<T const> values) {
    if (values.size() != numel()) {
      throw Error(Errc::shape, "a tensor of shape " + to_string(shape()) + " takes " + std::to_string(numel()) +
                                   " values but got " + std::to_string(values.size()));
    }
    detail::copy_elements(values.data(), numel(), data());
  }

  [[nodiscard]] T* data() { return storage_.data(); }
  [[nodiscard]] T const* data() const { return storage_.data(); }
  [[nodiscard]] dims_type const& dims() const { return dims_; }
  [[nodiscard]] std::size_t numel() const { return dims_.numel(); }
  [[nodiscard]] std::size_t size(std::size_t d) const { return dims_.size(d); }
  [[nodiscard]] Extents shape() const { return dims_.value(); }
  [[nodiscard]] std::span<T> span() { return {data(), numel()}; }
  [[nodiscard]] std::span<T const> span() const { return {data(), numel()}; }
  [[nodiscard]] T* begin() { return data(); }
  [[nodiscard]] T* end() { return data() + numel(); }
  [[nodiscard]] T const* begin() const { return data(); }
  [[nodiscard]] T const* end() const { return data() + numel(); }

  template <class... I>
  T& operator()(I... index) {
    return data()[detail::offset_of(dims_, index...)];
  }
  template <class... I>
  T const& operator()(I... index) const {
    return data()[detail::offset_of(dims_, index...)];
  }
  /// The value of a tensor of one element.
  [[nodiscard]] T item() const {
    if (numel() != 1) throw Error(Errc::shape, "item() needs one element but the shape is " + to_string(shape()));
    return *data();
  }
  void fill(T value) {
    for (T& e : span()) e = value;
  }

  [[nodiscard]] View<T, E...> view() { return {data(), dims_}; }
  [[nodiscard]] View<T const, E...> view() const { return {data(), dims_}; }

 private:
  /// Up to this size a static tensor lies inside the object: small, so that a chain of layers stays harmless on a
  /// stack.
  static constexpr std::size_t inline_bytes = 1024;

  struct Inline {
    alignas(detail::tensor_alignment) T elements[dims_type::static_numel == 0 ? 1 : dims_type::static_numel];
    explicit Inline(dims_type const&) {}
    T* data() { return elements; }
    T const* data() const { return elements; }
  };

  class Pooled {
   public:
    explicit Pooled(dims_type const& dims)
        : bytes_(detail::checked_bytes<T>(dims)), data_(static_cast<T*>(detail::Pool::allocate(bytes_))) {}
    Pooled(Pooled&& other) noexcept : bytes_(other.bytes_), data_(std::exchange(other.data_, nullptr)) {}
    Pooled& operator=(Pooled&& other) noexcept {
      std::swap(data_, other.data_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Pooled() {
      if (data_ != nullptr) detail::Pool::deallocate(data_, bytes_);
    }
    T* data() { return data_; }
    T const* data() const { return data_; }

   private:
    std::size_t bytes_;
    T* data_;
  };

  static constexpr bool is_inline = dims_type::is_static && dims_type::static_numel * sizeof(T) <= inline_bytes;

  dims_type dims_;
  std::conditional_t<is_inline, Inline, Pooled> storage_;
};

/// `bytes` equal, element by element: 0.0 and -0.0 differ, a NaN equals itself.
template <class A, class B>
[[nodiscard]] bool bitwise_equal(A const& a, B const& b) {
  if (!(a.shape() == b.shape())) return false;
  auto const* p = reinterpret_cast<std::byte const*>(a.data());
  auto const* q = reinterpret_cast<std::byte const*>(b.data());
  for (std::size_t i = 0; i < a.numel() * sizeof(*a.data()); ++i) {
    if (p[i] != q[i]) return false;
  }
  return true;
}

}  // namespace ashlar
