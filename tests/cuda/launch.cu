// tests/cuda/launch.cu, mirrors include/ashlar/kernels/device/stream_launcher.cuh.  SPDX-License-Identifier: BSL-1.0
//
// What is launched, and what is said of what is not. Compiled by nvcc; needs no GPU: the runtime is a fake, and no
// kernel runs.
#include <ashlar/kernels/device/stream_launcher.cuh>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstring>
#include <string>

#include "fake_runtime.hpp"

namespace {

namespace device = ashlar::kernels::device;
using device::StreamLauncher;
using fake::runtime;

template <int Least>
struct Kernel {
  static constexpr unsigned threads = 96;
  static constexpr int least_capability = Least;
  using Shared = device::None;
  using Local = device::None;
  float const* x;
  template <class Block>
  ASHLAR_DEVICE void operator()(Block&) const {}
};

template <class F>
std::string refusal(F const& f) {
  int const before = runtime.launches;
  try {
    f();
  } catch (ashlar::Error const& e) {
    CHECK(e.code() == ashlar::Errc::device);
    CHECK(runtime.launches == before);
    CHECK(cudaGetLastError() == cudaSuccess);
    return e.headline();
  }
  return "launched";
}

}  // namespace

TEST_CASE("a launch has the grid, the threads and the arguments of its kernel, and goes to its stream") {
  float const x = 0;
  auto* const stream = reinterpret_cast<cudaStream_t>(&runtime);
  StreamLauncher(stream).launch({5, 65535, 65535}, Kernel<0>{&x});
  CHECK(runtime.launches == 1);
  CHECK((runtime.launch.grid.x == 5 && runtime.launch.grid.y == 65535 && runtime.launch.grid.z == 65535));
  CHECK(runtime.launch.block.x == 96);
  CHECK(runtime.launch.stream == stream);
  CHECK(runtime.launch.argument == &x);
  StreamLauncher(stream).launch({0x7fffffff}, Kernel<0>{&x});
  StreamLauncher(stream).launch({0, 70000}, Kernel<0>{&x});  // of no block nothing is asked
  CHECK(runtime.launches == 2);
}

TEST_CASE("a grid that no GPU takes is refused by name") {
  CHECK(
      refusal([] { StreamLauncher(nullptr).launch({3, 65536}, Kernel<0>{}); })
          .ends_with("Kernel<0> was not launched on cuda:0: a grid has at most 2^31 - 1 x 65535 x 65535 blocks, but 3 "
                     "x 65536 x 1 are needed"));
  CHECK(refusal([] { StreamLauncher(nullptr).launch({std::size_t{1} << 32}, Kernel<0>{}); }) != "launched");
  CHECK(refusal([] { StreamLauncher(nullptr).launch({1, 1, 65536}, Kernel<0>{}); }) != "launched");
}

TEST_CASE("a launch that CUDA refuses says which, and what another call has left is not its own") {
  runtime.fail(cudaErrorMemoryAllocation);  // of somebody else
  int const before = runtime.launches;
  StreamLauncher(nullptr).launch({1}, Kernel<0>{});
  CHECK(runtime.launches == before + 1);
  runtime.of_launches = cudaErrorDevicesUnavailable;
  CHECK(refusal([] {
          StreamLauncher(nullptr).launch({1}, Kernel<0>{});
        }).ends_with("Kernel<0> was not launched on cuda:0: refused (device)"));
  runtime.of_launches = cudaSuccess;
}

TEST_CASE("a kernel for later GPUs is refused on an older one, and in a program that is compiled for older ones") {
  runtime.capability = 75;
  CHECK(refusal([] { StreamLauncher(nullptr).launch({1}, Kernel<80>{}); }) ==
        "this kernel needs a GPU of compute capability 8.0 but cuda:0 has 7.5");
  runtime.capability = 90;
  runtime.code = 75;  // runs on a GPU of 9.0, by the PTX of 7.5
  CHECK(refusal([] { StreamLauncher(nullptr).launch({1}, Kernel<80>{}); }) ==
        "this kernel needs code of compute capability 8.0 but the program is compiled for 7.5: name a later one in "
        "CUDA_ARCHITECTURES");
  for (int const code : {80, 90}) {
    runtime.code = code;
    CHECK(refusal([] { StreamLauncher(nullptr).launch({1}, Kernel<80>{}); }) == "launched");
  }
}
