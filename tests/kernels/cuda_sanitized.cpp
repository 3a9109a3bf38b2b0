// tests/kernels/cuda_sanitized.cpp: kernels for the GPU under the thread and under the address sanitizer.
// SPDX-License-Identifier: BSL-1.0
//
// usage: cuda_sanitized CASE
//   good      kernels that are right, one thread for each CUDA thread: the sanitizer is silent, results are those of
//   the
//             phase loop, to the bit; exits 0
//   race      a tree without barriers
//   warps     a tree with barriers of the warp where those of the block are needed
//   beyond    reads one element behind a buffer
//   over      writes one element behind a buffer
#include <ashlar/kernels/device/cpu_launcher.hpp>
#include <ashlar/kernels/device/threads_launcher.hpp>
#include <ashlar/kernels/embedding/cuda.cuh>
#include <ashlar/kernels/linear/cuda.cuh>
#include <ashlar/kernels/reduce/cuda.cuh>
#include <ashlar/kernels/softmax/cuda.cuh>
#include <ashlar/kernels/transpose/cuda.cuh>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "cuda/broken.hpp"
#include "cuda/device.hpp"

namespace {

namespace cuda = ashlar::kernels::cuda;
namespace device = ashlar::kernels::device;

/// The results of some kernels, one of each kind: tiles, exchanges, trees, several launches, a vote.
template <class Launcher>
std::vector<float> results() {
  device::Faults found;
  Launcher launcher(found);
  auto const x = cuda_test::random<float>(70 * 33, 1);
  auto const weight = cuda_test::random<float>(20 * 33, 2);
  std::vector<float> all(70 * 20 + 3 * 700 + 1 + 70 * 33 + 5 * 7);
  float* out = all.data();
  cuda::linear<33, 20, float>(launcher, 70, x.data(), weight.data(), nullptr, out);
  out += 70 * 20;
  cuda::softmax(launcher, 3, 700, x.data(), out);
  out += 3 * 700;
  cuda::sum(launcher, x.size(), x.data(), out);
  out += 1;
  cuda::transpose(launcher, 1, 70, 33, x.data(), out);
  out += 70 * 33;
  std::vector<std::int64_t> const index = {3, 1, 3, 0, 3, 4, 1};
  cuda::embedding_backward(launcher, index.size(), 5, 7, index.data(), 4, x.data(), out);
  if (!found.none()) std::fputs(found.text().c_str(), stderr);
  return found.none() ? all : std::vector<float>();
}

template <class Body>
void run(Body const& body, unsigned blocks) {
  device::Faults found;
  device::ThreadsLauncher(found).launch({blocks}, body);
}

}  // namespace

int main(int argc, char** argv) {
  namespace broken = cuda_test::broken;
  std::string_view const wish = argc > 1 ? argv[1] : "";
  auto const x = cuda_test::random<float>(256, 1);
  std::vector<float> y(256);
  if (wish == "good") {
    auto const by_threads = results<device::ThreadsLauncher>();
    cuda_test::Failures failures;
    failures.expect_same_bits("results of threads", by_threads, results<device::CpuLauncher>());
    std::fputs(failures.text().c_str(), stderr);
    return failures.none() && !by_threads.empty() ? 0 : 1;
  }
  if (wish == "race") run(broken::TreeSum<broken::Barrier::none>{x.data(), y.data()}, 1);
  if (wish == "warps") run(broken::TreeSum<broken::Barrier::warp>{x.data(), y.data()}, 1);
  std::unique_ptr<float[]> const sixty(new float[60]());
  if (wish == "beyond") run(broken::Shift<broken::ShiftFault::beyond_read>{60, sixty.get(), y.data()}, 2);
  if (wish == "over") run(broken::Shift<broken::ShiftFault::beyond_write>{61, x.data(), sixty.get()}, 2);
  return wish.empty() ? 2 : 0;
}
