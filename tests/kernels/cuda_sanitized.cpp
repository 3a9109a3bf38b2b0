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
#include <ashlar/kernels/rnn/cuda.cuh>
#include <ashlar/kernels/softmax/cuda.cuh>
#include <ashlar/kernels/sort/cuda.cuh>
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

/// The results of some kernels, one of each kind: tiles, exchanges, trees, several launches, votes, a loop over time.
template <class Launcher>
std::vector<float> results() {
  device::Faults found;
  Launcher launcher(found);
  auto const x = cuda_test::random<float>(70 * 33, 1);
  auto const weight = cuda_test::random<float>(20 * 33, 2);
  std::vector<float> all(70 * 20 + 3 * 700 + 1 + 70 * 33 + 5 * 7 + 2 * 260 + 400 + 4 * 2 * 9);
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
  out += 5 * 7;
  cuda::softmax(launcher, 4, 130, x.data(), out, 2);
  out += 2 * 260;
  std::vector<std::uint32_t> keys(400), places(400), work(cuda::sort_workspace(400));
  for (std::uint32_t i = 0; i < 400; ++i) keys[i] = i * i % 200, places[i] = i;
  auto const sorted = cuda::sort(launcher, 400, 199, keys.data(), places.data(), work.data());
  for (std::size_t i = 0; i < 400; ++i) *out++ = static_cast<float>(sorted.values[i]);

  ashlar::kernels::Sequence const q{4, 2, 4};
  float* const y = out;
  std::vector<float> h(18), c(18), gates(8 * 36), kept(72),
      more(cuda::rnn_backward_workspace<ashlar::kernels::Lstm, 9>(q));
  ashlar::kernels::RnnWeights<float> const w{x.data(), x.data() + 100, x.data() + 500, x.data() + 600};
  cuda::rnn<ashlar::kernels::Lstm, 3, 9>(launcher, q, x.data(), w, h.data(), c.data(), y, 9, gates.data(), kept.data(),
                                         more.data());
  std::vector<float> const zeros(18);
  cuda::rnn_backward<ashlar::kernels::Lstm, 3, 9, float>(launcher, q, x.data(), w, zeros.data(), zeros.data(), y, 9,
                                                         gates.data(), kept.data(), x.data(), h.data(), c.data(),
                                                         nullptr, {}, more.data());
  all.insert(all.end(), h.begin(), h.end());
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
