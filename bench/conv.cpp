// bench/conv.cpp: convolutions and normalisation of images on one thread, kernels alone, against the FMA peak of the
// same run.  SPDX-License-Identifier: BSL-1.0
//
// Usage: bench_conv [seconds]. Short measurements of all cases take turns; `best` is the shortest. Flops are those of
// the products; for BatchNorm, which memory limits, GB/s of what it reads and writes at least.
#include "peak.hpp"

#include <ashlar/kernels/batch_norm/cpu.hpp>
#include <ashlar/kernels/conv/cpu.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace bench {
namespace {

namespace k = ashlar::kernels;

struct Case {
  std::string name;
  std::function<void()> run;
  double work;  // flops or bytes
  bool is_bytes;
  double best = 1e30;  // ns
};

std::vector<float> some(std::size_t n) {
  std::vector<float> x(n);
  unsigned state = 1;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return x;
}

void add_conv(std::vector<Case>& cases, std::string const& name, k::ConvShape const& shape) {
  auto x = some(shape.x_size()), w = some(shape.out * shape.patch()), b = some(shape.out), y = some(shape.y_size());
  auto dx = some(shape.x_size()), dw = w, work = some(k::conv_workspace<float>(shape));
  double const flops = 2.0 * static_cast<double>(shape.y_size() * shape.patch());
  cases.push_back(
      {name, [=]() mutable { k::conv(shape, 1, x.data(), w.data(), b.data(), y.data(), work.data()); }, flops, false});
  cases.push_back({"  dx",
                   [=]() mutable { k::conv_backward_input(shape, 1, y.data(), w.data(), dx.data(), work.data()); },
                   flops, false});
  cases.push_back(
      {"  dweight",
       [=]() mutable { k::conv_backward_parameters(shape, 1, x.data(), y.data(), dw.data(), b.data(), work.data()); },
       flops, false});
}

void add_batch_norm(std::vector<Case>& cases, std::string const& name, k::Planes const& planes) {
  std::size_t const n = planes.per_channel() * planes.channels;
  std::size_t const c = planes.channels;
  auto x = some(n), y = x, dy = x, dx = x, w = some(c), b = some(c), dw = w, db = b;
  std::vector<double> mean(c), variance(c, 1.0);
  double const bytes = 4.0 * static_cast<double>(n);
  cases.push_back({name + ", evaluation",
                   [=]() mutable {
                     k::batch_norm(planes, x.data(), mean.data(), variance.data(), 1e-5, w.data(), b.data(), y.data());
                   },
                   2 * bytes, true});
  cases.push_back({"  moments", [=]() mutable { k::channel_moments(planes, x.data(), mean.data(), variance.data()); },
                   bytes, true});
  cases.push_back({"  backward",
                   [=]() mutable {
                     k::batch_norm_backward<true>(planes, x.data(), mean.data(), variance.data(), 1e-5, w.data(),
                                                  dy.data(), dx.data(), dw.data(), db.data());
                   },
                   4 * bytes, true});
}

constexpr k::Window window(std::size_t kernel, std::size_t stride) {
  return {kernel, stride, 1, kernel / 2, kernel / 2, false};
}

int run(double seconds) {
  std::vector<Case> cases;
  Peak const peak = fma_peak();
  if (peak.run != nullptr) cases.push_back({"FMA peak", [=] { peak.run(); }, peak.flops, false});
  add_conv(cases, "3 -> 16, 3x3, 32x32", {3, 16, 1, window(3, 1), window(3, 1), 32, 32});
  add_conv(cases, "64 -> 64, 3x3, 28x28", {64, 64, 1, window(3, 1), window(3, 1), 28, 28});
  add_conv(cases, "64 -> 1, 3x3, 28x28", {64, 1, 1, window(3, 1), window(3, 1), 28, 28});
  add_conv(cases, "64 depthwise, 3x3, 56x56", {64, 64, 64, window(3, 1), window(3, 1), 56, 56});
  add_conv(cases, "64 depthwise, 3x3/2, 56x56", {64, 64, 64, window(3, 2), window(3, 2), 56, 56});
  add_conv(cases, "256 depthwise, 5x5, 14x14", {256, 256, 256, window(5, 1), window(5, 1), 14, 14});
  add_batch_norm(cases, "BatchNorm2d 8 x 64 x 28x28", {8, 64, 784});
  add_batch_norm(cases, "BatchNorm1d 64 x 128", {64, 128, 1});
  auto const begin = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds) {
    for (Case& c : cases) {
      std::size_t const repeat = c.best > 1e5 ? 1 : static_cast<std::size_t>(1e5 / c.best) + 1;
      auto const from = std::chrono::steady_clock::now();
      for (std::size_t i = 0; i < repeat; ++i) c.run();
      double const ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - from).count();
      c.best = std::min(c.best, ns / static_cast<double>(repeat));
    }
  }
  std::printf("instruction set level %d\n%-42s %12s %8s\n", static_cast<int>(k::isa()), "", "best", "");
  double const top = peak.run != nullptr ? cases[0].work / cases[0].best : 0;
  for (Case const& c : cases) {
    std::printf("%-42s %9.0f ns %8.1f %s", c.name.c_str(), c.best, c.work / c.best, c.is_bytes ? "GB/s" : "GF/s");
    if (!c.is_bytes && top > 0) std::printf(" %5.1f%% of the peak", 100 * c.work / c.best / top);
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc > 1 ? std::atof(argv[1]) : 3.0); }
