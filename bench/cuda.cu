// What inference and training cost on a GPU, and how our product does beside cuBLAS's.
// SPDX-License-Identifier: BSL-1.0
//
// Times are of 50 repetitions between two events: the least of 20 such means. Without a GPU it says what is
// missing, and no number.
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/train.hpp>

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

using namespace ashlar;

namespace {

/// Microseconds of f, which queues work in the device's own stream: the least mean of 20 batches.
template <class F>
double microseconds(F&& f) {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  f();
  cudaDeviceSynchronize();
  constexpr int repetitions = 50;
  double best = 1e30;
  for (int batch = 0; batch < 20; ++batch) {
    cudaEventRecord(begin);
    for (int i = 0; i < repetitions; ++i) f();
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, begin, end);
    best = std::min(best, 1e3 * static_cast<double>(milliseconds) / repetitions);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return best;
}

template <std::size_t In, std::size_t Out>
void product(cublasHandle_t cublas, std::size_t rows) {
  auto const layer = to<Cuda>(*make<Linear<In, Out, float, false>>(Rng{0}));
  auto const x = to<Cuda>(Tensor<float, dyn, In>(rows));
  auto const y = to<Cuda>(Tensor<float, dyn, Out>(rows));
  detail::CudaLauncher on(detail::current_stream(0));
  float const* const weight = layer.device_data()->weight.data();
  double const ours = microseconds(
      [&] { kernels::cuda::linear<In, Out, float>(on, rows, x.device_data(), weight, nullptr, y.device_data()); });
  float const one = 1;
  float const zero = 0;
  int const m = static_cast<int>(Out);
  int const n = static_cast<int>(rows);
  int const k = static_cast<int>(In);
  double const theirs = microseconds([&] {  // column-major: y^T = weight * x^T
    cublasSgemm(cublas, CUBLAS_OP_T, CUBLAS_OP_N, m, n, k, &one, weight, k, x.device_data(), k, &zero, y.device_data(),
                m);
  });
  double const flop = 2.0 * static_cast<double>(rows * In * Out);
  std::printf("  %5zu x %4zu -> %4zu   %9.1f us %8.1f GF/s   cuBLAS %9.1f us %8.1f GF/s   %5.2f x\n", rows, In, Out,
              ours, flop / ours / 1e3, theirs, flop / theirs / 1e3, theirs / ours);
}

struct MLP {
  Linear<784, 512> hidden;
  ReLU relu;
  Linear<512, 10> output;
};

void network(std::size_t rows) {
  auto gpu = to<Cuda>(*make<MLP>(Rng{0}));
  auto grads = zeros_like(gpu);
  auto optimizer = make<Adam<MLP>>();
  CudaOptimizer on_gpu(*optimizer, Cuda{0});
  Tape tape(gpu, grads);
  auto const x = to<Cuda>(Tensor<float, dyn, 784>(rows));
  auto const labels = to<Cuda>(Tensor<std::int64_t, dyn>(rows));
  double const forward = microseconds([&] { (void)gpu(x); });
  double const step = microseconds([&] {
    zero_grad(grads);
    tape.backward(cross_entropy(tape(x), labels));
    on_gpu.step(gpu, grads);
  });
  std::printf("  %5zu rows: forward %9.1f us, training step with Adam %9.1f us\n", rows, forward, step);
}

void run() {
  CudaInfo const device = info(Cuda{0});
  std::printf("%s, compute capability %d.%d\n", device.name.c_str(), device.major, device.minor);
  cublasHandle_t cublas = nullptr;
  if (cublasCreate(&cublas) != CUBLAS_STATUS_SUCCESS) throw Error(Errc::device, "cuBLAS does not start");
  std::puts("\nproducts in float, without tensor cores:");
  for (std::size_t const rows : {1u, 16u, 256u, 4096u}) {
    product<256, 256>(cublas, rows);
    product<1024, 1024>(cublas, rows);
    product<784, 512>(cublas, rows);
  }
  cublasDestroy(cublas);
  std::puts("\n784-512-10 with ReLU:");
  for (std::size_t const rows : {1u, 32u, 256u, 4096u}) network(rows);
}

}  // namespace

int main() {
  if (auto there = try_require(Cuda{0}); !there) {
    std::printf("nothing is measured: %s\n", there.error().what());
    return EXIT_SUCCESS;
  }
  try {
    run();
  } catch (Error const& e) {
    std::puts(e.what());
    return EXIT_FAILURE;
  }
}
