// kernels/convert/cpu.hpp: conversion of blocks between float, float16 and bfloat16 bits, on the host.
// Element for element equal to the functions of reference.hpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/convert/reference.hpp>

#include <cstddef>
#include <cstdint>

namespace ashlar::kernels {

inline void bf16_to_f32(std::size_t n, std::uint16_t const* x, float* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = bf16_to_f32(x[i]);
}

inline void f32_to_bf16(std::size_t n, float const* x, std::uint16_t* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = f32_to_bf16(x[i]);
}

inline void f16_to_f32(std::size_t n, std::uint16_t const* x, float* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = f16_to_f32(x[i]);
}

inline void f32_to_f16(std::size_t n, float const* x, std::uint16_t* y) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = f32_to_f16(x[i]);
}

}  // namespace ashlar::kernels
