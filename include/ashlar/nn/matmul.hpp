// Ashlar: the matrix product.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parallel.hpp>
#include <ashlar/grad/op.hpp>
#include <ashlar/kernels/matmul/cpu.hpp>
#include <ashlar/nn/flow.hpp>

#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

struct MatmulOp {
  static constexpr std::string_view name = "matmul";

  template <class T, std::size_t... E, std::size_t K, std::size_t N>
  auto output(View<T const, E...> a, View<T const, K, N> b) const {
    if (a.shape().back() != b.size(0)) {
      throw Error(Errc::shape, "matmul takes (..., K) and (K, N) but the shapes are " + to_string(a.shape()) + " and " +
                                   to_string(b.shape()));
    }
    static_assert(N != dyn, "ashlar: the columns of the right side of matmul are static");
    return like<T>(with_last<N>(a.dims()));
  }
  template <class Y, class A, class B>
  void forward(Y y, A a, B b) const {
    std::size_t const k = b.size(0);
    std::size_t const n = b.size(1);
    in_parts(y.numel() / n, items_of_part(least_products, k * n), [&](std::size_t first, std::size_t count) {
      kernels::matmul(count, k, n, a.data() + first * k, b.data(), y.data() + first * n);
    });
  }
  template <class Y, class A, class B>
  void pullback(Y dy, Y, A const& a, B const& b) const {
    std::size_t const k = b.size(0);
    std::size_t const n = b.size(1);
    std::size_t const m = dy.numel() / n;
    if (a.grad != nullptr) {
      in_parts(m, items_of_part(least_products, k * n), [&](std::size_t first, std::size_t count) {
        kernels::matmul_backward_a(count, k, n, dy.data() + first * n, b.data(), a.grad + first * k);
      });
    }
    if (b.grad != nullptr) {
      in_parts(k, items_of_part(least_products, m * n), [&](std::size_t first, std::size_t count) {
        kernels::matmul_backward_b(m, k, n, a.data(), dy.data(), b.grad, first, count);
      });
    }
  }
};

template <class A, class B>
struct MatmulMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr Extents a = A::dims_type::type();
    constexpr Extents b = B::dims_type::type();
    if (a.rank == 0 || b.rank != 2) {
      s.add("ashlar: matmul takes (..., K) and (K, N) but the ranks are ").add(a.rank).add(" and ").add(b.rank);
      return s;
    }
    std::size_t const k = a.back();
    std::size_t const rows = b[0];
    if (k != dyn && rows != dyn && k != rows) {
      s.add("ashlar: matmul got ").add(k).add(" columns on the left but ").add(rows).add(" rows on the right");
    }
    return s;
  }();
};

}  // namespace detail

/// Matrix product. Shapes a (..., K), b (K, N) -> (..., N); N is static.
template <TensorLike A, TensorLike B>
auto matmul(A const& a, B const& b) {
  if constexpr (!detail::together<A, B>()) {
    return detail::refuse_device<detail::MatmulOp, A, B>();
  } else if constexpr (!detail::one_dtype<A, B>()) {
    detail::refuse<detail::DtypeMistake<detail::MatmulOp, A, B>>();
    return detail::harmless(a, detail::like<typename A::value_type>(a.dims()));
  } else if constexpr (!detail::MatmulMistake<A, B>::value.empty()) {
    detail::refuse<detail::MatmulMistake<A, B>>();
    return detail::harmless(a, detail::like<typename A::value_type>(a.dims()));
  } else {
    return apply(detail::MatmulOp{}, a, b);
  }
}

}  // namespace ashlar
