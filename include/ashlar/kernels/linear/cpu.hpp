// kernels/linear/cpu.hpp: y = x * transpose(weight) + bias and its pullbacks on the host, one thread.
// Must agree with reference.hpp; tests/kernels/linear_test.cpp states the bound.  SPDX-License-Identifier: BSL-1.0
//
// Order of sums, on one machine: fixed by In and Out alone, so the same input gives the same bits wherever the row
// stands and however many rows there are, with one exception: where In <= 64 and Out >= 16, a call with one row sums
// lane by lane, a call with more rows element by element. Who splits rows keeps at least two in each part there.
// linear_backward_parameters sums over the rows in their order, onto what is there.
#pragma once

#include <ashlar/kernels/gemm/gemm.hpp>

#include <cstddef>
#include <type_traits>

#define ASHLAR_BODY <ashlar/kernels/linear/body.hpp>
#include <ashlar/kernels/each_level.hpp>

namespace ashlar::kernels {
inline namespace ASHLAR_KERNELS_ABI {
namespace detail {

/// Stands for a missing bias.
template <std::size_t N, class T>
alignas(64) inline constexpr T zero_row[N] = {};

/// Rows of weight at a time with one row of x: as even as possible, at most `most`. 1 x 256 -> 10, Zen 3, g++ 12 -O2,
/// at most 5, 8 and 10 rows: 64, 54 and 82 GF/s.
consteval std::size_t even_group(std::size_t out, std::size_t most) {
  std::size_t const groups = (out + most - 1) / most;
  return (out + groups - 1) / groups;
}

/// Rows of weight at a time with more rows of x.
consteval std::size_t dot_group(std::size_t out) {
  return out % 4 == 0 || out > 16 ? 4 : out % 5 == 0 ? 5 : out < 4 ? out : 4;
}

}  // namespace detail

namespace detail {

/// True if more rows than one go by the columns of a transposed weight, else by dot products. Turning the weight costs
/// as much as a few rows, joining lanes as much as 2 or 3 vectors of In. Per cent of the FMA peak, Zen 3, g++ 12 -O2,
/// for 2, 8, 16, 32 and 64 rows: 64 -> 128 by columns 19, 56, 76, 81, 88, by dot products 30, 62, 66, 69, 70; 128 ->
/// 128 by columns 27, 58, 78, 80, 89, by dot products 35, 72, 78, 79, 80.
template <std::size_t In, std::size_t Out>
inline constexpr bool by_columns = In <= 64 && Out >= 16;

}  // namespace detail

/// True if linear takes Act: it is exact and of one or two instructions, and sums are so short that a pass of its own
/// over the results shows. 20 -> 256, Zen 3, g++ 12 -O2: a pass of ReLU takes 15 ns for 1 row and 710 for 64; inside
/// linear ReLU takes 8 for 1 row, and 20-256-10 takes 500 less for 64.
template <std::size_t In, std::size_t Out, class Act>
inline constexpr bool fuses = detail::by_columns<In, Out> && (std::is_same_v<Act, ReLU> || std::is_same_v<Act, ReLU6>);

/// y = Act(x * transpose(weight) + bias): x (rows, In), weight (Out, In), bias (Out) or null -> y (rows, Out).
///
/// Before  y overlaps no input. Act is Identity, or fuses<In, Out, Act> and pointwise/cpu.hpp is included.
/// After   the bits are those of map(Act{}, ...) after linear.
/// Never   throws, allocates, or touches an element outside the arrays.
template <std::size_t In, std::size_t Out, class T, class Act = Identity>
void linear(std::size_t rows, T const* x, T const* weight, T const* bias, T* y) noexcept {
  static_assert(std::is_same_v<Act, Identity> || fuses<In, Out, Act>);
  T const* const init = bias != nullptr ? bias : detail::zero_row<Out, T>;
  if (rows == 1) {
    constexpr std::size_t c = detail::even_group(Out, 10);
    ASHLAR_DISPATCH(linear_row<In, Out, c, Act>(x, weight, init, y));
  }
  if constexpr (detail::by_columns<In, Out>) {
    ASHLAR_DISPATCH(linear_columns<In, Out, Act>(rows, x, weight, init, y));
  } else {
    constexpr std::size_t c = detail::dot_group(Out);
    ASHLAR_DISPATCH(linear_rows<In, Out, c>(rows, x, weight, init, y));
  }
}

/// dx += dy * weight: dy (rows, Out), weight (Out, In) -> dx (rows, In).
template <std::size_t In, std::size_t Out, class T>
void linear_backward_input(std::size_t rows, T const* dy, T const* weight, T* dx) noexcept {
  ASHLAR_DISPATCH(outer(rows, In, Out, dy, Out, std::size_t{1}, weight, In, dx, In, dx, In));
}

/// dweight += transpose(dy) * x, dbias += column sums of dy: x (rows, In), dy (rows, Out). dbias may be null. Of
/// dweight and dbias only `count` rows from `first` on: which are taken together changes no bit.
template <std::size_t In, std::size_t Out, class T>
void linear_backward_parameters(std::size_t rows, T const* x, T const* dy, T* dweight, T* dbias, std::size_t first = 0,
                                std::size_t count = Out) noexcept {
  if (dbias != nullptr) dbias += first;
  ASHLAR_DISPATCH(outer_and_rows(rows, In, count, x, dy + first, Out, dweight + first * In, dbias));
}

}  // namespace ASHLAR_KERNELS_ABI
}  // namespace ashlar::kernels
