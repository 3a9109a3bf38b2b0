// tests/core/to_test.cpp, mirrors include/ashlar/core/{devices,to}.hpp.  SPDX-License-Identifier: BSL-1.0
//
// Two devices that are host memory in disguise: what the library asks of a driver, and how often, is seen here. The
// machine's own devices are not used.
#include <ashlar/core/to.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace ashlar;

namespace {

struct Disguise {
  int devices = 2;
  bool full = false;
  std::map<void*, int> blocks;  // and the device they are on
  std::vector<std::string> calls;
} disguise;

void note(std::string const& what, std::size_t bytes) { disguise.calls.push_back(what + " " + std::to_string(bytes)); }

detail::CudaDriver const driver{[] { return disguise.devices; },
                                [](int ordinal, std::size_t bytes) -> Result<void*> {
                                  if (disguise.full) return Error(Errc::device, "out of memory");
                                  void* const p = std::malloc(bytes);
                                  disguise.blocks[p] = ordinal;
                                  return p;
                                },
                                [](int ordinal, void* p) {
                                  if (disguise.blocks.at(p) != ordinal) std::abort();
                                  disguise.blocks.erase(p);
                                  std::free(p);
                                },
                                [](int ordinal, void* to, void const* from, std::size_t bytes) -> Result<void> {
                                  if (disguise.blocks.at(to) != ordinal) return Error(Errc::device, "wrong device");
                                  std::memcpy(to, from, bytes);
                                  note("up " + std::to_string(ordinal), bytes);
                                  return {};
                                },
                                [](int ordinal, void* to, void const* from, std::size_t bytes) -> Result<void> {
                                  if (disguise.blocks.at(const_cast<void*>(from)) != ordinal)
                                    return Error(Errc::device, "wrong device");
                                  std::memcpy(to, from, bytes);
                                  note("down " + std::to_string(ordinal), bytes);
                                  return {};
                                },
                                [](int b, void* to, int a, void const* from, std::size_t bytes) -> Result<void> {
                                  std::memcpy(to, from, bytes);
                                  note(std::to_string(a) + " to " + std::to_string(b), bytes);
                                  return {};
                                }};

/// A machine with that many devices, for one test case.
struct Machine {
  explicit Machine(int devices) : before(detail::cuda_driver) {
    disguise = {devices, false, {}, {}};
    detail::cuda_driver = &driver;
  }
  ~Machine() {
    CHECK(disguise.blocks.empty());
    detail::cuda_driver = before;
  }
  detail::CudaDriver const* before;
};
using Calls = std::vector<std::string>;

struct Net {
  Parameter<float, 2, 3> weight;
  double scale = 1;
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

}  // namespace

static_assert(std::is_same_v<decltype(to<Cuda>(std::declval<Tensor<float, 2>&>())), BasicTensor<float, Cuda, 2>>);
static_assert(std::is_same_v<decltype(to<Cuda>(std::declval<Net const&>(), 1)), CudaOwned<Net>>);
static_assert(std::is_same_v<decltype(to<Cpu>(std::declval<Tensor<float, 2>&>())), Tensor<float, 2>&>);
static_assert(std::is_same_v<decltype(to<Cpu>(std::declval<CudaOwned<Net>&>())), Owned<Net>>);

TEST_CASE("devices: names, as values and as text") {
  CHECK(to_string(Cpu{}) == "cpu");
  CHECK(to_string(Cuda{1}) == "cuda:1");
  CHECK(parse_device("cpu") == AnyDevice(Cpu{}));
  CHECK(parse_device("cuda") == AnyDevice(Cuda{0}));
  CHECK(parse_device("cuda:12") == AnyDevice(Cuda{12}));
  CHECK(to_string(parse_device("cuda:3")) == "cuda:3");
  for (char const* text : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "cuda:99999", "CPU"}) {
    CAPTURE(text);
    auto const device = try_parse_device(text);
    REQUIRE(!device.has_value());
    CHECK(device.error().code() == Errc::value);
    CHECK(device.error().headline() == std::string("'") + text + "' is no device: there are cpu, cuda and cuda:N");
  }
}

TEST_CASE("devices: a program without CUDA says so, and falls back") {
  auto const* const before = std::exchange(detail::cuda_driver, nullptr);
  CHECK(device_count<Cpu>() == 1);
  CHECK(device_count<Cuda>() == 0);
  CHECK(is_available(Cpu{}));
  CHECK(!is_available(Cuda{0}));
  CHECK(cuda_or_cpu() == AnyDevice(Cpu{}));
  CHECK(all_cuda_or_cpu() == std::vector<AnyDevice>{Cpu{}});
  Tensor<float, 2> x{1, 2};
  Error const e = error_of([&] { (void)to<Cuda>(x); });
  CHECK(e.code() == Errc::device);
  CHECK(e.headline() == "cuda:0 cannot be used: this program was built without CUDA");
  CHECK(e.problems().size() == 2);
  auto const net = make_zeros<Net>();
  CHECK(try_to(*net, Cuda{1}).error().headline() == "cuda:1 cannot be used: this program was built without CUDA");
  detail::cuda_driver = before;
}

TEST_CASE("devices: a machine without a device, or with fewer than asked for") {
  Tensor<float, 2> const x{1, 2};
  {
    Machine const none(0);
    CHECK(error_of([&] { (void)to<Cuda>(x); }).headline() ==
          "cuda:0 cannot be used: this machine has no CUDA device, or its driver does not work");
  }
  {
    Machine const one(1);
    CHECK(error_of([&] { (void)to<Cuda>(x, 1); }).headline() == "cuda:1 cannot be used: the devices here are cuda:0");
  }
  Machine const two(2);
  CHECK(error_of([&] { (void)to<Cuda>(x, 2); }).headline() ==
        "cuda:2 cannot be used: the devices here are cuda:0 to cuda:1");
  CHECK(!is_available(Cuda{-1}));
  CHECK(cuda_or_cpu(1) == AnyDevice(Cuda{1}));
  CHECK(cuda_or_cpu(2) == AnyDevice(Cpu{}));
  CHECK(all_cuda_or_cpu() == std::vector<AnyDevice>{Cuda{0}, Cuda{1}});
  CHECK(cuda_or_cpu(1).visit([](auto d) { return std::is_same_v<decltype(d), Cuda>; }));
  CHECK(!cuda_or_cpu(2).visit([](auto d) { return std::is_same_v<decltype(d), Cuda>; }));
}

TEST_CASE("to: tensors there and back, and nothing copied when already there") {
  Machine const two(2);
  Tensor<float, dyn, 3> x(2);
  for (std::size_t i = 0; i < 6; ++i) x.data()[i] = static_cast<float>(i);
  CHECK(&to<Cpu>(x) == &x);
  CHECK(std::is_same_v<decltype(device_of(x)), Cpu>);
  float const* const elements = x.data();
  x = to<Cpu>(std::move(x));
  CHECK(x.data() == elements);
  CHECK(disguise.calls.empty());

  auto there = to<Cuda>(x, 1);
  CHECK(device_of(there).ordinal == 1);
  CHECK(there.shape() == x.shape());
  CHECK(disguise.calls == Calls{"up 1 24"});
  auto same = to<Cuda>(std::move(there), 1);
  CHECK(disguise.calls.size() == 1);
  auto other = to<Cuda>(std::move(same), 0);
  CHECK(device_of(other).ordinal == 0);
  auto copy = to(other, Cuda{0});  // an lvalue stays whose it was
  CHECK(copy.device_data() != other.device_data());
  CHECK(disguise.calls == Calls{"up 1 24", "1 to 0 24", "0 to 0 24"});
  Tensor<float, dyn, 3> const back = to<Cpu>(copy);
  CHECK(bitwise_equal(back, x));
  CHECK(disguise.calls.back() == "down 0 24");
}

TEST_CASE("to: a network is one transfer; a parameter and a view are tensors") {
  Machine const two(2);
  auto net = make_zeros<Net>();
  net->weight.fill(3);
  net->scale = 0.5;
  auto there = to<Cuda>(net);
  auto const also = to(*net, Cuda{1});
  CHECK(device_of(there).ordinal == 0);
  CHECK(device_of(also).ordinal == 1);
  auto const bytes = std::to_string(sizeof(Net));
  CHECK(disguise.calls == Calls{"up 0 " + bytes, "up 1 " + bytes});
  auto const back = to<Cpu>(there);
  CHECK(back->scale == 0.5);
  CHECK(bitwise_equal(back->weight, net->weight));
  CHECK(&to<Cpu>(*net) == net.get());
  CHECK(&to<Cpu>(net) == &net);

  auto const weight = to<Cuda>(net->weight);
  auto const view = to<Cuda>(net->weight.view());
  static_assert(std::is_same_v<decltype(weight), BasicTensor<float, Cuda, 2, 3> const>);
  static_assert(std::is_same_v<decltype(view), BasicTensor<float, Cuda, 2, 3> const>);
  CHECK(bitwise_equal(to<Cpu>(view), net->weight));
}

TEST_CASE("to: an empty tensor, and a device whose memory is used up") {
  Machine const two(2);
  Tensor<float, dyn, 3> const none(0);
  CHECK(to<Cpu>(to<Cuda>(none)).numel() == 0);
  CHECK(disguise.calls.empty());
  disguise.full = true;
  Tensor<float, 2> const x{1, 2};
  CHECK(try_to(x, Cuda{0}).error().headline() == "out of memory");
}
