// kernels/conv/reference.hpp: the convolution of images and its pullbacks as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/conv/shape.hpp>

#include <cstddef>

namespace ashlar::kernels::reference {

/// f(y index, x index, weight index) for each product of one image: y[o][p][q] is the sum over c, r, s of
/// x[c][p * stride + r * dilation - before][...] * weight[o][c][r][s], where x beyond its edges is zero.
template <class F>
void for_each_product(ConvShape const& shape, F const& f) {
  std::size_t const outs = shape.out_of_group();
  std::size_t const ins = shape.in_of_group();
  for (std::size_t o = 0; o < shape.out; ++o) {
    for (std::size_t p = 0; p < shape.out_height(); ++p) {
      for (std::size_t q = 0; q < shape.out_width(); ++q) {
        for (std::size_t c = 0; c < ins; ++c) {
          for (std::size_t r = 0; r < shape.rows.kernel; ++r) {
            for (std::size_t s = 0; s < shape.columns.kernel; ++s) {
              std::size_t const i = p * shape.rows.stride + r * shape.rows.dilation;        // behind `before`
              std::size_t const j = q * shape.columns.stride + s * shape.columns.dilation;  // elements of padding
              if (i < shape.rows.before || i >= shape.rows.before + shape.height) continue;
              if (j < shape.columns.before || j >= shape.columns.before + shape.width) continue;
              std::size_t const channel = o / outs * ins + c;
              f((o * shape.out_height() + p) * shape.out_width() + q,
                (channel * shape.height + i - shape.rows.before) * shape.width + j - shape.columns.before,
                ((o * ins + c) * shape.rows.kernel + r) * shape.columns.kernel + s);
            }
          }
        }
      }
    }
  }
}

/// y = bias + products; overwrites y. bias (out) may be null.
template <class T>
void conv(ConvShape const& shape, std::size_t images, T const* x, T const* weight, T const* bias, T* y) noexcept {
  std::size_t const area = shape.out_height() * shape.out_width();
  for (std::size_t n = 0; n < images; ++n, x += shape.x_size(), y += shape.y_size()) {
    for (std::size_t i = 0; i < shape.y_size(); ++i) y[i] = bias != nullptr ? bias[i / area] : T(0);
    for_each_product(shape, [&](std::size_t iy, std::size_t ix, std::size_t iw) { y[iy] += x[ix] * weight[iw]; });
  }
}

template <class T>
void conv_backward_input(ConvShape const& shape, std::size_t images, T const* dy, T const* weight, T* dx) noexcept {
  for (std::size_t n = 0; n < images; ++n, dx += shape.x_size(), dy += shape.y_size()) {
    for_each_product(shape, [&](std::size_t iy, std::size_t ix, std::size_t iw) { dx[ix] += dy[iy] * weight[iw]; });
  }
}

/// dbias may be null, and so may dweight.
template <class T>
void conv_backward_parameters(ConvShape const& shape, std::size_t images, T const* x, T const* dy, T* dweight,
                              T* dbias) noexcept {
  std::size_t const area = shape.out_height() * shape.out_width();
  for (std::size_t n = 0; n < images; ++n, x += shape.x_size(), dy += shape.y_size()) {
    if (dweight != nullptr) {
      for_each_product(shape, [&](std::size_t iy, std::size_t ix, std::size_t iw) { dweight[iw] += dy[iy] * x[ix]; });
    }
    for (std::size_t i = 0; dbias != nullptr && i < shape.y_size(); ++i) dbias[i / area] += dy[i];
  }
}

}  // namespace ashlar::kernels::reference
