// Ashlar: what all losses share: how their elements become one number, and weights.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/tensor.hpp>
#include <ashlar/grad/device_check.hpp>
#include <ashlar/grad/tape.hpp>
#include <ashlar/grad/trace.hpp>
#include <ashlar/kernels/loss/elementwise.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {
namespace detail {

template <kernels::Reduction R, bool ByRows = false>
struct ReductionIs {
  static constexpr kernels::Reduction value = R;
  static constexpr bool by_rows = ByRows;
};

template <class R>
inline constexpr bool is_reduction = false;
template <kernels::Reduction R, bool ByRows>
inline constexpr bool is_reduction<ReductionIs<R, ByRows>> = true;

}  // namespace detail

/// How the losses of the rows (or elements) become the result. Each is a type of its own: `none` gives a tensor, the
/// others a scalar. `batchmean`, for kl_div, is the sum divided by the number of rows.
struct Reduction {
  static constexpr detail::ReductionIs<kernels::Reduction::none> none{};
  static constexpr detail::ReductionIs<kernels::Reduction::mean> mean{};
  static constexpr detail::ReductionIs<kernels::Reduction::sum> sum{};
  static constexpr detail::ReductionIs<kernels::Reduction::sum, true> batchmean{};
};

namespace detail {

template <class R>
concept IsReduction = is_reduction<R>;
template <class R>
concept PlainReduction = is_reduction<R> && !R::by_rows;

using Mean = std::remove_const_t<decltype(Reduction::mean)>;

}  // namespace detail

/// Weights of a loss, one for each class: a tensor on the device of the loss, used where it lies. It gets no gradient;
/// a recording keeps a copy.
template <class T>
class Weights {
 public:
  static constexpr std::string_view name = "a weighted loss";

  Weights() = default;
  template <TensorLike W>
  Weights(W const& weights) {
    if constexpr (!detail::on_host<W>() && !detail::is_on_cuda<W>) {
      detail::refuse_device<Weights, W>();
    } else {
      static_assert(std::is_same_v<typename W::value_type, T>, "ashlar: the weights of a loss have the input's dtype");
      if constexpr (detail::is_on_cuda<W>) {
        data_ = weights.device_data();
        on_cuda_ = true;
      } else {
        data_ = weights.data();
      }
      size_ = weights.numel();
    }
  }

  /// Null if there are none.
  [[nodiscard]] T const* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Errors: shape, if there are weights and not `expected` of them; device, if they are not where the loss is.
  void check(std::size_t expected, char const* loss, bool on_cuda = false) const {
    if (data_ == nullptr) return;
    if (on_cuda_ != on_cuda) {
      throw Error(Errc::device, std::string("the weights of ") + loss + " lie on " + (on_cuda_ ? "cuda" : "the cpu") +
                                    " and its input does not");
    }
    if (size_ == expected) return;
    throw Error(Errc::shape, std::string(loss) + " takes one weight for each of " + std::to_string(expected) +
                                 " classes but got " + std::to_string(size_));
  }
  /// A copy that a run on a device keeps.
  template <class Run>
  void keep_on_device(Run& run) {
    if (data_ != nullptr) data_ = run.copy_of(data_, size_);
  }
  void keep(detail::TapeCore& tape) {
    if (data_ == nullptr) return;
    T* const copy = tape.allocate<T>(size_);
    detail::copy_elements(data_, size_, copy);
    data_ = copy;
  }

 private:
  T const* data_ = nullptr;
  std::size_t size_ = 0;
  bool on_cuda_ = false;
};

}  // namespace ashlar
