// Ashlar: + - * / of tensors and numbers.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>
#include <ashlar/nn/flow.hpp>

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {
namespace detail {

/// True if extents `small` are the last ones of `large`, as far as the types know.
constexpr bool is_suffix(Extents const& large, Extents const& small) {
  if (small.rank > large.rank) return false;
  for (std::size_t d = 0; d < small.rank; ++d) {
    std::size_t const a = large[large.rank - small.rank + d];
    if (a != small[d] && a != dyn && small[d] != dyn) return false;
  }
  return true;
}

template <class A, class B>
struct ElementwiseMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr Extents a = A::dims_type::type();
    constexpr Extents b = B::dims_type::type();
    if (!std::is_same_v<typename A::value_type, typename B::value_type>) {
      s.add("ashlar: an elementwise op got ").add(name_of(dtype_of<typename A::value_type>)).add(" and ");
      s.add(name_of(dtype_of<typename B::value_type>)).add(": nothing is converted silently");
    } else if (!is_suffix(a, b) && !is_suffix(b, a)) {
      s.add("ashlar: an elementwise op cannot join shapes ");
      add_shape(s, a);
      s.add(" and ");
      add_shape(s, b);
      s.add(": they are equal, or one is the end of the other");
    }
    return s;
  }();
};

enum class Arithmetic { add, sub, mul, div };

constexpr std::string_view sign(Arithmetic k) {
  constexpr std::string_view signs[] = {"operator+", "operator-", "operator*", "operator/"};
  return signs[static_cast<int>(k)];
}

/// y = a op b, where the shapes are equal, or one is the end of the other and is repeated over the leading dimensions.
template <Arithmetic K, bool BIsSmall>
struct BinaryOp {
  static constexpr std::string_view name = sign(K);

  template <class A, class B>
  auto output(A a, B b) const {
    Extents const large = BIsSmall ? a.shape() : b.shape();
    Extents const small = BIsSmall ? b.shape() : a.shape();
    if (!is_suffix(large, small)) {
      throw Error(Errc::shape, "an elementwise op cannot join shapes " + to_string(a.shape()) + " and " +
                                   to_string(b.shape()) + ": they are equal, or one is the end of the other");
    }
    using T = typename A::value_type;
    if constexpr (BIsSmall) {
      return like<T>(a.dims());
    } else {
      return like<T>(b.dims());
    }
  }
  template <class Y, class A, class B>
  void forward(Y y, A a, B b) const {
    std::size_t const n = BIsSmall ? b.numel() : a.numel();
    if (y.numel() == 0) return;
    if (n == 1 && y.numel() != 1) {
      with_scalar(y, a, b);
    } else {
      for (std::size_t at = 0; at < y.numel(); at += n) {
        auto const* const pa = a.data() + (BIsSmall ? at : 0);
        auto const* const pb = b.data() + (BIsSmall ? 0 : at);
        if constexpr (K == Arithmetic::add) kernels::add(n, pa, pb, y.data() + at);
        if constexpr (K == Arithmetic::sub) kernels::sub(n, pa, pb, y.data() + at);
        if constexpr (K == Arithmetic::mul) kernels::mul(n, pa, pb, y.data() + at);
        if constexpr (K == Arithmetic::div) kernels::div(n, pa, pb, y.data() + at);
      }
    }
  }
  template <class Y, class A, class B>
  void pullback(Y dy, Y y, A const& a, B const& b) const {
    using T = typename Y::value_type;
    std::size_t const n = BIsSmall ? b.numel() : a.numel();
    for (std::size_t i = 0; i < dy.numel(); ++i) {
      std::size_t const ia = BIsSmall ? i : i % n;
      std::size_t const ib = BIsSmall ? i % n : i;
      T const g = dy.data()[i];
      if (a.grad != nullptr) {
        if constexpr (K == Arithmetic::mul) a.grad[ia] += g * b.data()[ib];
        else if constexpr (K == Arithmetic::div) a.grad[ia] += g / b.data()[ib];
        else a.grad[ia] += g;
      }
      if (b.grad != nullptr) {
        if constexpr (K == Arithmetic::add) b.grad[ib] += g;
        else if constexpr (K == Arithmetic::sub) b.grad[ib] -= g;
        else if constexpr (K == Arithmetic::mul) b.grad[ib] += g * a.data()[ia];
        else b.grad[ib] -= g * y.data()[i] / b.data()[ib];
      }
    }
  }

 private:
  template <class Y, class A, class B>
  static void with_scalar(Y y, A a, B b) {
    std::size_t const n = y.numel();
    if constexpr (BIsSmall) {
      auto const s = *b.data();
      if constexpr (K == Arithmetic::add) kernels::add_scalar(n, a.data(), s, y.data());
      if constexpr (K == Arithmetic::sub) kernels::add_scalar(n, a.data(), -s, y.data());
      if constexpr (K == Arithmetic::mul) kernels::mul_scalar(n, a.data(), s, y.data());
      if constexpr (K == Arithmetic::div) kernels::div_scalar(n, a.data(), s, y.data());
    } else {
      auto const s = *a.data();
      if constexpr (K == Arithmetic::add) kernels::add_scalar(n, b.data(), s, y.data());
      if constexpr (K == Arithmetic::sub) kernels::scalar_sub(n, s, b.data(), y.data());
      if constexpr (K == Arithmetic::mul) kernels::mul_scalar(n, b.data(), s, y.data());
      if constexpr (K == Arithmetic::div) kernels::scalar_div(n, s, b.data(), y.data());
    }
  }
};

template <Arithmetic K, class A, class B>
auto arithmetic(A const& a, B const& b) {
  if constexpr (!together<A, B>()) {
    return refuse_device<BinaryOp<K, true>, A, B>();
  } else if constexpr (!ElementwiseMistake<A, B>::value.empty()) {
    refuse<ElementwiseMistake<A, B>>();
    return harmless(a, like<typename A::value_type>(a.dims()));
  } else {
    return apply(BinaryOp<K, (A::dims_type::rank >= B::dims_type::rank)>{}, a, b);
  }
}

/// y = a op s or s op a, s a number.
template <Arithmetic K, bool NumberFirst, class T>
struct ScalarOp {
  static constexpr std::string_view name = sign(K);

  T s;

  template <std::size_t... E>
  auto output(View<T const, E...> a) const {
    return like<T>(a.dims());
  }
  template <class Y, class A>
  void forward(Y y, A a) const {
    std::size_t const n = y.numel();
    if constexpr (K == Arithmetic::add) kernels::add_scalar(n, a.data(), s, y.data());
    if constexpr (K == Arithmetic::sub && !NumberFirst) kernels::add_scalar(n, a.data(), -s, y.data());
    if constexpr (K == Arithmetic::sub && NumberFirst) kernels::scalar_sub(n, s, a.data(), y.data());
    if constexpr (K == Arithmetic::mul) kernels::mul_scalar(n, a.data(), s, y.data());
    if constexpr (K == Arithmetic::div && !NumberFirst) kernels::div_scalar(n, a.data(), s, y.data());
    if constexpr (K == Arithmetic::div && NumberFirst) kernels::scalar_div(n, s, a.data(), y.data());
  }
  template <class Y, class A>
  void pullback(Y dy, Y y, A const& a) const {
    if (a.grad == nullptr) return;
    for (std::size_t i = 0; i < dy.numel(); ++i) {
      T const g = dy.data()[i];
      if constexpr (K == Arithmetic::add || (K == Arithmetic::sub && !NumberFirst)) a.grad[i] += g;
      if constexpr (K == Arithmetic::sub && NumberFirst) a.grad[i] -= g;
      if constexpr (K == Arithmetic::mul) a.grad[i] += g * s;
      if constexpr (K == Arithmetic::div && !NumberFirst) a.grad[i] += g / s;
      if constexpr (K == Arithmetic::div && NumberFirst) a.grad[i] -= g * y.data()[i] / a.data()[i];
    }
  }
};

template <Arithmetic K, bool NumberFirst, class X>
auto scalar_arithmetic(X const& x, double s) {
  if constexpr (!together<X>()) {
    return refuse_device<ScalarOp<K, NumberFirst, float>, X>();
  } else {
    using T = typename X::value_type;
    return apply(ScalarOp<K, NumberFirst, T>{static_cast<T>(s)}, x);
  }
}

template <class N>
concept Number = std::is_arithmetic_v<N>;

}  // namespace detail

// a op b: shapes are equal, or one is the end of the other: (B, N) + (N), x - mean(x). Errors as in BinaryOp.
template <TensorLike A, TensorLike B> auto operator+(A const& a, B const& b) {
  return detail::arithmetic<detail::Arithmetic::add>(a, b);
}
template <TensorLike A, TensorLike B> auto operator-(A const& a, B const& b) {
  return detail::arithmetic<detail::Arithmetic::sub>(a, b);
}
template <TensorLike A, TensorLike B> auto operator*(A const& a, B const& b) {
  return detail::arithmetic<detail::Arithmetic::mul>(a, b);
}
template <TensorLike A, TensorLike B> auto operator/(A const& a, B const& b) {
  return detail::arithmetic<detail::Arithmetic::div>(a, b);
}

// With a number, which takes the tensor's dtype.
template <TensorLike A> auto operator+(A const& a, detail::Number auto s) {
  return detail::scalar_arithmetic<detail::Arithmetic::add, false>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator-(A const& a, detail::Number auto s) {
  return detail::scalar_arithmetic<detail::Arithmetic::sub, false>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator*(A const& a, detail::Number auto s) {
  return detail::scalar_arithmetic<detail::Arithmetic::mul, false>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator/(A const& a, detail::Number auto s) {
  return detail::scalar_arithmetic<detail::Arithmetic::div, false>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator+(detail::Number auto s, A const& a) {
  return detail::scalar_arithmetic<detail::Arithmetic::add, true>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator-(detail::Number auto s, A const& a) {
  return detail::scalar_arithmetic<detail::Arithmetic::sub, true>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator*(detail::Number auto s, A const& a) {
  return detail::scalar_arithmetic<detail::Arithmetic::mul, true>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator/(detail::Number auto s, A const& a) {
  return detail::scalar_arithmetic<detail::Arithmetic::div, true>(a, static_cast<double>(s));
}
template <TensorLike A> auto operator-(A const& a) {
  return detail::scalar_arithmetic<detail::Arithmetic::mul, false>(a, -1.0);
}

}  // namespace ashlar
