// tests/cuda/device_test.cpp: what the host does for networks on CUDA devices: memory, streams, waiting, errors. On
// emulated devices.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/train.hpp>

#include "support/cuda_machine.hpp"
#include "support/forked.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

namespace {

struct MLP {
  Linear<8, 16> hidden;
  ReLU relu;
  Dropout dropout{.p = 0.25};
  Linear<16, 3> output;
};

struct Plain {
  Linear<8, 16> hidden;
  ReLU relu;
  Named<"in the middle", Linear<16, 40>> middle;
  Tanh tanh;
  Frozen<Linear<40, 3>> output;
};

template <class F>
Error error_of(F&& f) {
  try {
    f();
  } catch (Error const& e) {
    return e;
  }
  FAIL("no error");
  return Error(Errc::value, "");
}

Tensor<float, dyn, 8> rows(std::size_t n) {
  Tensor<float, dyn, 8> x(n);
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(i % 7) - 3;
  return x;
}

}  // namespace

TEST_CASE("an emulated device: the host cannot reach its memory, and what is written beside a block is seen") {
  EmulatedMachine machine;
  auto const x = to<Cuda>(rows(3));
  auto const* const memory = static_cast<unsigned char const volatile*>(static_cast<void const*>(x.device_data()));
  std::string const child = forked([&] {
    std::signal(SIGSEGV, SIG_DFL);  // not the sanitizer's
    return std::to_string(*memory);
  });
  CHECK(child == "ended by signal " + std::to_string(SIGSEGV));
  {
    auto const y = to<Cuda>(rows(3));
    EmulatedMemory::Access const open(machine.memory);
    reinterpret_cast<unsigned char*>(y.device_data())[3 * 8 * sizeof(float)] = 0;
  }
  CHECK(machine.memory.damaged());
}

TEST_CASE("a network on a device is queued: nobody waits, and a second run of the size allocates its result alone") {
  CudaMachine emulated;
  EmulatedMachine& machine = emulated.machine;
  auto const net = make<MLP>(Rng{0});
  auto const gpu = to<Cuda>(*net);
  auto const x = to<Cuda>(rows(5));
  CHECK(machine.waits == 0);
  auto const first = gpu(x);
  CHECK(machine.waits == 1);  // for the scalars of the network: the p of its Dropout
  std::size_t const before = machine.allocations;
  auto const second = gpu(x);
  CHECK(machine.waits == 1);
  CHECK(machine.allocations == before + 1);
  CHECK(bitwise_equal(to<Cpu>(first), to<Cpu>(second)));
}

TEST_CASE("inference of a small MLP is one launch") {
  CudaMachine emulated;
  auto const gpu = to<Cuda>(*make<Plain>(Rng{0}));
  auto const x = to<Cuda>(rows(5));
  std::size_t const before = emulated.machine.launches;
  (void)gpu(x);
  CHECK(emulated.machine.launches == before + 1);
}

TEST_CASE("a training step on a device: nobody waits, and a second one allocates nothing") {
  CudaMachine emulated;
  EmulatedMachine& machine = emulated.machine;
  auto gpu = to<Cuda>(*make<MLP>(Rng{0}));
  auto grads = zeros_like(gpu);
  auto optimizer = make<Adam<MLP>>();
  CudaOptimizer on_device(*optimizer, Cuda{0});
  Rng rng{1};
  Tape tape(gpu, grads, rng);
  auto const x = to<Cuda>(rows(5));
  auto const y = to<Cuda>(Tensor<std::int64_t, 5>{0, 1, 2, 0, 1});
  auto const step = [&] {
    zero_grad(grads);
    auto const loss = tape.backward(cross_entropy(tape(x), y));
    on_device.step(gpu, grads);
    return loss;
  };
  step();
  auto const [waits, allocations] = std::pair(machine.waits, machine.allocations);
  for (int i = 0; i < 5; ++i) step();
  CHECK(machine.waits == waits);
  CHECK(machine.allocations == allocations);
  CHECK(step().item() < 1.2F);
  CHECK(machine.waits == waits + 1);

  auto average = make<ExponentialAverage<MLP>>();
  CudaExponentialAverage average_on_device(*average, Cuda{0});
  auto const more = [&] {
    static_cast<void>(clip_grad_norm_(grads, 1));
    clip_grad_value_(grads, 0.5);
    average_on_device.update(gpu);
  };
  more();
  std::size_t const before = machine.allocations;
  more();
  CHECK(machine.waits == waits + 1);
  CHECK(machine.allocations == before + 1);  // the norm
}

TEST_CASE("work goes to the stream in use, and to the device's own elsewhere") {
  CudaMachine emulated;
  auto const gpu = to<Cuda>(*make<MLP>(Rng{0}));
  auto const x = to<Cuda>(rows(2));
  Stream const stream;
  CHECK(stream.device().ordinal == 0);
  auto const streams_of = [&](auto&& f) {
    emulated.machine.streams.clear();
    f();
    REQUIRE(!emulated.machine.streams.empty());
    for (void* const s : emulated.machine.streams) CHECK(s == emulated.machine.streams[0]);
    return emulated.machine.streams[0];
  };
  auto const run = [&] { (void)gpu(x); };
  CHECK(streams_of(run) == nullptr);
  {
    OnStream const here(stream);
    CHECK(streams_of(run) == stream.handle());
    CHECK(streams_of([&] { (void)relu(x); }) == stream.handle());
    Stream const inner;
    OnStream const there(inner);
    CHECK(streams_of(run) == inner.handle());
  }
  CHECK(streams_of(run) == nullptr);
  stream.wait();
  wait();
}

TEST_CASE("a recording is all of one stream, the one in use when it began, and outlives its Stream") {
  CudaMachine emulated;
  EmulatedMachine& machine = emulated.machine;
  auto gpu = to<Cuda>(*make<MLP>(Rng{0}));
  auto grads = zeros_like(gpu);
  Rng rng{1};
  auto const x = to<Cuda>(rows(5));
  auto const y = to<Cuda>(Tensor<std::int64_t, 5>{0, 1, 2, 0, 1});
  void* handle = nullptr;
  auto const all_in = [&](void* stream) {
    REQUIRE(!machine.streams.empty());
    for (void* const s : machine.streams) CHECK(s == stream);
    machine.streams.clear();
  };
  {
    Tape tape(gpu, grads, rng);
    auto const loss = [&] {
      Stream const stream;
      handle = stream.handle();
      OnStream const here(stream);
      machine.streams.clear();
      return cross_entropy(tape(x), y);
    }();
    tape.backward(loss);
    CHECK(loss.item() > 0);
    all_in(handle);

    std::size_t const waits = machine.waits;
    auto const again = cross_entropy(tape(x), y);  // in the memory that the last one's stream may still work on
    CHECK(machine.waits == waits + 1);
    CHECK(machine.streams[0] == handle);  // nobody else uses the last one: what it had for work goes back
    machine.streams.erase(machine.streams.begin());
    all_in(nullptr);
    tape.backward(again);
    CHECK(tape(x).numel() == 15);
    CHECK(machine.waits == waits + 1);
    all_in(nullptr);
    tape.clear();

    Stream const stream;
    OnStream const here(stream);
    handle = stream.handle();
    static_cast<void>(tape.backward(cross_entropy(tape(x), y)));
    machine.streams.clear();
  }
  all_in(handle);  // the tape's memory goes back behind its work
}

TEST_CASE("two devices: a network and what it is given lie on one") {
  EmulatedMachine machine(2);
  {
    auto const net = make<MLP>(Rng{0});
    auto const gpu = to<Cuda>(*net, 1);
    auto const x = to<Cuda>(rows(2), 1);
    CHECK(device_of(gpu(x)).ordinal == 1);
    auto const elsewhere = to<Cuda>(rows(2));
    Error const e = error_of([&] { (void)gpu(elsewhere); });
    CHECK(e.code() == Errc::device);
    CHECK(e.headline() == "an op got values on cuda:1 and another device");
    CHECK(error_of([&] { (void)(x + elsewhere); }).code() == Errc::device);
    CHECK(info(Cuda{1}).name == "emulated");
    CHECK(try_info(Cuda{2}).error().headline() == "cuda:2 cannot be used: the devices here are cuda:0 to cuda:1");
  }
  detail::release_own_streams();
  CHECK(machine.memory.blocks() == 0);
}

TEST_CASE("a device whose memory is used up: an error, and the network can be run again") {
  CudaMachine emulated;
  auto const gpu = to<Cuda>(*make<MLP>(Rng{0}));
  auto const x = to<Cuda>(rows(2));
  emulated.machine.full = true;
  Error const e = error_of([&] { (void)gpu(x); });
  CHECK(e.code() == Errc::device);
  CHECK(e.headline() == "cudaMallocAsync: out of memory (cudaErrorMemoryAllocation)");
  CHECK(error_of([&] { (void)zeros_like(gpu); }).code() == Errc::device);
  emulated.machine.full = false;
  CHECK(to<Cpu>(gpu(x)).numel() == 6);
}

TEST_CASE("a target that is no class makes the loss NaN on a device, and nothing is read for it") {
  CudaMachine emulated;
  auto const x = to<Cuda>(Tensor<float, 3, 4>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  auto const weight = to<Cuda>(Tensor<float, 4>{1, 1, 1, 1});
  for (std::int64_t const bad : {std::int64_t{4}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    auto const targets = to<Cuda>(Tensor<std::int64_t, 3>{0, bad, -100});
    CHECK(std::isnan(to<Cpu>(cross_entropy(x, targets, {.weight = weight})).item()));
    auto const each = to<Cpu>(nll_loss(x, targets, {.weight = weight}, Reduction::none));
    CHECK(each(0) == -1);
    CHECK(std::isnan(each(1)));
    CHECK(each(2) == 0);
  }
}

TEST_CASE("what does not lie where it is needed is refused") {
  CudaMachine emulated;
  auto const net = make<MLP>(Rng{0});
  auto gpu = to<Cuda>(*net);
  auto grads = zeros_like(gpu);
  auto const x = to<Cuda>(rows(2));
  auto const classes = to<Cuda>(Tensor<std::int64_t, 2>{0, 1});
  Tensor<float, 3> const weight{1, 2, 3};

  Tape tape(gpu, grads);
  CHECK(error_of([&] { (void)tape(x); }).headline() ==
        "Dropout needs random numbers: give the tape an Rng, Tape tape(net, grads, rng)");
  tape.clear();
  auto const input = tape.input(x);
  Error const other = error_of([&] { (void)linear(input, net->hidden.weight); });  // of another network
  CHECK(other.headline() == "a network on cuda:0 was given a parameter that it does not hold");

  auto const logits = gpu(x);
  Error const on_host = error_of([&] { (void)cross_entropy(logits, classes, {.weight = weight}); });
  CHECK(on_host.headline() == "the weights of cross_entropy lie on the cpu and its input does not");
  auto const weight_gpu = to<Cuda>(weight);
  auto const logits_host = to<Cpu>(logits);
  Error const on_device =
      error_of([&] { (void)cross_entropy(logits_host, Tensor<std::int64_t, 2>{0, 1}, {.weight = weight_gpu}); });
  CHECK(on_device.headline() == "the weights of cross_entropy lie on cuda and its input does not");
  CHECK(error_of([&] { (void)tape.backward(tape.variable(x)); }).code() == Errc::shape);
}

namespace {
struct ParameterAlone {
  Parameter<float, 8> scale;
  auto operator()(auto const& x) const {
    static_cast<void>(exp(scale));  // the host would read a parameter that is not there
    return x * on_tape_of(x, scale);
  }
};
}  // namespace

TEST_CASE("an op of parameters alone is refused on a device, in inference too") {
  CudaMachine emulated;
  auto const gpu = to<Cuda>(*make<ParameterAlone>());
  auto const x = to<Cuda>(rows(2));
  CHECK(error_of([&] { (void)gpu(x); }).headline().find("on_tape_of(x, a)") != std::string::npos);
}
