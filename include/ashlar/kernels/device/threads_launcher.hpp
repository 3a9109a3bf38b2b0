// kernels/device/threads_launcher.hpp: runs kernel bodies on the CPU with one thread for each CUDA thread of a block,
// for the thread sanitizer: barriers are real, and a missing one is a data race.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/device/cpu_block.hpp>
#include <ashlar/kernels/device/faults.hpp>

#include <atomic>
#include <barrier>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace ashlar::kernels::device {

/// One barrier for the block and one for each warp.
class HostBarriers : public Barriers {
 public:
  explicit HostBarriers(unsigned threads) : block_(static_cast<std::ptrdiff_t>(threads)) {
    for (unsigned w = 0; w < threads / 32; ++w) warps_.push_back(std::make_unique<std::barrier<>>(32));
  }
  void block() override { block_.arrive_and_wait(); }
  void warp(unsigned w) override { warps_[w]->arrive_and_wait(); }
  bool any(bool value) override {
    if (value) any_.store(true);
    block_.arrive_and_wait();
    bool const of_all = any_.load();
    block_.arrive_and_wait();  // everyone has read it
    any_.store(false);
    block_.arrive_and_wait();
    return of_all;
  }

 private:
  std::barrier<> block_;
  std::vector<std::unique_ptr<std::barrier<>>> warps_;
  std::atomic<bool> any_ = false;
};

/// Blocks run one after another, each by Body::threads threads: one that waited for another would not come to its end,
/// as on a GPU that has no room for both.
class ThreadsLauncher {
 public:
  explicit ThreadsLauncher(Faults& found) : faults_(&found) {}

  template <class Body>
  void launch(Grid grid, Body const& body) {
    launch(grid, AnyBody::of(body));
  }
  void launch(Grid grid, AnyBody const& body) {
    BlocksOf const blocks(grid, *faults_);
    if (blocks.size() == 0) return;
    BlockMemory memory(body.sizes);
    memory.poison(0xff);
    HostBarriers barriers(body.sizes.threads);
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < body.sizes.threads; ++t) {
      threads.emplace_back([&, t] {
        faults = faults_;
        for (std::size_t b = 0; b < blocks.size(); ++b) {
          body.call(body.body, BlockRun(memory, blocks[b], blocks.extents(), &t, 1, barriers));
          barriers.block();
        }
      });
    }
  }
  [[nodiscard]] void* workspace(std::size_t bytes) {
    workspace_.assign(bytes, 0xff);
    return workspace_.data();
  }

 private:
  Faults* faults_;
  std::vector<unsigned char> workspace_;
};

}  // namespace ashlar::kernels::device
