// Ashlar: loading onto a device.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/to.hpp>
#include <ashlar/io/file.hpp>

#include <string>
#include <utility>

namespace ashlar {

/// A T on a CUDA device from a file, of every format that `load` takes: `auto net = load<MLP>("mlp.pt", Cuda{1})`. With
/// Cpu{} it is the Owned<T> that `load` gives without a device. The device on which the file's tensors lay when they
/// were saved does not count.
///
/// Cost    that of `load`, and one transfer.
/// Errors  device, before the file is looked at; those of `load`.
template <class T>
Result<CudaOwned<T>> try_load(std::string const& path, Cuda device, LoadOptions const& options = {}) {
  if (auto there = try_require(device); !there) return std::move(there).error();
  auto object = try_load<T>(path, options);
  if (!object) return std::move(object).error();
  return try_to(*object, device);
}
template <class T>
CudaOwned<T> load(std::string const& path, Cuda device, LoadOptions const& options = {}) {
  return try_load<T>(path, device, options).value();
}
template <class T>
Result<Owned<T>> try_load(std::string const& path, Cpu, LoadOptions const& options = {}) {
  return try_load<T>(path, options);
}
template <class T>
Owned<T> load(std::string const& path, Cpu, LoadOptions const& options = {}) {
  return load<T>(path, options);
}

}  // namespace ashlar
