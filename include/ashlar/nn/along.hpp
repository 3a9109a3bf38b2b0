// Ashlar: a dimension in the middle of a tensor as the last one, which the kernels work on.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/tensor.hpp>
#include <ashlar/kernels/transpose/cpu.hpp>

#include <cstddef>
#include <utility>

namespace ashlar::detail {

template <std::size_t D, class I, std::size_t... E>
struct WithoutDim;
template <std::size_t D, std::size_t... I, std::size_t... E>
struct WithoutDim<D, std::index_sequence<I...>, E...> {
  using type = Dims<Dims<E...>::extents[I < D ? I : I + 1]...>;
};

/// The extents but that of dimension D.
template <std::size_t D, std::size_t... E>
constexpr auto without_dim(Dims<E...> const& from) {
  typename WithoutDim<D, std::make_index_sequence<sizeof...(E) - 1>, E...>::type to{};
  if constexpr (decltype(to)::dyn_count != 0) {
    std::size_t at = 0;
    for (std::size_t d = 0; d < from.rank; ++d) {
      if (d != D && from.extents[d] == dyn) to.dynamic[at++] = from.size(d);
    }
  }
  return to;
}

/// A shape seen along one of its dimensions: (outer, size, inner).
struct Along {
  std::size_t outer = 1;
  std::size_t size = 1;
  std::size_t inner = 1;

  Along(Extents const& shape, std::size_t dim) : size(shape[dim]) {
    for (std::size_t d = 0; d < dim; ++d) outer *= shape[d];
    for (std::size_t d = dim + 1; d < shape.rank; ++d) inner *= shape[d];
  }
  [[nodiscard]] std::size_t rows() const { return outer * inner; }
  [[nodiscard]] std::size_t numel() const { return rows() * size; }
};

/// x as (rows, size): x itself if the dimension is its last one, else a copy from the pool.
template <class T>
class RowsOf {
 public:
  RowsOf(Along const& a, T const* x) : copy_(uninitialized_t{}, make_dims<dyn>(a.inner == 1 ? 0 : a.numel())), x_(x) {
    if (a.inner == 1) return;
    kernels::transpose(a.outer, a.size, a.inner, x, copy_.data());
    x_ = copy_.data();
  }
  RowsOf(RowsOf const&) = delete;
  RowsOf& operator=(RowsOf const&) = delete;

  [[nodiscard]] T const* data() const { return x_; }

 private:
  Tensor<T, dyn> copy_;
  T const* x_;
};

/// A place for values, or for what is added to them, as (rows, size), which goes to `target` when it ends.
template <class T>
class RowsInto {
 public:
  RowsInto(Along const& a, T* target)
      : along_(a), target_(target), copy_(target == nullptr || a.inner == 1 ? 0 : a.numel()) {}
  RowsInto(RowsInto const&) = delete;
  RowsInto& operator=(RowsInto const&) = delete;
  ~RowsInto() {
    if (data() != target_) kernels::transpose_add(along_.outer, along_.inner, along_.size, copy_.data(), target_);
  }

  /// Null if the target is.
  [[nodiscard]] T* data() { return target_ == nullptr || along_.inner == 1 ? target_ : copy_.data(); }

 private:
  Along along_;
  T* target_;
  Tensor<T, dyn> copy_;
};

}  // namespace ashlar::detail
