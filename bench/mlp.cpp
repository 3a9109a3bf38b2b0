// bench/mlp.cpp: small networks on one thread, against the FMA peak of the same run and fixed-size Eigen.
// SPDX-License-Identifier: BSL-1.0
//
// Usage: bench_mlp [seconds]. Short measurements of all cases take turns, so that a busy machine disturbs them alike;
// `best` is the shortest, `median` the middle one. The peak is the best of a loop of FMAs on registers, in turn too.
#include "mlp.hpp"

#include <ashlar/kernels/linear/cpu.hpp>
#include <ashlar/kernels/loss/cpu.hpp>
#include <ashlar/kernels/optimizer/cpu.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace bench {
namespace {

namespace k = ashlar::kernels;

struct Infer {
  alignas(64) float w1[infer_hidden * infer_in];
  alignas(64) float b1[infer_hidden];
  alignas(64) float w2[infer_out * infer_hidden];
  alignas(64) float b2[infer_out];
  alignas(64) float x[64 * infer_in];
  alignas(64) float h[64 * infer_hidden];
  alignas(64) float y[64 * infer_out];
};

struct Net {
  alignas(64) float w1[train_hidden * train_in];
  alignas(64) float b1[train_hidden];
  alignas(64) float w2[train_out * train_hidden];
  alignas(64) float b2[train_out];
};

struct Train {
  Net net, grad, m, v;
  alignas(64) float x[train_rows * train_in];
  alignas(64) float z[train_rows * train_hidden], h[train_rows * train_hidden];
  alignas(64) float dh[train_rows * train_hidden], dz[train_rows * train_hidden];
  alignas(64) float y[train_rows * train_out], dy[train_rows * train_out];
  float norm[train_rows];
  std::int64_t target[train_rows];
  int step;
};

Infer& inference() {
  static Infer* const s = [] {
    Infer* p = new Infer;
    fill(reinterpret_cast<float*>(p), sizeof(Infer) / sizeof(float), 0.1f);
    return p;
  }();
  return *s;
}

template <std::size_t Rows>
float infer() {
  Infer& s = inference();
  k::linear<infer_in, infer_hidden>(Rows, s.x, s.w1, s.b1, s.h);
  k::map(k::ReLU{}, Rows * infer_hidden, s.h, s.h);
  k::linear<infer_hidden, infer_out>(Rows, s.h, s.w2, s.b2, s.y);
  return s.y[0];
}

Train& training() {
  static Train* const s = [] {
    Train* p = new Train{};
    fill(reinterpret_cast<float*>(&p->net), sizeof(Net) / sizeof(float), 0.1f);
    fill(p->x, train_rows * train_in, 1.0f);
    for (std::size_t r = 0; r < train_rows; ++r) p->target[r] = static_cast<std::int64_t>(r % train_out);
    return p;
  }();
  return *s;
}

constexpr std::size_t parameters = sizeof(Net) / sizeof(float);  // the block an optimizer walks, padding included
float* flat(Net& n) { return reinterpret_cast<float*>(&n); }

float gradients(Train& s) {
  k::linear<train_in, train_hidden>(train_rows, s.x, s.net.w1, s.net.b1, s.z);
  k::map(k::ReLU{}, train_rows * train_hidden, s.z, s.h);
  k::linear<train_hidden, train_out>(train_rows, s.h, s.net.w2, s.net.b2, s.y);
  k::CrossEntropy<float> const settings;
  float loss = 0;
  double const counted = k::cross_entropy(train_rows, train_out, s.y, s.target, settings, &loss, s.norm);
  k::fill(parameters, 0.0f, flat(s.grad));
  k::fill(train_rows * train_out, 0.0f, s.dy);
  k::fill(train_rows * train_hidden, 0.0f, s.dh);
  k::fill(train_rows * train_hidden, 0.0f, s.dz);
  float const one = 1;
  k::cross_entropy_pullback(train_rows, train_out, s.y, s.target, settings, s.norm, counted, &one, s.dy);
  k::linear_backward_parameters<train_hidden, train_out>(train_rows, s.h, s.dy, s.grad.w2, s.grad.b2);
  k::linear_backward_input<train_hidden, train_out>(train_rows, s.dy, s.net.w2, s.dh);
  k::map_pullback(k::ReLU{}, train_rows * train_hidden, s.z, s.h, s.dh, s.dz);
  k::linear_backward_parameters<train_in, train_hidden>(train_rows, s.x, s.dz, s.grad.w1, s.grad.b1);
  return loss;
}

float train_sgd() {
  Train& s = training();
  float const loss = gradients(s);
  k::sgd(parameters, k::SgdStep<float>{.lr = 0.01, .momentum = 0.9}, flat(s.net), flat(s.grad), flat(s.m));
  return loss;
}

float train_adam() {
  Train& s = training();
  float const loss = gradients(s);
  k::AdamStep<float> step;
  ++s.step;
  step.bias_correction1 = 1 - std::pow(step.beta1, s.step);
  step.bias_correction2 = 1 - std::pow(step.beta2, s.step);
  k::adam(parameters, step, flat(s.net), flat(s.grad), flat(s.m), flat(s.v), static_cast<float*>(nullptr));
  return loss;
}

#if defined(__x86_64__)
#define BENCH_FMA(r) "vfmadd231ps %%" r "0,%%" r "1,%%" r
#define BENCH_12(r)                                                                                              \
  BENCH_FMA(r) "2\n" BENCH_FMA(r) "3\n" BENCH_FMA(r) "4\n" BENCH_FMA(r) "5\n" BENCH_FMA(r) "6\n" BENCH_FMA(r) "7\n" \
  BENCH_FMA(r) "8\n" BENCH_FMA(r) "9\n" BENCH_FMA(r) "10\n" BENCH_FMA(r) "11\n" BENCH_FMA(r) "12\n" BENCH_FMA(r) "13\n"
#define BENCH_LOOP(r)                                                                                             \
  for (int i = 0; i < 500; ++i) {                                                                                 \
    asm volatile(BENCH_12(r)::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",   \
                 "xmm10", "xmm11", "xmm12", "xmm13");                                                             \
  }
float peak_avx2() {
  asm volatile("vzeroall" ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
               "xmm11", "xmm12", "xmm13");
  BENCH_LOOP("ymm")
  asm volatile("vzeroupper");
  return 0;
}
float peak_avx512() {
  asm volatile("vzeroall" ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
               "xmm11", "xmm12", "xmm13");
  BENCH_LOOP("zmm")
  asm volatile("vzeroupper");
  return 0;
}
#endif

struct Case {
  char const* name;
  float (*run)();
  double flops;
  std::size_t repeat = 1;
  std::vector<double> ns = {};

  void measure() {
    float keep = 0;
    auto const begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < repeat; ++i) keep += run();
    double const all = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
    [[maybe_unused]] static volatile float sink;
    sink = keep;
    ns.push_back(all / static_cast<double>(repeat));
  }
  double best() const { return *std::min_element(ns.begin(), ns.end()); }
  double median() const {
    std::vector<double> sorted = ns;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

int run(double seconds) {
  std::vector<Case> cases;
#if defined(__x86_64__)
  if (k::isa() == k::Isa::avx2) cases.push_back({"FMA peak", peak_avx2, 500.0 * 12 * 16});
  if (k::isa() == k::Isa::avx512) cases.push_back({"FMA peak", peak_avx512, 500.0 * 12 * 32});
#endif
  bool const has_peak = !cases.empty();
  auto const add = [&](Contestant const& c) {
    cases.push_back({"20-256-10, batch 1", c.infer1, infer_flops});
    cases.push_back({"20-256-10, batch 64", c.infer64, 64 * infer_flops});
    cases.push_back({"64-128-10 step, SGD", c.train_sgd, train_flops});
    cases.push_back({"64-128-10 step, Adam", c.train_adam, train_flops});
  };
  std::size_t const first = cases.size();
  add({infer<1>, infer<64>, train_sgd, train_adam});
#if defined(ASHLAR_BENCH_EIGEN)
  add(eigen_mlp());
#endif
  for (Case& c : cases) {  // about 30 us a measurement
    c.measure();
    c.measure();
    while (c.best() * static_cast<double>(c.repeat) < 30000) {
      c.repeat *= 2;
      c.measure();
    }
    c.ns.clear();
  }
  auto const begin = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds) {
    for (Case& c : cases) c.measure();
  }
  double const peak = has_peak ? cases[0].flops / cases[0].best() : 0;
  std::printf("instruction set level %d, FMA peak %.1f GF/s, %zu measurements each\n", static_cast<int>(k::isa()), peak,
              cases[first].ns.size());
  std::printf("%-22s %11s %11s %7s %6s  %11s %6s\n", "", "best", "median", "GF/s", "peak", "Eigen best", "ratio");
  for (std::size_t i = first; i < first + 4; ++i) {
    Case const& c = cases[i];
    std::printf("%-22s %8.0f ns %8.0f ns %7.1f", c.name, c.best(), c.median(), c.flops / c.best());
    if (has_peak) std::printf(" %5.1f%%", 100 * c.flops / c.best() / peak);
    else std::printf("      -");
    if (i + 4 < cases.size()) std::printf("  %8.0f ns %5.2fx", cases[i + 4].best(), cases[i + 4].best() / c.best());
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc > 1 ? std::atof(argv[1]) : 3.0); }
