// Ashlar: devices, as types of values and as run-time ordinals.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>

namespace ashlar {

/// The device of a value is part of its type, so that mixing devices does not compile.
struct Cpu {
  static constexpr char const* name = "cpu";
};

/// A CUDA device. Values on it are made by the CUDA part of the library; a host-only program can only name the type.
struct Cuda {
  static constexpr char const* name = "cuda";
  int ordinal = 0;
};

}  // namespace ashlar
