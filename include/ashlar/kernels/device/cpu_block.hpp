// kernels/device/cpu_block.hpp: the block of device.cuh on the CPU.  SPDX-License-Identifier: BSL-1.0
//
// What does not depend on the kernel is no template: a program may hold hundreds of kernels.
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

/// Bytes of a kernel's Shared and Local, and its threads.
struct BlockSizes {
  std::size_t shared;
  std::size_t local;
  unsigned threads;

  template <class Body>
  static constexpr BlockSizes of() {
    using Shared = typename Body::Shared;
    using Local = typename Body::Local;
    static_assert(std::is_trivial_v<Shared> && std::is_trivial_v<Local>,
                  "ashlar: Shared and Local have no initialisers");
    check_body<Body>();
    static_assert(alignof(Shared) <= 64 && alignof(Local) <= 64);
    return {sizeof(Shared), sizeof(Local), Body::threads};
  }
};

/// Memory of one block: Shared, the Local of each thread, and two copies of these, written at the ends of even and of
/// odd phases, so that nobody writes what a slower thread still reads.
class BlockMemory {
 public:
  explicit BlockMemory(BlockSizes const& sizes)
      : sizes_(sizes), locals_(sizes.local * sizes.threads), copies_(2 * locals_) {
    std::size_t const room = (sizes.shared + 63) / 64 * 64;
    data_ = static_cast<unsigned char*>(::operator new(room + locals_, std::align_val_t{64}));
    local_ = data_ + room;
  }
  BlockMemory(BlockMemory const&) = delete;
  BlockMemory& operator=(BlockMemory const&) = delete;
  ~BlockMemory() { ::operator delete(data_, std::align_val_t{64}); }

  /// What a block finds in its memory when it begins: 0xff is NaN in every float.
  void poison(unsigned char byte) {
    std::memset(data_, byte, sizes_.shared);
    std::memset(local_, byte, locals_);
    std::memset(copies_.data(), byte, copies_.size());
  }
  [[nodiscard]] BlockSizes const& sizes() const { return sizes_; }
  [[nodiscard]] unsigned char* shared() { return data_; }
  [[nodiscard]] unsigned char* local(unsigned thread) { return local_ + thread * sizes_.local; }
  [[nodiscard]] unsigned char* copies(std::uint32_t phase) { return copies_.data() + phase % 2 * locals_; }
  void copy(std::uint32_t phase, unsigned thread) {
    std::memcpy(copies(phase) + thread * sizes_.local, local(thread), sizes_.local);
  }

 private:
  BlockSizes sizes_;
  std::size_t locals_;
  std::vector<unsigned char> copies_;
  unsigned char* data_;
  unsigned char* local_;
};

/// Where the threads of a block wait for each other, if each is a thread of the host. One that runs them all, one after
/// the other, has nobody to wait for.
struct Barriers {
  Barriers() = default;
  Barriers(Barriers const&) = delete;
  Barriers& operator=(Barriers const&) = delete;
  virtual ~Barriers() = default;
  virtual void block() {}
  virtual void warp(unsigned) {}
  /// True for all if it is for one.
  virtual bool any(bool value) { return value; }
};

/// Runs the phases of the threads that it is given, in the order given.
class BlockRun {
 public:
  BlockRun(BlockMemory& memory, BlockIndex index, BlockIndex count, unsigned const* order, unsigned threads,
           Barriers& barriers)
      : memory_(&memory), barriers_(&barriers), order_(order), threads_(threads), index_(index), count_(count) {}

  [[nodiscard]] BlockIndex index() const { return index_; }
  [[nodiscard]] BlockIndex count() const { return count_; }

 protected:
  [[nodiscard]] unsigned threads() const { return threads_; }
  [[nodiscard]] unsigned char* shared() { return memory_->shared(); }
  [[nodiscard]] unsigned char* local(unsigned i) { return memory_->local(order_[i]); }

  void begin() {
    if (ended_ && faults != nullptr) faults->add(Fault::exchange, "a phase follows the one that is called last");
    std::memset(exchanges_, 0, sizeof exchanges_);
  }
  [[nodiscard]] CpuThread thread(unsigned i) {
    if (watched != nullptr) watched->thread(order_[i]);
    return CpuThread(order_[i], memory_->local(order_[i]), memory_->copies(phase_), memory_->sizes().local);
  }
  void done(CpuThread const& thread) {
    std::uint32_t& others = exchanges_[thread.warp()];
    if (others == 0) others = thread.exchanges() + 1;
    if (others != thread.exchanges() + 1 && faults != nullptr) {
      faults->add(Fault::exchange,
                  "warp " + std::to_string(thread.warp()) + ": not all lanes take part in an exchange");
    }
  }
  void end() {
    ++phase_;
    for (unsigned i = 0; i < threads_; ++i) memory_->copy(phase_, order_[i]);
  }
  void wait_for_block() {
    end();
    barriers_->block();
    if (watched != nullptr) watched->passed_barrier();
  }
  void wait_for_warp() {
    end();
    barriers_->warp(order_[0] / 32);
    if (watched != nullptr) watched->passed_warp_barrier();
  }
  [[nodiscard]] bool vote(bool value) {
    end();
    bool const of_all = barriers_->any(value);
    if (watched != nullptr) watched->passed_barrier();
    return of_all;
  }
  void finish() { ended_ = true; }

 private:
  BlockMemory* memory_;
  Barriers* barriers_;
  unsigned const* order_;
  unsigned threads_;
  std::uint32_t phase_ = 0;
  std::uint32_t exchanges_[32] = {};  // of the first thread of each warp, plus 1
  BlockIndex index_;
  BlockIndex count_;
  bool ended_ = false;
};

/// The blocks of a launch one by one. A grid that no GPU takes is a finding, and has none.
class BlocksOf {
 public:
  BlocksOf(Grid const& grid, Faults& found) {
    if (grid.fits()) {
      extents_ = {static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z)};
    } else if (!grid.empty()) {
      found.add(Fault::grid, "a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " +
                                 std::to_string(grid.z) + " blocks");
    }
  }
  [[nodiscard]] std::size_t size() const { return std::size_t{extents_.x} * extents_.y * extents_.z; }
  [[nodiscard]] BlockIndex extents() const { return extents_; }
  [[nodiscard]] BlockIndex operator[](std::size_t i) const {
    return {static_cast<unsigned>(i % extents_.x), static_cast<unsigned>(i / extents_.x % extents_.y),
            static_cast<unsigned>(i / extents_.x / extents_.y)};
  }

 private:
  BlockIndex extents_{0, 0, 0};
};

/// The block that a kernel sees.
template <class Body>
class CpuBlock : public BlockRun {
 public:
  using Shared = typename Body::Shared;
  using Local = typename Body::Local;
  explicit CpuBlock(BlockRun const& run) : BlockRun(run) {}

  template <class F>
  void phase(F const& f) {
    run(f);
    wait_for_block();
  }
  template <class F>
  void warps(F const& f) {
    run(f);
    wait_for_warp();
  }
  template <class F>
  [[nodiscard]] bool any(F const& f) {
    bool one = false;
    run([&](CpuThread& t, Shared& s, Local& l) { one = f(t, s, l) || one; });
    return vote(one);
  }
  template <class F>
  void last(F const& f) {
    run(f);
    finish();
  }

 private:
  template <class F>
  void run(F const& f) {
    begin();
    auto& memory = *reinterpret_cast<Shared*>(shared());
    for (unsigned i = 0; i < threads(); ++i) {
      CpuThread t = thread(i);
      f(t, memory, *reinterpret_cast<Local*>(local(i)));
      done(t);
    }
  }
};

/// A kernel without its type: calls it for one block.
struct AnyBody {
  void const* body;
  void (*call)(void const* body, BlockRun const& block);
  BlockSizes sizes;

  template <class Body>
  static AnyBody of(Body const& body) {
    return {&body,
            [](void const* data, BlockRun const& run) {
              CpuBlock<Body> block{run};
              (*static_cast<Body const*>(data))(block);
            },
            BlockSizes::of<Body>()};
  }
};

}  // namespace ashlar::kernels::device
