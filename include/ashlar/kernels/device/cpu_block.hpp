// kernels/device/cpu_block.hpp: the block of device.cuh on the CPU.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/device/cpu_thread.hpp>
#include <ashlar/kernels/device/device.cuh>
#include <ashlar/kernels/device/faults.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

namespace ashlar::kernels::device {

/// Memory of one block: Shared, the Local of each thread, and two copies of these, written at the ends of even and of
/// odd phases, so that nobody writes what a slower thread still reads.
template <class Body>
class CpuBlockMemory {
 public:
  using Shared = typename Body::Shared;
  using Local = typename Body::Local;
  static_assert(std::is_trivial_v<Shared> && std::is_trivial_v<Local>, "ashlar: Shared and Local are not initialised");
  static_assert(Body::threads % 32 == 0 && Body::threads <= 1024, "ashlar: a block has whole warps, at most 32");

  CpuBlockMemory() : copies_(2 * Body::threads * sizeof(Local)) {}

  /// What a block finds in its memory when it begins: 0xff is NaN in every float.
  void poison(unsigned char byte) {
    std::memset(static_cast<void*>(&shared_), byte, sizeof shared_);
    std::memset(static_cast<void*>(local_), byte, sizeof local_);
    std::memset(copies_.data(), byte, copies_.size());
  }
  Shared& shared() { return shared_; }
  Local& local(unsigned thread) { return local_[thread]; }
  unsigned char* copy(std::uint32_t phase) { return copies_.data() + phase % 2 * Body::threads * sizeof(Local); }

 private:
  Shared shared_;
  Local local_[Body::threads];
  std::vector<unsigned char> copies_;
};

/// Where threads of one block wait for each other; null members where one host thread runs them all.
struct NoBarriers {
  void block() {}
  void warp(unsigned) {}
  bool any(bool value) { return value; }
};

/// Runs the phases of the threads that it is given, in the order given.
template <class Body, class Barriers>
class CpuBlock {
 public:
  using Shared = typename Body::Shared;
  using Local = typename Body::Local;

  CpuBlock(CpuBlockMemory<Body>& memory, Grid index, Grid count, unsigned const* order, unsigned threads,
           Barriers& barriers)
      : memory_(&memory), barriers_(&barriers), order_(order), threads_(threads), index_(index), count_(count) {}

  [[nodiscard]] Grid index() const { return index_; }
  [[nodiscard]] Grid count() const { return count_; }

  template <class F>
  void phase(F const& f) {
    run(f);
    barriers_->block();
    if (watched != nullptr) watched->passed_barrier();
  }
  template <class F>
  void warps(F const& f) {
    run(f);
    barriers_->warp(order_[0] / 32);
    if (watched != nullptr) watched->passed_warp_barrier();
  }
  template <class F>
  [[nodiscard]] bool any(F const& f) {
    bool one = false;
    run([&](CpuThread& t, Shared& s, Local& l) { one = f(t, s, l) || one; });
    bool const of_all = barriers_->any(one);
    if (watched != nullptr) watched->passed_barrier();
    return of_all;
  }
  template <class F>
  void last(F const& f) {
    run(f);
    ended_ = true;
  }

 private:
  template <class F>
  void run(F const& f) {
    if (ended_ && faults != nullptr) faults->add(Fault::exchange, "a phase follows the one that is called last");
    std::uint32_t exchanges[32] = {};  // of the first thread of each warp, plus 1
    for (unsigned i = 0; i < threads_; ++i) {
      unsigned const at = order_[i];
      if (watched != nullptr) watched->thread(at);
      CpuThread thread(at, &memory_->local(at), memory_->copy(phase_), sizeof(Local));
      f(thread, memory_->shared(), memory_->local(at));
      std::uint32_t& others = exchanges[at / 32];
      if (others == 0) others = thread.exchanges() + 1;
      if (others != thread.exchanges() + 1 && faults != nullptr) {
        faults->add(Fault::exchange, "warp " + std::to_string(at / 32) + ": not all lanes take part in an exchange");
      }
    }
    ++phase_;
    for (unsigned i = 0; i < threads_; ++i) {
      std::memcpy(memory_->copy(phase_) + order_[i] * sizeof(Local), &memory_->local(order_[i]), sizeof(Local));
    }
  }

  CpuBlockMemory<Body>* memory_;
  Barriers* barriers_;
  unsigned const* order_;
  unsigned threads_;
  std::uint32_t phase_ = 0;
  Grid index_;
  Grid count_;
  bool ended_ = false;
};

}  // namespace ashlar::kernels::device
