// kernels/convert/cuda.cuh: conversion of blocks between float, float16 and bfloat16 bits, on the GPU.
// Element for element equal to the functions of reference.hpp.  SPDX-License-Identifier: BSL-1.0
//
// 6 bytes an element: bandwidth (device/elementwise.cuh). The integer arithmetic, 10 to 20 instructions an element, is
// a third of what the 4 instructions a cycle of a multiprocessor can do meanwhile on an H200.
#pragma once

#include <ashlar/kernels/convert/reference.hpp>
#include <ashlar/kernels/device/elementwise.cuh>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels::cuda {
namespace detail {

struct Bf16ToF32 {
  ASHLAR_DEVICE float operator()(std::uint16_t x) const { return kernels::bf16_to_f32(x); }
};
struct F32ToBf16 {
  ASHLAR_DEVICE std::uint16_t operator()(float x) const { return kernels::f32_to_bf16(x); }
};
struct F16ToF32 {
  ASHLAR_DEVICE float operator()(std::uint16_t x) const { return kernels::f16_to_f32(x); }
};
struct F32ToF16 {
  ASHLAR_DEVICE std::uint16_t operator()(float x) const { return kernels::f32_to_f16(x); }
};

template <class Op, class X, class Y>
struct Convert {
  X const* x;
  Y* y;
  template <unsigned N>
  ASHLAR_DEVICE void at(std::size_t i) const {
    auto const v = device::load<N>(x + i);
    device::Pack<Y, N> out;
    ASHLAR_DEVICE_UNROLL
    for (unsigned j = 0; j < N; ++j) out.v[j] = Op{}(v.v[j]);
    device::store(y + i, out);
  }
};

}  // namespace detail

template <class Launcher>
void bf16_to_f32(Launcher& launcher, std::size_t n, std::uint16_t const* x, float* y) {
  device::for_each(launcher, n, detail::Convert<detail::Bf16ToF32, std::uint16_t, float>{x, y}, x, y);
}

template <class Launcher>
void f32_to_bf16(Launcher& launcher, std::size_t n, float const* x, std::uint16_t* y) {
  device::for_each(launcher, n, detail::Convert<detail::F32ToBf16, float, std::uint16_t>{x, y}, x, y);
}

template <class Launcher>
void f16_to_f32(Launcher& launcher, std::size_t n, std::uint16_t const* x, float* y) {
  device::for_each(launcher, n, detail::Convert<detail::F16ToF32, std::uint16_t, float>{x, y}, x, y);
}

template <class Launcher>
void f32_to_f16(Launcher& launcher, std::size_t n, float const* x, std::uint16_t* y) {
  device::for_each(launcher, n, detail::Convert<detail::F32ToF16, float, std::uint16_t>{x, y}, x, y);
}

}  // namespace ashlar::kernels::cuda
