// kernels/device/cpu_launcher.hpp: runs kernel bodies on the CPU, phase by phase, in any order of threads and blocks.
// SPDX-License-Identifier: BSL-1.0
//
// On the GPU the threads of a phase run in no order at all, and so do blocks. A body that is right gives the same bits
// in every order and whatever was in its memory before; CheckedLauncher runs each launch in several and compares.
#pragma once

#include <ashlar/kernels/device/cpu_block.hpp>
#include <ashlar/kernels/device/faults.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::kernels::device {

enum class Order { forward, reversed, shuffled };

/// How a launch is run: the order of threads and blocks, and the byte that shared memory and registers are filled with.
struct Schedule {
  Order order = Order::forward;
  std::uint32_t seed = 1;
  unsigned char poison = 0xff;
};

/// 0 ... n - 1 in an order.
inline std::vector<unsigned> ordered(std::size_t n, Schedule const& schedule) {
  std::vector<unsigned> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<unsigned>(schedule.order == Order::reversed ? n - 1 - i : i);
  std::uint64_t state = schedule.seed * 0x9e3779b97f4a7c15u + 1;
  for (std::size_t left = n; schedule.order == Order::shuffled && left > 1; --left) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    std::swap(out[left - 1], out[(state >> 33) % left]);
  }
  return out;
}

/// Runs every launch by one schedule.
class CpuLauncher {
 public:
  explicit CpuLauncher(Faults& found, Schedule const& schedule = {}) : faults_(&found), schedule_(schedule) {}

  template <class Body>
  void launch(Grid grid, Body const& body) {
    run(*faults_, schedule_, grid, AnyBody::of(body));
  }
  [[nodiscard]] void* workspace(std::size_t bytes) {
    workspace_.assign(bytes, 0xff);
    return workspace_.data();
  }

  static void run(Faults& found, Schedule const& schedule, Grid grid, AnyBody const& body) {
    BlocksOf const blocks(grid, found);
    BlockMemory memory(body.sizes);
    Barriers none;
    std::vector<unsigned> const threads = ordered(body.sizes.threads, schedule);
    faults = &found;
    for (unsigned const b : ordered(blocks.size(), schedule)) {
      memory.poison(schedule.poison);
      Watch watch(found, memory.shared(), body.sizes.shared);
      watched = &watch;
      BlockRun const run(memory, blocks[b], blocks.extents(), threads.data(), body.sizes.threads, none);
      body.call(body.body, run);
    }
    watched = nullptr;
    faults = nullptr;
  }

 private:
  Faults* faults_;
  Schedule schedule_;
  std::vector<unsigned char> workspace_;
};

/// Runs every launch in four orders and compares what it leaves in the memory it was told of.
class CheckedLauncher {
 public:
  /// A buffer that kernels may write. All that they may write must be told of, or it is written once for each order.
  void watch(void* data, std::size_t bytes) { buffers_.push_back({static_cast<unsigned char*>(data), bytes}); }
  void forget() { buffers_.clear(); }

  [[nodiscard]] Faults& found() { return faults_; }
  [[nodiscard]] std::size_t launches() const { return launches_; }

  template <class Body>
  void launch(Grid grid, Body const& body) {
    launch(grid, AnyBody::of(body));
  }
  void launch(Grid grid, AnyBody const& body) {
    static constexpr Schedule schedules[] = {
        {Order::forward, 1, 0xff}, {Order::reversed, 1, 0x00}, {Order::shuffled, 2, 0xff}, {Order::shuffled, 3, 0x3f}};
    ++launches_;
    Contents const before = contents();
    Contents first;
    for (Schedule const& schedule : schedules) {
      CpuLauncher::run(faults_, schedule, grid, body);
      if (first.empty()) {
        first = contents();
      } else if (contents() != first) {
        faults_.add(Fault::order, "launch " + std::to_string(launches_) + ": another order gives another result");
      }
      if (&schedule != &schedules[3]) put(before);
    }
    put(first);
  }

  /// Filled with NaN; exactly as large as asked for, so that the address sanitizer sees what goes beyond.
  [[nodiscard]] void* workspace(std::size_t bytes) {
    workspace_ = std::make_unique<unsigned char[]>(bytes);
    std::memset(workspace_.get(), 0xff, bytes);
    workspace_bytes_ = bytes;
    return workspace_.get();
  }

 private:
  struct Buffer {
    unsigned char* data;
    std::size_t bytes;
  };
  using Contents = std::vector<std::vector<unsigned char>>;

  template <class F>
  void for_each_buffer(F const& f) const {
    for (Buffer const& b : buffers_) f(b);
    f(Buffer{workspace_.get(), workspace_bytes_});
  }
  [[nodiscard]] Contents contents() const {
    Contents all;
    for_each_buffer([&](Buffer const& b) { all.emplace_back(b.data, b.data + b.bytes); });
    return all;
  }
  void put(Contents const& all) const {
    std::size_t i = 0;
    for_each_buffer([&](Buffer const& b) {
      if (b.bytes != 0) std::memcpy(b.data, all[i].data(), b.bytes);
      ++i;
    });
  }

  Faults faults_;
  std::vector<Buffer> buffers_;
  std::unique_ptr<unsigned char[]> workspace_;
  std::size_t workspace_bytes_ = 0;
  std::size_t launches_ = 0;
};

}  // namespace ashlar::kernels::device
