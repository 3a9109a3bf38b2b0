// bench/lstm.cpp: recurrent layers one step at a time on one thread, against the FMA peak of the same run and
// fixed-size Eigen.  SPDX-License-Identifier: BSL-1.0
//
// Usage: bench_lstm [seconds]. Short measurements of all cases take turns, so that a busy machine disturbs them alike;
// `best` is the shortest, `median` the middle one.
#include "lstm.hpp"

#include <ashlar/nn/make.hpp>
#include <ashlar/nn/streaming.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace bench {
namespace {

/// One sample at a time.
template <class L>
float streamed() {
  static ashlar::Streaming<L> layer(*ashlar::make<L>(ashlar::Rng{1}));
  return layer(sample()).data()[0];
}

/// A block of samples.
template <class L>
float streamed_blocks() {
  static ashlar::Streaming<L> layer(*ashlar::make<L>(ashlar::Rng{1}));
  ashlar::Tensor<float, block, 1> x;
  for (float& s : x) s = sample();
  return layer(x)(0, 0);
}

/// The layer itself, one step, its state handed on.
template <class L>
float stepped() {
  static auto const layer = ashlar::make<L>(ashlar::Rng{1});
  static auto state = (*layer)(ashlar::Tensor<float, 1, 1>{}).state;
  auto out = (*layer)(ashlar::Tensor<float, 1, 1>{sample()}, state);
  state = std::move(out.state);
  return out.output(0, 0);
}

/// The layer itself, a block of samples.
template <class L>
float in_blocks() {
  static auto const layer = ashlar::make<L>(ashlar::Rng{1});
  static auto state = (*layer)(ashlar::Tensor<float, 1, 1>{}).state;
  ashlar::Tensor<float, block, 1> x;
  for (float& s : x) s = sample();
  auto out = (*layer)(x, state);
  state = std::move(out.state);
  return out.output(0, 0);
}

#if defined(__x86_64__)
#define BENCH_FMA(r) "vfmadd231ps %%" r "0,%%" r "1,%%" r
#define BENCH_LOOP(r)                                                                                             \
  for (int i = 0; i < 500; ++i) {                                                                                 \
    asm volatile(                                                                                                 \
        BENCH_FMA(r) "2\n" BENCH_FMA(r) "3\n" BENCH_FMA(r) "4\n" BENCH_FMA(r) "5\n" BENCH_FMA(r) "6\n" BENCH_FMA( \
            r) "7\n" BENCH_FMA(r) "8\n" BENCH_FMA(r) "9\n" BENCH_FMA(r) "10\n" BENCH_FMA(r) "11\n" ::             \
            : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");  \
  }
float peak_avx2() {
  asm volatile("vzeroall" ::
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
  BENCH_LOOP("ymm")
  asm volatile("vzeroupper");
  return 0;
}
float peak_avx512() {
  asm volatile("vzeroall" ::
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
  BENCH_LOOP("zmm")
  asm volatile("vzeroupper");
  return 0;
}
#endif

struct Case {
  char const* who;
  char const* what;
  float (*run)();
  double flops;
  std::size_t steps = 1;  // in a run
  std::size_t repeat = 1;
  std::vector<double> ns = {};

  void measure() {
    float keep = 0;
    auto const begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < repeat; ++i) keep += run();
    double const all = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
    [[maybe_unused]] static volatile float sink;
    sink = keep;
    ns.push_back(all / static_cast<double>(repeat * steps));
  }
  double best() const { return *std::min_element(ns.begin(), ns.end()); }
  double median() const {
    std::vector<double> sorted = ns;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

int run(double seconds) {
  namespace k = ashlar::kernels;
  std::vector<Case> cases;
#if defined(__x86_64__)
  if (k::isa() == k::Isa::avx2) cases.push_back({"", "FMA peak", peak_avx2, 500.0 * 10 * 16});
  if (k::isa() == k::Isa::avx512) cases.push_back({"", "FMA peak", peak_avx512, 500.0 * 10 * 32});
#endif
  std::size_t const first = cases.size();
  auto const add = [&](char const* who, Recurrent const& r, std::size_t steps = 1) {
    cases.push_back({who, "LSTM 1 -> 20", r.lstm20, step_flops(4, 1, 20), steps});
    cases.push_back({who, "LSTM 1 -> 32", r.lstm32, step_flops(4, 1, 32), steps});
    cases.push_back({who, "LSTM 1 -> 40", r.lstm40, step_flops(4, 1, 40), steps});
    cases.push_back({who, "GRU 1 -> 32", r.gru32, step_flops(3, 1, 32), steps});
  };
  using ashlar::GRU, ashlar::LSTM;
  add("Streaming", {streamed<LSTM<1, 20>>, streamed<LSTM<1, 32>>, streamed<LSTM<1, 40>>, streamed<GRU<1, 32>>});
  add("... 64 at once",
      {streamed_blocks<LSTM<1, 20>>, streamed_blocks<LSTM<1, 32>>, streamed_blocks<LSTM<1, 40>>,
       streamed_blocks<GRU<1, 32>>},
      block);
  add("layer, 64", {in_blocks<LSTM<1, 20>>, in_blocks<LSTM<1, 32>>, in_blocks<LSTM<1, 40>>, in_blocks<GRU<1, 32>>},
      block);
  add("layer, step", {stepped<LSTM<1, 20>>, stepped<LSTM<1, 32>>, stepped<LSTM<1, 40>>, stepped<GRU<1, 32>>});
#if defined(ASHLAR_BENCH_EIGEN)
  add("Eigen", eigen_recurrent());
#endif
  for (Case& c : cases) {  // about 30 us a measurement
    c.measure();
    c.measure();
    while (c.best() * static_cast<double>(c.repeat * c.steps) < 30000) {
      c.repeat *= 2;
      c.measure();
    }
    c.ns.clear();
  }
  auto const end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    for (Case& c : cases) c.measure();
  }
  double const peak = first == 0 ? 0 : cases[0].flops / cases[0].best();
  if (first != 0) std::printf("FMA peak: %.0f GF/s\n", peak);
  std::printf("%-14s %-14s %10s %10s %10s %10s\n", "", "one step", "best ns", "median", "% of peak", "x Eigen");
  for (std::size_t i = first; i < cases.size(); ++i) {
    Case const& c = cases[i];
    std::printf("%-14s %-14s %10.1f %10.1f", c.who, c.what, c.best(), c.median());
    if (first != 0) std::printf(" %10.1f", 100 * c.flops / c.best() / peak);
#if defined(ASHLAR_BENCH_EIGEN)
    Case const& eigen = cases[cases.size() - 4 + (i - first) % 4];
    std::printf(" %10.2f", eigen.best() / c.best());
#endif
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc > 1 ? std::atof(argv[1]) : 2); }
