// bench/mlp.cpp: small networks on one thread, against the FMA peak of the same run, the bare kernels and fixed-size
// Eigen.  SPDX-License-Identifier: BSL-1.0
//
// Usage: bench_mlp [seconds]. Short measurements of all cases take turns, so that a busy machine disturbs them alike;
// `best` is the shortest, `median` the middle one. The peak is the best of a loop of FMAs on registers, in turn too.
// `allocations` counts those of the library's measured calls.
#include "mlp.hpp"
#include "mlp_kernels.hpp"
#include "peak.hpp"

#include <ashlar/nn.hpp>
#include <ashlar/train.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

namespace bench {
namespace {

std::size_t allocations = 0;

void* counted_allocation(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  void* const p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace
}  // namespace bench

void* operator new(std::size_t n) { return bench::counted_allocation(n, 16); }
void* operator new(std::size_t n, std::align_val_t a) {
  return bench::counted_allocation(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace bench {

// Namespaces without a name make names of types that reflection cannot spell.
struct Small {
  ashlar::Linear<infer_in, infer_hidden> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<infer_hidden, infer_out> output;
};
struct Trained {
  ashlar::Linear<train_in, train_hidden> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<train_hidden, train_out> output;
};

namespace {

namespace k = ashlar::kernels;

// What a user writes.

struct Inference {
  ashlar::Owned<Small> net = ashlar::make<Small>(ashlar::Rng{1});
  ashlar::Tensor<float, infer_in> row{};
  ashlar::Tensor<float, ashlar::dyn, infer_in> batch{64};

  Inference() {
    fill(row.data(), row.numel(), 1.0f);
    fill(batch.data(), batch.numel(), 1.0f);
  }
};

float infer1() {
  static Inference const s;
  auto const y = s.net(s.row);  // (10)
  return y.data()[0];
}

float infer64() {
  static Inference const s;
  auto const y = s.net(s.batch);  // (64, 10)
  return y.data()[0];
}

template <class Optimizer>
struct Training {
  ashlar::Owned<Trained> net = ashlar::make<Trained>(ashlar::Rng{1});
  ashlar::Owned<Trained> grads = ashlar::zeros_like(net);
  ashlar::Tape<Trained> tape{*net, *grads};
  ashlar::Tensor<float, ashlar::dyn, train_in> x{train_rows};
  ashlar::Tensor<std::int64_t, ashlar::dyn> target{train_rows};
  Optimizer optimizer;

  explicit Training(Optimizer const& o) : optimizer(o) {
    fill(x.data(), x.numel(), 1.0f);
    for (std::size_t r = 0; r < train_rows; ++r) target(r) = static_cast<std::int64_t>(r % train_out);
  }
  float step() {
    ashlar::zero_grad(*grads);
    auto const loss = ashlar::cross_entropy(tape(x), target);
    float const value = tape.backward(loss);
    optimizer.step(*net, *grads);
    return value;
  }
};

float train_sgd() {
  static Training<ashlar::SGD<Trained>> s({.lr = 0.01, .momentum = 0.9});
  return s.step();
}

float train_adam() {
  static Training<ashlar::Adam<Trained>> s({.lr = 0.001});
  return s.step();
}

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
  if (Peak const peak = fma_peak(); peak.run != nullptr) cases.push_back({"FMA peak", peak.run, peak.flops});
  bool const has_peak = !cases.empty();
  auto const add = [&](Contestant const& c) {
    cases.push_back({"20-256-10, batch 1", c.infer1, infer_flops});
    cases.push_back({"20-256-10, batch 64", c.infer64, 64 * infer_flops});
    cases.push_back({"64-128-10 step, SGD", c.train_sgd, train_flops});
    cases.push_back({"64-128-10 step, Adam", c.train_adam, train_flops});
  };
  std::size_t const first = cases.size();
  add({infer1, infer64, train_sgd, train_adam});
  add(bare::contestant());
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
    c.ns.reserve(std::size_t{1} << 20);
  }
  std::size_t library_allocations = 0;
  auto const begin = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      std::size_t const before = allocations;
      cases[i].measure();
      if (i >= first && i < first + 4) library_allocations += allocations - before;
    }
  }
  double const peak = has_peak ? cases[0].flops / cases[0].best() : 0;
  std::printf("instruction set level %d, FMA peak %.1f GF/s, %zu measurements each, allocations of the library: %zu\n",
              static_cast<int>(k::isa()), peak, cases[first].ns.size(), library_allocations);
  std::printf("%-22s %11s %11s %7s %6s  %11s %6s  %11s %6s\n", "", "best", "median", "GF/s", "peak", "kernels best",
              "ratio", "Eigen best", "ratio");
  for (std::size_t i = first; i < first + 4; ++i) {
    Case const& c = cases[i];
    std::printf("%-22s %8.0f ns %8.0f ns %7.1f", c.name, c.best(), c.median(), c.flops / c.best());
    if (has_peak) std::printf(" %5.1f%%", 100 * c.flops / c.best() / peak);
    else std::printf("      -");
    for (std::size_t other = i + 4; other < cases.size(); other += 4) {
      std::printf("  %8.0f ns %5.2fx", cases[other].best(), cases[other].best() / c.best());
    }
    std::printf("\n");
  }
  return library_allocations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc > 1 ? std::atof(argv[1]) : 3.0); }
