// bench/threads.cpp: networks of the size that pays for threads, with 1, 2, ... of them, against one.
// SPDX-License-Identifier: BSL-1.0
//
// Usage: bench_threads [seconds]. Short measurements of all numbers of threads take turns; `best` is the shortest.
#include "mlp.hpp"

#include <ashlar/nn.hpp>
#include <ashlar/threads.hpp>
#include <ashlar/train.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace bench {

struct Wide {
  ashlar::Linear<512, 1024> hidden;
  ashlar::GELU gelu;
  ashlar::Linear<1024, 512> output;
};
struct Images {
  ashlar::Conv2d<3, 32, 3, {.padding = 1}> first;
  ashlar::ReLU relu1;
  ashlar::Conv2d<32, 64, 3, {.stride = 2, .padding = 1}> second;
  ashlar::ReLU relu2;
  ashlar::Conv2d<64, 64, 3, {.stride = 2, .padding = 1}> third;
  ashlar::ReLU relu3;
  ashlar::Flatten flatten;
  ashlar::Linear<64 * 8 * 8, 10> output;
};

namespace {

template <class Net, std::size_t... E>
struct Inference {
  ashlar::Owned<Net> net = ashlar::make<Net>(ashlar::Rng{1});
  ashlar::Tensor<float, ashlar::dyn, E...> x;

  explicit Inference(std::size_t rows) : x(rows) { fill(x.data(), x.numel(), 1.0f); }
  float operator()() const { return net(x).data()[0]; }
};

struct Training {
  ashlar::Owned<Images> net = ashlar::make<Images>(ashlar::Rng{1});
  ashlar::Owned<Images> grads = ashlar::zeros_like(net);
  ashlar::Tape<Images> tape{*net, *grads};
  std::unique_ptr<ashlar::Adam<Images>> optimizer = std::make_unique<ashlar::Adam<Images>>();
  ashlar::Tensor<float, ashlar::dyn, 3, 32, 32> x{32};
  ashlar::Tensor<std::int64_t, ashlar::dyn> target{32};

  Training() {
    fill(x.data(), x.numel(), 1.0f);
    for (std::size_t r = 0; r < 32; ++r) target(r) = static_cast<std::int64_t>(r % 10);
  }
  float operator()() {
    ashlar::zero_grad(*grads);
    float const value = tape.backward(ashlar::cross_entropy(tape(x), target));
    optimizer->step(*net, *grads);
    return value;
  }
};

struct Case {
  char const* name;
  std::function<float()> run;
  std::vector<double> best;  // us, for 1, 2, ... threads
};

int run(double seconds) {
  std::size_t const most = std::max(2u, std::thread::hardware_concurrency());
  std::vector<std::size_t> counts;
  for (std::size_t n = 1; n < most; n *= 2) counts.push_back(n);
  counts.push_back(most);

  Inference<Wide, 512> const wide(256);
  Inference<Images, 3, 32, 32> const one(1), many(32);
  Training training;
  std::vector<double> const none(counts.size(), 1e30);
  std::vector<Case> cases{{"512-1024-512, batch 256", [&] { return wide(); }, none},
                          {"convolutions, 1 image", [&] { return one(); }, none},
                          {"convolutions, 32 images", [&] { return many(); }, none},
                          {"  training step, Adam", [&] { return training(); }, none}};
  volatile float sink = 0;
  using Clock = std::chrono::steady_clock;
  auto const end = Clock::now() + std::chrono::duration<double>(seconds);
  do {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      ashlar::set_num_threads(counts[i]);
      for (Case& c : cases) {
        for (int again = 0; again < 3; ++again) {
          auto const start = Clock::now();
          sink = sink + c.run();
          c.best[i] = std::min(c.best[i], std::chrono::duration<double, std::micro>(Clock::now() - start).count());
        }
      }
    }
  } while (Clock::now() < end);

  std::printf("%-26s", "threads");
  for (std::size_t const n : counts) std::printf("  %16zu", n);
  std::printf("\n");
  for (Case const& c : cases) {
    std::printf("%-26s", c.name);
    for (double const us : c.best) std::printf("  %8.0f us %4.2fx", us, c.best[0] / us);
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::run(argc > 1 ? std::atof(argv[1]) : 10); }
