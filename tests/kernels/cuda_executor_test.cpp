// tests/kernels/cuda_executor_test.cpp: the executors on the CPU find what is wrong with kernels for the GPU, and
// nothing else. cuda_sanitized.cpp is for what the sanitizers find. SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/device/cpu_launcher.hpp>
#include <ashlar/kernels/device/threads_launcher.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <vector>

#include "cuda/broken.hpp"
#include "cuda/checked_device.hpp"

namespace {

using namespace cuda_test::broken;
using device::Fault;

/// What each kind of exchange gives each lane.
struct Lanes {
  static constexpr unsigned threads = 64;
  using Shared = device::None;
  struct Local {
    unsigned value;
    bool odd;
  };
  unsigned* out;
  template <class Block>
  void operator()(Block& block) const {
    block.warps([&](auto& t, Shared&, Local& l) {
      l.value = 100 + t.index;
      l.odd = t.index % 2 == 1;
    });
    block.last([&](auto& t, Shared&, Local& l) {
      unsigned* const mine = out + 4 * t.index;
      mine[0] = t.shuffle_xor(l.value, 5u);
      mine[1] = t.shuffle_down(l.value, 30u);
      mine[2] = t.shuffle(l.value, 7u);
      mine[3] = t.ballot(l.odd);
    });
  }
};

/// Runs a kernel on 256 random values and as many results, in every order.
class Run {
 public:
  template <class Make>
  explicit Run(Make const& make, unsigned blocks = 1) {
    auto const x = device_.upload(cuda_test::random<float>(256, 1));
    auto const y = device_.upload(std::vector<float>(256));
    device_.launcher().launch({blocks}, make(x.data(), y.data()));
    device_.finish(failures_);
    y_ = device_.download(y);
  }
  bool found(Fault kind) { return device_.launcher().found().count(kind) > 0; }
  bool none() { return failures_.none(); }
  std::string text() { return failures_.text(); }
  float y(std::size_t i) { return y_[i]; }

 private:
  cuda_test::CheckedDevice device_;
  cuda_test::Failures failures_;
  std::vector<float> y_;
};

template <Barrier Kind>
Run tree() {
  return Run([](float const* x, float* y) { return TreeSum<Kind>{x, y}; });
}
template <ShiftFault Kind>
Run shift(std::size_t n = 60) {
  return Run([&](float const* x, float* y) { return Shift<Kind>{n, x, y}; }, 2);
}
template <LaneFault Kind>
Run lanes() {
  return Run([](float const* x, float* y) { return LaneSum<Kind>{x, y}; });
}

}  // namespace

TEST_CASE("a kernel without fault passes, with the right result") {
  auto const x = cuda_test::random<float>(256, 1);
  auto sum = tree<Barrier::block>();
  CAPTURE(sum.text());
  CHECK(sum.none());
  std::vector<float> parts = x;
  for (std::size_t width = 128; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) parts[i] += parts[i + width];
  }
  CHECK(sum.y(0) == parts[0]);

  auto moved = shift<ShiftFault::none>();
  CAPTURE(moved.text());
  CHECK(moved.none());
  for (std::size_t i = 0; i < 59; ++i) CHECK(moved.y(i) == x[i + 1]);
  CHECK(moved.y(59) == 0);

  auto joined = lanes<LaneFault::none>();
  CAPTURE(joined.text());
  CHECK(joined.none());
  CHECK(joined.y(0) == joined.y(31));
  CHECK(joined.y(0) != joined.y(32));
}

TEST_CASE("a missing barrier is found") {
  CHECK(tree<Barrier::none>().found(Fault::shared_race));
  CHECK(tree<Barrier::none>().found(Fault::order));
  CHECK(shift<ShiftFault::same_phase>().found(Fault::shared_race));
  CHECK(shift<ShiftFault::same_phase>().found(Fault::order));
}

TEST_CASE("a barrier of the warp where one of the block is needed is found") {
  CHECK(tree<Barrier::warp>().found(Fault::shared_race));
}

TEST_CASE("an index outside an array in shared memory is found") {
  CHECK(shift<ShiftFault::beyond_tile>().found(Fault::shared_range));
}

TEST_CASE("shared memory that nobody wrote is found") {
  CHECK(shift<ShiftFault::unset>().found(Fault::shared_unset));
  CHECK(shift<ShiftFault::unset>().found(Fault::order));
}

TEST_CASE("a tile edge that is off by one is found") {
  if (cuda_test::CheckedDevice::behind == 0) return;  // the address sanitizer ends the program: cuda_sanitized.cpp
  cuda_test::CheckedDevice on;
  cuda_test::Failures failures;
  auto const x = on.upload(cuda_test::random<float>(61, 1));
  auto const y = on.upload(std::vector<float>(59));
  on.launcher().launch({2}, Shift<ShiftFault::beyond_write>{60, x.data(), y.data()});
  on.finish(failures);
  CHECK(on.launcher().found().count(Fault::guard) > 0);
}

TEST_CASE("a result that depends on the order of blocks is found") {
  CHECK(Run([](float const* x, float* y) { return UnorderedSum{x, y}; }, 8).found(Fault::order));
}

TEST_CASE("exchanges that a GPU would not do are found") {
  CHECK(lanes<LaneFault::stale>().found(Fault::exchange));
  CHECK(lanes<LaneFault::divergent>().found(Fault::exchange));
  CHECK(lanes<LaneFault::foreign>().found(Fault::exchange));
  CHECK(Run([](float const*, float* y) { return NotLast{y}; }).found(Fault::exchange));
}

TEST_CASE("a register that was never written is found") {
  CHECK(lanes<LaneFault::uninitialised>().found(Fault::order));
}

TEST_CASE("more blocks than a GPU takes are found, and none is run") {
  for (device::Grid const grid : {device::Grid{1, 65536}, device::Grid{1, 1, 65536}, device::Grid{1UL << 31}}) {
    device::Faults found;
    float y = 0;
    device::CpuLauncher(found).launch(grid, NotLast{&y});
    device::ThreadsLauncher(found).launch(grid, NotLast{&y});
    CHECK(found.count(Fault::grid) == 2);
    CHECK(y == 0);
  }
  device::Faults found;
  device::CpuLauncher(found).launch({1, 65536, 0}, NotLast{nullptr});
  CHECK(found.none());
}

TEST_CASE("a vector at an address that is not its own is found") {
  CHECK(Run([](float const* x, float* y) { return Misaligned{x, y}; }).found(Fault::alignment));
}

TEST_CASE("lanes see each other as on the GPU") {
  device::Faults found;
  std::vector<unsigned> out(256), of_threads(256);
  device::CpuLauncher(found).launch({}, Lanes{out.data()});
  device::ThreadsLauncher(found).launch({}, Lanes{of_threads.data()});
  CHECK(found.text() == "");
  CHECK(out == of_threads);
  for (unsigned t = 0; t < 64; ++t) {
    unsigned const warp = t / 32 * 32;
    CHECK(out[4 * t] == 100 + (t ^ 5u));
    CHECK(out[4 * t + 1] == 100 + (t % 32 < 2 ? t + 30 : t));
    CHECK(out[4 * t + 2] == 100 + warp + 7);
    CHECK(out[4 * t + 3] == 0xaaaaaaaau);
  }
}
