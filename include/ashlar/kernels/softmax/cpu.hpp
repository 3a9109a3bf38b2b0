// kernels/softmax/cpu.hpp: softmax and log_softmax over the last dimension and their pullbacks, on the host.
// Rows are independent and computed alike: callers may split them.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/softmax/reference.hpp>

#include <cstddef>

namespace ashlar::kernels {

/// y = softmax(x) over the last dimension: x (rows, classes) -> y (rows, classes); y may be x.
template <class T>
void softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  if (classes != 0) reference::softmax(rows, classes, x, y);
}

/// y = log_softmax(x) over the last dimension; y may be x.
template <class T>
void log_softmax(std::size_t rows, std::size_t classes, T const* x, T* y) noexcept {
  if (classes != 0) reference::log_softmax(rows, classes, x, y);
}

/// dx += y * (dy - sum(dy * y)), where y = softmax(x).
template <class T>
void softmax_pullback(std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx) noexcept {
  reference::softmax_pullback(rows, classes, y, dy, dx);
}

/// dx += dy - exp(y) * sum(dy), where y = log_softmax(x).
template <class T>
void log_softmax_pullback(std::size_t rows, std::size_t classes, T const* y, T const* dy, T* dx) noexcept {
  reference::log_softmax_pullback(rows, classes, y, dy, dx);
}

}  // namespace ashlar::kernels
