// tests/cuda/training_test.cpp: training on a CUDA device against the host and against what was recorded with torch.
// SPDX-License-Identifier: BSL-1.0
//
// Compiled by g++ and clang for an emulated device, and by nvcc for a GPU (on_gpu_training.cu). Bounds are those of
// tests/train/trace_test.cpp, which runs the same data on the host: of the largest element of a tensor 1e-12 in double
// and 1e-4 in float. On an emulated device they differ by 7e-15 and 2e-6 after ten
// steps; an optimizer's step by 4e-7, held to 2e-6.
#include <ashlar/cuda.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/train.hpp>

#include "support/close.hpp"
#include "support/cuda_machine.hpp"
#include "support/digits.hpp"
#include "support/digits_mlp.hpp"
#include "support/forked.hpp"
#include "support/json.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

namespace {

/// A network, its gradients and its optimizer on a device.
template <class Optimizer>
struct Trainer {
  using Net = typename CudaOptimizer<Optimizer>::Net;

  Owned<Optimizer> optimizer = make<Optimizer>();
  CudaOwned<Net> net;
  CudaOwned<Net> grads;
  Tape<CudaOwned<Net>> tape;
  CudaOptimizer<Optimizer> on_device;

  template <class Set>
  Trainer(Net const& host, Set&& set)
      : net(to<Cuda>(host)), grads(zeros_like(net)), tape(net, grads), on_device((set(*optimizer), *optimizer), {}) {}

  /// The loss before the step.
  template <class X, class Y>
  double step(X const& x, Y const& y) {
    zero_grad(grads);
    auto const loss = tape.backward(cross_entropy(tape(x), y));
    on_device.step(net, grads);
    return static_cast<double>(loss.item());
  }
};

/// The executor takes a minute for all with the address sanitizer at -O0, and sees in one step what it sees in ten.
constexpr int steps = ASHLAR_TEST_SANITIZED ? 1 : 10;

template <template <class> class Optimizer, class T, class Set>
void check_full_batch(std::string const& name, Set&& set, double tolerance) {
  constexpr bool is_double = std::is_same_v<T, double>;
  CAPTURE(name, is_double);
  SafeTensors const file(golden("full_batch_" + name + (is_double ? "_f64" : "_f32") + ".safetensors"));
  auto const rows = digits().rows("train_index");
  auto const x = to<Cuda>(digits().inputs<T>(rows));
  auto const y = to<Cuda>(digits().labels(rows));
  Trainer<Optimizer<MLP<T>>> trainer(*initial<T>(), set);
  std::vector<double> losses;
  for (int step = 1; step <= steps; ++step) {
    CAPTURE(step);
    losses.push_back(trainer.step(x, y));
    std::string const at = "step" + std::to_string(step);
    if (step == 1 && is_double) {
      auto const grads = to<Cpu>(trainer.grads);
      CHECK(difference(*grads, file, at + "/grad/") <= tolerance);
    }
    if (file.has(at + "/state/hidden.weight")) {
      auto const net = to<Cpu>(trainer.net);
      CHECK(difference(*net, file, at + "/state/") <= tolerance);
    }
  }
  auto expected = file.values<double>("loss");
  expected.resize(losses.size());
  CHECK(worst(losses, expected, tolerance, 0) <= 1);
}

template <class T>
using OnlySgd = SGD<T>;
template <class T>
using OnlyAdam = Adam<T>;
template <class T>
using OnlyAdamW = AdamW<T>;

/// Every tensor within `bound` of its largest element.
template <class Object>
void check_same(Object const& a, Object const& b, double bound) {
  auto const compare = [&]<class T>(Row const& row, T const*) {
    auto const at = [&](Object const& of) {
      auto const* const p = reinterpret_cast<T const*>(reinterpret_cast<std::byte const*>(&of) + row.offset);
      return std::span(p, row.bytes / sizeof(T));
    };
    if constexpr (std::is_floating_point_v<T>) CHECK(worst_of_scale(at(a), at(b)) <= bound);
    else CHECK(at(a)[0] == at(b)[0]);
  };
  for (Row const& row : manifest<Object>()) {
    if (row.kind == Kind::scalar || row.is_alias()) continue;
    CAPTURE(row.key);
    if (row.dtype == DType::f32) compare(row, static_cast<float*>(nullptr));
    if (row.dtype == DType::f64) compare(row, static_cast<double*>(nullptr));
    if (row.dtype == DType::i64) compare(row, static_cast<std::int64_t*>(nullptr));
  }
}

/// Six steps on the device and on the host from the same gradients end in the same parameters and state.
template <class Optimizer, class Set>
void check_optimizer(Set&& set) {
  using Net = typename CudaOptimizer<Optimizer>::Net;
  auto net = make<Net>(Rng{1});
  auto grads = make<Net>(Rng{2});
  auto optimizer = make<Optimizer>();
  auto mirrored = make<Optimizer>();
  set(*optimizer);
  set(*mirrored);
  auto net_gpu = to<Cuda>(*net);
  auto const grads_gpu = to<Cuda>(*grads);
  CudaOptimizer on_device(*mirrored, Cuda{0});
  for (int i = 0; i < 6; ++i) {
    optimizer->step(*net, *grads);
    on_device.step(net_gpu, grads_gpu);
  }
  on_device.to_host();
  CHECK(mirrored->step_count == 6);
  check_same(*to<Cpu>(net_gpu), *net, 2e-6);
  check_same(*mirrored, *optimizer, 2e-6);
}

struct Partly {  // 10 biases leave padding between the runs' parameters; a frozen layer, two runs
  Linear<7, 10> a;
  Frozen<Linear<10, 10>> b;
  Linear<10, 3> c;
};

}  // namespace

TEST_CASE("ten steps over all rows on a CUDA device") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const momentum = [](auto& o) { o.lr = 0.5, o.momentum = 0.9; };
  auto const rate = [](auto& o) { o.lr = 0.01; };
  check_full_batch<OnlySgd, double>("sgd_momentum", momentum, 1e-12);
  check_full_batch<OnlyAdam, float>("adam", rate, 1e-4);
  check_full_batch<OnlyAdamW, double>("adamw", [](auto& o) { o.lr = 0.01, o.weight_decay = 0.05; }, 1e-12);
}

TEST_CASE("an epoch in batches on a CUDA device") {
  CudaMachine const machine;
  if (!machine.usable() || ASHLAR_TEST_SANITIZED) return;
  Json const recorded = parse_json(read_file(golden("minibatch_adam.json")));
  auto const order = digits().rows("epoch_order");
  auto const test_rows = digits().rows("test_index");
  auto const test_x = to<Cuda>(digits().inputs<float>(test_rows));
  auto const test_y = digits().labels(test_rows);
  Trainer<Adam<MLP<float>>> trainer(*initial<float>(), [](auto&) {});
  std::size_t const rows = 1437;
  for (std::size_t epoch = 0; epoch < 1; ++epoch) {  // the executor takes a second for each
    CAPTURE(epoch);
    double train_loss = 0;
    for (std::size_t at = 0; at < rows; at += 32) {
      std::size_t const n = std::min<std::size_t>(32, rows - at);
      auto const batch = std::span(order).subspan(epoch * rows + at, n);
      double const loss = trainer.step(to<Cuda>(digits().inputs<float>(batch)), to<Cuda>(digits().labels(batch)));
      train_loss += loss * static_cast<double>(n) / static_cast<double>(rows);
    }
    Json const& expected = recorded["results"]["f32"]["epochs"].at(epoch);
    CHECK(std::abs(train_loss - expected["train_loss"].number) <= 1e-4 * expected["train_loss"].number);
    auto const logits = to<Cpu>(trainer.net(test_x));
    int correct = 0;
    for (std::size_t i = 0; i < test_y.numel(); ++i) {
      std::span<float const> const row(logits.data() + 10 * i, 10);
      correct += std::max_element(row.begin(), row.end()) - row.begin() == test_y(i);
    }
    CHECK(correct == static_cast<int>(expected["correct"].number));
  }
}

TEST_CASE("every optimizer on a CUDA device steps as on the host") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  check_optimizer<SGD<Partly>>([](auto& o) { o.momentum = 0.9, o.nesterov = true, o.weight_decay = 0.1; });
  check_optimizer<SGD<Partly>>([](auto& o) { o.maximize = true; });
  check_optimizer<Adam<Partly, true>>([](auto& o) { o.weight_decay = 0.1; });
  check_optimizer<AdamW<Partly>>([](auto& o) { o.eps = 0; });
  check_optimizer<RMSprop<Partly, true>>([](auto& o) { o.momentum = 0.5; });
  check_optimizer<Adagrad<Partly>>([](auto& o) { o.initial_accumulator_value = 0.5, o.lr_decay = 0.1; });
}

namespace {
struct Statistics {  // two dtypes, and between the parameters what is copied: buffers, a scalar, a frozen layer
  Linear<7, 10> a;
  BatchNorm1d<10> norm;
  Dropout dropout{.p = 0.25};
  Frozen<Linear<10, 10>> b;
  Linear<10, 3, double> c;
  auto operator()(auto const& x) const { return b(dropout(norm(a(x)))); }
};
}  // namespace

TEST_CASE("gradients on a CUDA device are clipped as on the host") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const check = [](auto const& clip) {
    auto host = make<Statistics>(Rng{2});
    auto gpu = to<Cuda>(*host);
    clip(*host, gpu);
    check_same(*to<Cpu>(gpu), *host, 2e-7);
  };
  for (double const p : {2.0, 1.0, 3.0, HUGE_VAL}) {
    for (double const max_norm : {0.5, 1000.0}) {
      CAPTURE(p, max_norm);
      check([&](Statistics& host, CudaOwned<Statistics>& gpu) {
        double const norm = clip_grad_norm_(host, max_norm, p);
        CHECK(grad_norm(gpu, p).item() == Approx(norm).epsilon(1e-12));
        CHECK(clip_grad_norm_(gpu, max_norm, p).item() == Approx(norm).epsilon(1e-12));
      });
    }
  }
  check([](Statistics& host, CudaOwned<Statistics>& gpu) {
    clip_grad_value_(host, 0.1);
    clip_grad_value_(gpu, 0.1);
  });
  auto host = make<Statistics>(Rng{2});
  host->a.weight(1, 1) = NAN;
  auto gpu = to<Cuda>(*host);
  CHECK(std::isnan(clip_grad_norm_(gpu, 1).item()));
  CHECK(std::isnan(to<Cpu>(gpu)->c.bias(0)));
}

TEST_CASE("the moving average of a network on a CUDA device is the host's") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto host = make<ExponentialAverage<Statistics>>();
  auto mirrored = make<ExponentialAverage<Statistics>>();
  host->decay = mirrored->decay = 0.75;
  CudaExponentialAverage on_device(*mirrored, Cuda{0});
  for (std::uint64_t i = 0; i < 3; ++i) {
    auto net = make<Statistics>(Rng{i});
    net->norm.running_mean.fill(static_cast<float>(i));
    net->norm.num_batches_tracked.fill(static_cast<std::int64_t>(i));
    host->update(*net);
    on_device.update(to<Cuda>(*net));
  }
  on_device.to_host();
  CHECK(mirrored->n_averaged == 3);
  check_same(*mirrored->average, *host->average, 2e-7);
  Tensor<float, 2, 7> x;
  x.fill(0.5f);
  auto const y = forward(*host->average, x);
  CHECK(worst_of_scale(to<Cpu>(on_device.average()(to<Cuda>(x))).span(), y.span()) <= 1e-5);
}
