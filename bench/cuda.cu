// What inference and training cost on a GPU, and how our product does beside cuBLAS's.
// SPDX-License-Identifier: BSL-1.0
//
// Times are of 50 repetitions between two events: the least of 20 such means. Without a GPU it says what is missing,
// and no number. bench/cuda.py does the networks with PyTorch, if that is installed.
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/train.hpp>

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <tuple>
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

/// The time of y = x * transpose(weight) by cuBLAS: column-major, y^T = weight * x^T.
double by_cublas(cublasHandle_t cublas, std::size_t rows, std::size_t in, std::size_t out, float const* x,
                 float const* weight, float* y) {
  float const one = 1;
  float const zero = 0;
  int const m = static_cast<int>(out);
  int const n = static_cast<int>(rows);
  int const k = static_cast<int>(in);
  return microseconds(
      [&] { cublasSgemm(cublas, CUBLAS_OP_T, CUBLAS_OP_N, m, n, k, &one, weight, k, x, k, &zero, y, m); });
}

template <std::size_t In, std::size_t Out>
void product(cublasHandle_t cublas, std::size_t rows) {
  using kernels::cuda::TensorCores;
  auto const layer = to<Cuda>(*make<Linear<In, Out, float, false>>(Rng{0}));
  Tensor<float, dyn, In> values(rows);  // zeros would let a GPU run faster
  Rng rng{1};
  rng.fill_uniform(values.span(), -0.5F, 0.5F);
  auto const x = to<Cuda>(values);
  auto const y = to<Cuda>(Tensor<float, dyn, Out>(rows));
  detail::CudaLauncher on(detail::current_stream(0));
  float const* const weight = layer.device_data()->weight.data();
  float const* const from = x.device_data();
  auto* const to = const_cast<float*>(y.device_data());
  double const ours = microseconds([&] { kernels::cuda::linear<In, Out, float>(on, rows, from, weight, nullptr, to); });
  double const theirs = by_cublas(cublas, rows, In, Out, from, weight, to);
  double const tf32 =
      microseconds([&] { kernels::cuda::linear<TensorCores::tf32, In, Out>(on, rows, from, weight, nullptr, to); });
  double const bf16 =
      microseconds([&] { kernels::cuda::linear<TensorCores::bf16, In, Out>(on, rows, from, weight, nullptr, to); });
  cublasSetMathMode(cublas, CUBLAS_TF32_TENSOR_OP_MATH);
  double const theirs_tf32 = by_cublas(cublas, rows, In, Out, from, weight, to);
  cublasSetMathMode(cublas, CUBLAS_DEFAULT_MATH);
  double const gflop = 2e-9 * static_cast<double>(rows * In * Out);
  std::printf(
      "  %5zu x %4zu -> %4zu %8.1f us %5.1f TF/s   cuBLAS %8.1f us %5.2f x | TF32 %8.1f us %6.1f TF/s   cuBLAS "
      "%8.1f us %5.2f x | bf16 %8.1f us\n",
      rows, In, Out, ours, gflop / ours * 1e3, theirs, theirs / ours, tf32, gflop / tf32 * 1e3, theirs_tf32,
      theirs_tf32 / tf32, bf16);
}

template <std::size_t In, std::size_t Hidden, std::size_t Out>
struct MLP {
  Linear<In, Hidden> hidden;
  ReLU relu;
  Linear<Hidden, Out> output;
};

template <std::size_t In, std::size_t Hidden, std::size_t Out>
void network(std::size_t rows) {
  using Net = MLP<In, Hidden, Out>;
  auto gpu = to<Cuda>(*make<Net>(Rng{0}));
  auto grads = zeros_like(gpu);
  auto optimizer = make<Adam<Net>>();
  CudaOptimizer on_gpu(*optimizer, Cuda{0});
  Tape tape(gpu, grads);
  auto const x = to<Cuda>(Tensor<float, dyn, In>(rows));
  auto const labels = to<Cuda>(Tensor<std::int64_t, dyn>(rows));
  double const forward = microseconds([&] { (void)gpu(x); });
  double const step = microseconds([&] {
    zero_grad(grads);
    tape.backward(cross_entropy(tape(x), labels));
    on_gpu.step(gpu, grads);
  });
  std::printf("  %3zu-%3zu-%zu, %5zu rows: forward %8.1f us, training step with Adam %8.1f us", In, Hidden, Out, rows,
              forward, step);
  if constexpr (kernels::cuda::mlp_fits<float, In, Hidden, Out>) {  // two kernels and one, without what the host does
    detail::CudaLauncher on(detail::current_stream(0));
    Net const& net = *gpu.device_data();
    float const* const weights[] = {net.hidden.weight.data(), net.hidden.bias.data(), net.output.weight.data(),
                                    net.output.bias.data()};
    auto const hidden = to<Cuda>(Tensor<float, dyn, Hidden>(rows));
    auto const y = to<Cuda>(Tensor<float, dyn, Out>(rows));
    auto* const h = const_cast<float*>(hidden.device_data());
    auto* const out = const_cast<float*>(y.device_data());
    double const one = microseconds([&] {
      kernels::cuda::mlp<float, std::tuple<kernels::ReLU>, In, Hidden, Out>(
          on, rows, x.device_data(), {weights[0], weights[2]}, {weights[1], weights[3]}, out);
    });
    double const two = microseconds([&] {
      kernels::cuda::linear<In, Hidden, float, kernels::ReLU>(on, rows, x.device_data(), weights[0], weights[1], h);
      kernels::cuda::linear<Hidden, Out, float>(on, rows, static_cast<float const*>(h), weights[2], weights[3], out);
    });
    std::printf("; forward's kernels: one %.1f us, two %.1f us", one, two);
  }
  std::puts("");
}

/// Copies of 256 MiB, milliseconds, the least of 5.
void copies() {
  Tensor<float, dyn> const host(std::size_t{64} << 20);
  auto const device = to<Cuda>(host);
  auto const best = [](auto&& f) {
    double least = 1e30;
    for (int i = 0; i < 5; ++i) {
      auto const begin = std::chrono::steady_clock::now();
      f();
      cudaDeviceSynchronize();
      least =
          std::min(least, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    return least;
  };
  auto* const there = const_cast<float*>(device.device_data());
  std::size_t const bytes = host.numel() * sizeof(float);
  double const ours = best([&] { detail::runtime_driver.to_device(0, there, host.data(), bytes).value(); });
  double const theirs = best([&] { cudaMemcpy(there, host.data(), bytes, cudaMemcpyHostToDevice); });
  std::printf("  256 MiB from pageable memory: %.1f ms, cudaMemcpy %.1f ms\n", ours, theirs);
}

void run() {
  CudaInfo const device = info(Cuda{0});
  std::printf("%s, compute capability %d.%d\n", device.name.c_str(), device.major, device.minor);
  cublasHandle_t cublas = nullptr;
  if (cublasCreate(&cublas) != CUBLAS_STATUS_SUCCESS) throw Error(Errc::device, "cuBLAS does not start");
  std::puts("\nproducts in float, and rounded for tensor cores:");
  for (std::size_t const rows : {1u, 16u, 256u, 1024u, 4096u}) {
    product<256, 256>(cublas, rows);
    product<1024, 1024>(cublas, rows);
    product<784, 512>(cublas, rows);
  }
  cublasDestroy(cublas);
  std::puts("\nnetworks with ReLU:");
  for (std::size_t const rows : {1u, 32u, 256u, 4096u}) {
    network<20, 256, 10>(rows);
    network<64, 128, 10>(rows);
    network<784, 512, 10>(rows);
  }
  std::puts("\ncopies to the device:");
  copies();
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
