// kernels/device/stream_launcher.cuh: runs kernel bodies on the GPU. For nvcc only.  SPDX-License-Identifier: BSL-1.0
#pragma once

#ifndef __CUDACC__
#error "ashlar: kernels/device/stream_launcher.cuh is for units that nvcc compiles"
#endif

#include <ashlar/core/error.hpp>
#include <ashlar/kernels/device/device.cuh>
#include <ashlar/kernels/device/gpu_thread.cuh>

#include <cuda_runtime.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace ashlar::kernels::device {

/// The block of device.cuh on the GPU.
template <class Body>
class GpuBlock {
 public:
  using Shared = typename Body::Shared;
  using Local = typename Body::Local;

  ASHLAR_DEVICE GpuBlock(Shared& shared, Local& local) : shared_(&shared), local_(&local) {}

  ASHLAR_DEVICE static BlockIndex index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
  ASHLAR_DEVICE static BlockIndex count() { return {gridDim.x, gridDim.y, gridDim.z}; }

  template <class F>
  ASHLAR_DEVICE void phase(F const& f) {
    GpuThread thread{threadIdx.x};
    f(thread, *shared_, *local_);
    __syncthreads();
  }
  template <class F>
  ASHLAR_DEVICE void warps(F const& f) {
    GpuThread thread{threadIdx.x};
    f(thread, *shared_, *local_);
    __syncwarp();
  }
  template <class F>
  ASHLAR_DEVICE bool any(F const& f) {
    GpuThread thread{threadIdx.x};
    return __syncthreads_or(f(thread, *shared_, *local_)) != 0;
  }
  template <class F>
  ASHLAR_DEVICE void last(F const& f) {
    GpuThread thread{threadIdx.x};
    f(thread, *shared_, *local_);
  }

 private:
  Shared* shared_;
  Local* local_;
};

/// Blocks that a multiprocessor is to hold at least: Body::resident, by which the compiler limits registers.
template <class Body>
consteval unsigned resident() {
  if constexpr (requires { Body::resident; }) {
    return Body::resident;
  } else {
    return 1;
  }
}

template <class Body>
__global__ void __launch_bounds__(Body::threads, resident<Body>()) run(Body const body) {
  __shared__ typename Body::Shared shared;
  typename Body::Local local;
  GpuBlock<Body> block(shared, local);
  body(block);
}

/// What the compiler calls a kernel's body.
template <class Body>
std::string kernel_name() {
  std::string_view text = __PRETTY_FUNCTION__;  // "... [with Body = X; ...]" by g++, "... [Body = X]" by clang
  std::size_t const begin = text.find("Body = ");
  if (begin == std::string_view::npos) return "a kernel";
  text.remove_prefix(begin + 7);
  return std::string(text.substr(0, text.find_first_of(";]")));
}

/// Launches on a stream, in order. Errors (thrown): device, with the kernel and CUDA's text, where a launch is refused.
/// What goes wrong while a kernel runs shows where the stream is next waited for.
class StreamLauncher {
 public:
  explicit StreamLauncher(cudaStream_t stream) : stream_(stream) {}
  StreamLauncher(StreamLauncher const&) = delete;
  StreamLauncher& operator=(StreamLauncher const&) = delete;
  ~StreamLauncher() {
    if (workspace_ != nullptr) static_cast<void>(cudaFreeAsync(workspace_, stream_));
  }

  [[nodiscard]] cudaStream_t stream() const { return stream_; }

  template <class Body>
  void launch(Grid grid, Body const& body) {
    check_body<Body>();
    if (grid.empty()) return;
    if constexpr (requires { Body::least_capability; }) require_capability<Body>(Body::least_capability);
    if (!grid.fits()) {
      throw Error(Errc::device, not_launched<Body>() + ": a grid has at most 2^31 - 1 x 65535 x 65535 blocks, but " +
                                    std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " +
                                    std::to_string(grid.z) + " are needed");
    }
    dim3 const blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
    void* arguments[] = {const_cast<Body*>(&body)};  // which is copied
    // Not <<<>>> and cudaGetLastError: that would tell what another's call has left, and not of this one alone.
    cudaError_t const status = cudaLaunchKernel(run<Body>, blocks, dim3(Body::threads), arguments, 0, stream_);
    if (status != cudaSuccess) check(status, not_launched<Body>().c_str());
  }

  /// Memory for what one launch leaves to the next; valid until the next call.
  [[nodiscard]] void* workspace(std::size_t bytes) {
    if (bytes > bytes_) {
      if (workspace_ != nullptr) check(cudaFreeAsync(std::exchange(workspace_, nullptr), stream_), "cudaFreeAsync");
      bytes_ = 0;
      check(cudaMallocAsync(&workspace_, bytes, stream_), "no memory for the intermediate results of a kernel");
      bytes_ = bytes;
    }
    return workspace_;
  }

  /// Error: device, if the current GPU is older than the compute capability `least`, 80 for 8.0, or if the code that it
  /// runs is: a program that is compiled for 7.5 alone runs on later GPUs, without what these have more.
  template <class Body>
  static void require_capability(int least) {
    static thread_local int found_good = -1;  // the device that this thread asked last
    int device = 0;
    int major = 0;
    int minor = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    if (device == found_good) return;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cudaDeviceGetAttribute");
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "cudaDeviceGetAttribute");
    if (10 * major + minor < least) {
      throw Error(Errc::device, "this kernel needs a GPU of compute capability " + capability(least) +
                                    " but cuda:" + std::to_string(device) + " has " + capability(10 * major + minor));
    }
    cudaFuncAttributes code{};
    check(cudaFuncGetAttributes(&code, run<Body>), "cudaFuncGetAttributes");
    if (code.ptxVersion < least) {
      throw Error(Errc::device, "this kernel needs code of compute capability " + capability(least) +
                                    " but the program is compiled for " + capability(code.ptxVersion) +
                                    ": name a later one in CUDA_ARCHITECTURES");
    }
    found_good = device;
  }

  /// Throws what CUDA calls an error.
  static void check(cudaError_t status, char const* what) {
    if (status == cudaSuccess) return;
    static_cast<void>(cudaGetLastError());  // or who asks next for the last error would be told of this one
    throw Error(Errc::device,
                std::string(what) + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")");
  }

 private:
  template <class Body>
  static std::string not_launched() {
    std::string what = kernel_name<Body>() + " was not launched";
    int device = 0;
    if (cudaGetDevice(&device) == cudaSuccess) what.append(" on cuda:").append(std::to_string(device));
    return what;
  }
  static std::string capability(int number) { return std::to_string(number / 10) + "." + std::to_string(number % 10); }

  cudaStream_t stream_;
  void* workspace_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace ashlar::kernels::device
