// tests/cuda/model/main.cpp: a unit of the host's compiler, with names, files and all, trains and runs a network on a
// GPU by the kernels that ashlar_cuda_model made. That it links shows that none is missing.
// SPDX-License-Identifier: BSL-1.0
#include "mlp.hpp"

#include <ashlar/ashlar.hpp>
#include <ashlar/cuda.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#ifdef __CUDACC__
#error "this unit is the host compiler's"
#endif
#ifdef CUDART_VERSION
#error "a CUDA header is reached"
#endif

using namespace ashlar;

namespace {

int run() {
  auto const net = make<model::MLP>(Rng{0});
  Tensor<float, dyn, 20> x(33);
  Tensor<std::int64_t, dyn> labels(33);
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(i % 11) / 5 - 1;
  for (std::size_t i = 0; i < 33; ++i) labels(i) = static_cast<std::int64_t>(i % 5);

  auto gpu = to<Cuda>(*net);
  auto const x_gpu = to<Cuda>(x);
  auto const labels_gpu = to<Cuda>(labels);
  auto const y = to<Cpu>(gpu(x_gpu));
  auto const expected = net(x);
  double most = 0;
  for (std::size_t i = 0; i < y.numel(); ++i) most = std::fmax(most, std::abs(y.data()[i] - expected.data()[i]));

  auto grads = zeros_like(gpu);
  auto adam = make<Adam<model::MLP>>();
  auto sgd = make<SGD<model::MLP>>();
  CudaOptimizer adam_gpu(*adam, Cuda{0});
  CudaOptimizer sgd_gpu(*sgd, Cuda{0});
  Rng rng{1};
  Tape tape(gpu, grads, rng);
  float first = 0;
  float last = 0;
  for (int step = 0; step < 50; ++step) {
    zero_grad(grads);
    last = tape.backward(cross_entropy(tape(x_gpu), labels_gpu)).item();
    if (step == 0) first = last;
    if (step % 2 == 0) adam_gpu.step(gpu, grads);
    else sgd_gpu.step(gpu, grads);
  }
  adam_gpu.to_host();
  save("trained.ashlar", *to<Cpu>(gpu));
  auto const mapped = map<model::MLP>("trained.ashlar");
  auto const again = to<Cpu>(to<Cuda>(*mapped, 0)(x_gpu));
  bool const same = bitwise_equal(again, to<Cpu>(gpu(x_gpu)));
  std::printf("largest difference to the host %g; loss %g to %g; saved and mapped: %s\n", most, first, last,
              same ? "same" : "DIFFERENT");
  return most < 1e-5 && last < first && same ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main() {
  if (device_count<Cuda>() == 0) {
    std::puts("skipped: this machine has no CUDA device");
    return EXIT_SUCCESS;
  }
  try {
    return run();
  } catch (Error const& e) {
    std::puts(e.what());
    return EXIT_FAILURE;
  }
}
