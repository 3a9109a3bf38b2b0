// kernels/plain.hpp: the functions of the body.hpp files as plain loops, for compilers that cannot read vector code.
// SPDX-License-Identifier: BSL-1.0
//
// nvcc 13 loses pack expansions inside __builtin_shufflevector on the way to its host compiler. Units it compiles call
// these; the inline namespace of isa.hpp keeps them apart from those of other units.
#pragma once

#include <ashlar/kernels/batch_norm/shape.hpp>
#include <ashlar/kernels/conv/shape.hpp>
#include <ashlar/kernels/layer_norm/sums.hpp>
#include <ashlar/kernels/optimizer/reference.hpp>
#include <ashlar/kernels/pointwise/ops.hpp>
#include <ashlar/kernels/scalar_math.hpp>
#include <ashlar/kernels/softmax/reference.hpp>

#include <cstddef>

namespace ashlar::kernels {
inline namespace portable {
namespace detail::plain {

using reference::adagrad;
using reference::adam;
using reference::log_softmax;
using reference::rmsprop;
using reference::sgd;
using reference::softmax;

/// c[i][j] = Act(init + sum over p of a[i * am + p * ak] * b[p * bk + j * bn]).
template <class Act = Identity, class T>
void product(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t am, std::size_t ak, T const* b,
             std::size_t bk, std::size_t bn, T const* init, std::size_t ldi, T* c, std::size_t ldc) noexcept {
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      T sum = init[i * ldi + j];
      for (std::size_t p = 0; p < k; ++p) sum += a[i * am + p * ak] * b[p * bk + j * bn];
      c[i * ldc + j] = Act{}(sum);
    }
  }
}

template <class T>
void outer(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t am, std::size_t ak, T const* b,
           std::size_t ldb, T const* init, std::size_t ldi, T* c, std::size_t ldc) noexcept {
  product(m, n, k, a, am, ak, b, ldb, 1, init, ldi, c, ldc);
}

template <std::size_t, std::size_t, class T>
void dot(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t lda, T const* b, std::size_t ldb,
         T const* init, std::size_t ldi, T* c, std::size_t ldc) noexcept {
  product(m, n, k, a, lda, 1, b, 1, ldb, init, ldi, c, ldc);
}

template <std::size_t In, std::size_t Out, class Act, class T>
void linear_columns(std::size_t rows, T const* x, T const* weight, T const* init, T* y) noexcept {
  product<Act>(rows, Out, In, x, In, 1, weight, 1, In, init, 0, y, Out);
}

template <std::size_t In, std::size_t Out, std::size_t, class T>
void linear_rows(std::size_t rows, T const* x, T const* weight, T const* init, T* y) noexcept {
  linear_columns<In, Out, Identity>(rows, x, weight, init, y);
}

template <std::size_t In, std::size_t Out, std::size_t, class Act, class T>
void linear_row(T const* x, T const* weight, T const* init, T* y) noexcept {
  linear_columns<In, Out, Act>(1, x, weight, init, y);
}

template <class T>
void outer_and_rows(std::size_t rows, std::size_t in, std::size_t out, T const* x, T const* dy, std::size_t ldy,
                    T* dweight, T* dbias) noexcept {
  for (std::size_t r = 0; dbias != nullptr && r < rows; ++r) {
    for (std::size_t o = 0; o < out; ++o) dbias[o] += dy[r * ldy + o];
  }
  outer(out, in, rows, dy, 1, ldy, x, in, dweight, in, dweight, in);
}

template <Moment M>
double term(double x, double dy, double center) noexcept {
  return M == Moment::sum ? x : (M == Moment::square ? x - center : dy) * (x - center);
}

template <Moment M, class T>
double sum_of_plane(Planes const& planes, std::size_t c, T const* x, T const* dy, double center) noexcept {
  double sum = 0;
  for (std::size_t n = 0; n < planes.images; ++n) {
    for (std::size_t i = 0; i < planes.area; ++i) {
      std::size_t const at = (n * planes.channels + c) * planes.area + i;
      sum += term<M>(static_cast<double>(x[at]), M == Moment::product ? static_cast<double>(dy[at]) : 0, center);
    }
  }
  return sum;
}

template <Moment M, class T>
void sums_of_columns(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* dy,
                     double const* center, double* out) noexcept {
  for (std::size_t j = 0; j < count; ++j) {
    double const from = M == Moment::sum ? 0 : center[j];
    out[j] = sum_of_plane<M>({images, channels, 1}, j, x, dy, from);
  }
}

template <class T>
void scale_plane(std::size_t n, T const* x, T center, T scale, T shift, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = (x[i] - center) * scale + shift;
}

template <class T>
void scale_columns(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* center,
                   T const* scale, T const* shift, T* y) noexcept {
  for (std::size_t i = 0; i < images; ++i, x += channels, y += channels) {
    for (std::size_t j = 0; j < count; ++j) y[j] = (x[j] - center[j]) * scale[j] + shift[j];
  }
}

template <class T>
void slope_plane(std::size_t n, T const* x, T const* dy, T center, T by_dy, T by_x, T offset, T* dx) noexcept {
  for (std::size_t i = 0; i < n; ++i) dx[i] += by_dy * dy[i] + (by_x * (x[i] - center) + offset);
}

template <class T>
void slope_columns(std::size_t images, std::size_t channels, std::size_t count, T const* x, T const* dy,
                   T const* center, T const* by_dy, T const* by_x, T const* offset, T* dx) noexcept {
  for (std::size_t i = 0; i < images; ++i, x += channels, dy += channels, dx += channels) {
    for (std::size_t j = 0; j < count; ++j) dx[j] += by_dy[j] * dy[j] + (by_x[j] * (x[j] - center[j]) + offset[j]);
  }
}

template <class T>
void fill_with(std::size_t n, T value, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = value;
}

template <std::size_t Stride, class T>
void add_windows(PaddedPlanes const& g, T const* x, T const* w, T* y) noexcept {
  for (std::size_t p = 0; p < g.rows; ++p) {
    for (std::size_t q = 0; q < g.columns; ++q) {
      T const* weight = w;
      for (std::size_t c = 0; c < g.planes; ++c) {
        T const* const at = x + c * g.plane + p * g.row_step + q * Stride;
        for (std::size_t r = 0; r < g.kernel_rows; ++r) {
          for (std::size_t s = 0; s < g.kernel_columns; ++s) {
            y[p * g.columns + q] += *weight++ * at[r * g.next_row + s * g.next_column];
          }
        }
      }
    }
  }
}

template <class T>
void normalize_row(std::size_t n, T const* x, T center, T scale, T const* weight, T const* bias, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    T const v = (x[i] - center) * scale * (weight != nullptr ? weight[i] : T(1));
    y[i] = bias != nullptr ? v + bias[i] : v;
  }
}
template <class T>
void add_row_gradients(std::size_t n, T const* x, T const* dy, T center, T scale, T* dweight, T* dbias) noexcept {
  for (std::size_t i = 0; dweight != nullptr && i < n; ++i) dweight[i] += dy[i] * ((x[i] - center) * scale);
  for (std::size_t i = 0; dbias != nullptr && i < n; ++i) dbias[i] += dy[i];
}
template <class T>
RowSums sums_of_row(std::size_t n, T const* x, T const* dy, T const* weight, double center) noexcept {
  RowSums sums;
  for (std::size_t i = 0; i < n; ++i) {
    double const g = static_cast<double>(weight != nullptr ? dy[i] * weight[i] : dy[i]);
    sums.sum += g;
    sums.product += g * (static_cast<double>(x[i]) - center);
  }
  return sums;
}
template <class T>
void add_row_slopes(std::size_t n, T const* x, T const* dy, T const* weight, T center, T scale, T offset, T slope,
                    T* dx) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    T const g = weight != nullptr ? dy[i] * weight[i] : dy[i];
    dx[i] += scale * (g - offset - (x[i] - center) * slope);
  }
}

template <class T>
void add_patch_products(PhasedPlanes const& g, std::size_t outs, std::size_t patch, std::size_t positions, T const* x,
                        T const* weight, T* y, std::size_t area) noexcept {
  for (std::size_t o = 0; o < outs; ++o) {
    for (std::size_t i = 0; i < positions; ++i) {
      T const* w = weight + o * patch;
      T const* const at = x + i / g.columns * g.row_step + i % g.columns;
      for (std::size_t c = 0; c < g.planes; ++c) {
        for (std::size_t r = 0; r < g.kernel_rows; ++r) {
          for (std::size_t s = 0; s < g.kernel_columns; ++s) {
            std::size_t const column = s * g.dilation;
            y[o * area + i] +=
                *w++ * at[c * g.plane + r * g.next_row + column % g.stride * g.phase + column / g.stride];
          }
        }
      }
    }
  }
}

template <class T>
void add_patch_gradients(PhasedPlanes const& g, std::size_t outs, std::size_t patch, std::size_t positions, T const* x,
                         T const* dy, std::size_t area, T* dweight) noexcept {
  for (std::size_t o = 0; o < outs; ++o) {
    for (std::size_t k = 0; k < patch; ++k) {
      std::size_t const column = k % g.kernel_columns * g.dilation;
      T const* const from = x + k / g.kernel_columns / g.kernel_rows * g.plane +
                            k / g.kernel_columns % g.kernel_rows * g.next_row + column % g.stride * g.phase +
                            column / g.stride;
      for (std::size_t i = 0; i < positions; ++i) {
        dweight[o * patch + k] += dy[o * area + i] * from[i / g.columns * g.row_step + i % g.columns];
      }
    }
  }
}

template <std::size_t Stride, class T>
void add_window_gradients(PaddedPlanes const& g, T const* x, T const* dy, T* dw) noexcept {
  for (std::size_t r = 0; r < g.kernel_rows; ++r) {
    for (std::size_t s = 0; s < g.kernel_columns; ++s, ++dw) {
      T const* const at = x + r * g.next_row + s * g.next_column;
      for (std::size_t p = 0; p < g.rows; ++p) {
        for (std::size_t q = 0; q < g.columns; ++q) *dw += dy[p * g.columns + q] * at[p * g.row_step + q * Stride];
      }
    }
  }
}

template <class Op, class T>
void map(Op const& op, std::size_t n, T const* x, T* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = op(x[i]);
}

template <class Op, class T>
void map_pullback(Op const& op, std::size_t n, T const* x, T const* y, T const* dy, T* dx) noexcept {
  for (std::size_t i = 0; i < n; ++i) dx[i] += dy[i] * op.derivative(x[i], y[i]);
}

#define ASHLAR_ZIP(name, expression)                                                                     \
  template <class T>                                                                                     \
  void name(std::size_t n, T const* pa, T const* pb, T const* pc, [[maybe_unused]] T s, T* y) noexcept { \
    for (std::size_t i = 0; i < n; ++i) {                                                                \
      [[maybe_unused]] T const a = pa[i];                                                                \
      [[maybe_unused]] T const b = pb[i];                                                                \
      [[maybe_unused]] T const c = pc[i];                                                                \
      y[i] = expression;                                                                                 \
    }                                                                                                    \
  }
ASHLAR_ZIP(zip_fill, s)
ASHLAR_ZIP(zip_add, a + b)
ASHLAR_ZIP(zip_sub, a - b)
ASHLAR_ZIP(zip_mul, a* b)
ASHLAR_ZIP(zip_div, a / b)
ASHLAR_ZIP(zip_add_scalar, a + s)
ASHLAR_ZIP(zip_mul_scalar, a* s)
ASHLAR_ZIP(zip_scalar_sub, s - a)
ASHLAR_ZIP(zip_div_scalar, a / s)
ASHLAR_ZIP(zip_scalar_div, s / a)
ASHLAR_ZIP(zip_axpy, s* a + b)
ASHLAR_ZIP(zip_mul_add, a* b + c)
ASHLAR_ZIP(zip_div_add, c + a / b)
#undef ASHLAR_ZIP

template <class T>
void log_sum_exp(std::size_t rows, std::size_t classes, T const* x, T* out) noexcept {
  for (std::size_t r = 0; r < rows; ++r) out[r] = reference::log_sum_exp(classes, x + r * classes);
}

template <class T>
void add_exp(std::size_t n, T const* x, T shift, T factor, T* dx) noexcept {
  for (std::size_t i = 0; i < n; ++i) dx[i] += factor * scalar::exp(x[i] - shift);
}

template <class T>
void ema(std::size_t n, T rest, T const* p, T* average) noexcept {
  for (std::size_t i = 0; i < n; ++i) average[i] += rest * (p[i] - average[i]);
}

}  // namespace detail::plain
}  // namespace portable
}  // namespace ashlar::kernels
