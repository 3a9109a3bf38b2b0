// CUDA devices without a GPU: memory that the host cannot reach, and kernels on the CPU's executor.
// SPDX-License-Identifier: BSL-1.0
//
// What is tested with it is what runs on a GPU: the same host code, the same kernel bodies, the same launches. Only the
// driver's functions and `CudaLauncher::launch` are these.
#pragma once

#ifdef __CUDACC__
#error "units that nvcc compiles have the GPU's own launcher"
#endif

#include <ashlar/cuda/launcher.hpp>
#include <ashlar/kernels/device/cpu_launcher.hpp>

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace ashlar::test {

/// The memory of all emulated devices: one region, which nobody may touch but while a copy or a kernel runs. Each block
/// has guard zones around it, which are looked at when it is given back.
class EmulatedMemory {
 public:
  static constexpr std::size_t region = std::size_t{1} << 30;  // of addresses; pages come when they are written
  static constexpr std::size_t guard = 4096;
  static constexpr unsigned char guard_byte = 0xfe;
  static constexpr unsigned char fresh_byte = 0xff;  // NaN, for what is read before it is written

  EmulatedMemory()
      : base_(static_cast<unsigned char*>(
            mmap(nullptr, region, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (base_ == MAP_FAILED) std::abort();
  }
  EmulatedMemory(EmulatedMemory const&) = delete;
  EmulatedMemory& operator=(EmulatedMemory const&) = delete;
  ~EmulatedMemory() { munmap(base_, region); }

  /// While one lives, the memory can be touched.
  class Access {
   public:
    explicit Access(EmulatedMemory& m) : memory_(m) {
      if (memory_.depth_++ == 0) memory_.protect(PROT_READ | PROT_WRITE);
    }
    Access(Access const&) = delete;
    Access& operator=(Access const&) = delete;
    ~Access() {
      if (--memory_.depth_ == 0) memory_.protect(PROT_NONE);
    }

   private:
    EmulatedMemory& memory_;
  };

  void* allocate(int ordinal, std::size_t bytes) {
    Access const open(*this);
    std::size_t const room = (bytes + 255) / 256 * 256;
    auto const reuse = free_.find(room);
    unsigned char* at = nullptr;
    if (reuse != free_.end() && !reuse->second.empty()) {
      at = reuse->second.back();
      reuse->second.pop_back();
    } else {
      if (used_ + room + 2 * guard > region) return nullptr;
      at = base_ + used_ + guard;
      used_ += room + guard;
      std::memset(at - guard, guard_byte, guard);
    }
    std::memset(at, fresh_byte, bytes);
    std::memset(at + bytes, guard_byte, room - bytes + guard);
    blocks_[at] = {ordinal, bytes};
    return at;
  }
  void deallocate(int ordinal, void* p) {
    Access const open(*this);
    auto const block = blocks_.find(static_cast<unsigned char*>(p));
    if (block == blocks_.end() || block->second.ordinal != ordinal) std::abort();
    std::size_t const bytes = block->second.bytes;
    std::size_t const room = (bytes + 255) / 256 * 256;
    unsigned char const* const at = block->first;
    for (std::size_t i = 1; i <= guard; ++i) damaged_ = damaged_ || *(at - i) != guard_byte;
    for (std::size_t i = bytes; i < room + guard; ++i) damaged_ = damaged_ || at[i] != guard_byte;
    free_[room].push_back(block->first);
    blocks_.erase(block);
  }
  /// True if [p, p + bytes) lies in one block of that device.
  [[nodiscard]] bool holds(int ordinal, void const* p, std::size_t bytes) const {
    auto block = blocks_.upper_bound(static_cast<unsigned char*>(const_cast<void*>(p)));
    if (block == blocks_.begin()) return false;
    --block;
    auto const offset = static_cast<std::size_t>(static_cast<unsigned char const*>(p) - block->first);
    return block->second.ordinal == ordinal && offset + bytes <= block->second.bytes;
  }
  [[nodiscard]] std::size_t blocks() const { return blocks_.size(); }
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  struct Block {
    int ordinal;
    std::size_t bytes;
  };
  void protect(int what) {
    if (used_ != 0 || what != PROT_NONE) mprotect(base_, region, what);
  }

  unsigned char* base_;
  std::size_t used_ = 0;
  int depth_ = 0;
  bool damaged_ = false;
  std::map<unsigned char*, Block> blocks_;
  std::map<std::size_t, std::vector<unsigned char*>> free_;
};

/// A machine with emulated devices, while it lives. One at a time.
class EmulatedMachine {
 public:
  explicit EmulatedMachine(int devices = 1);
  EmulatedMachine(EmulatedMachine const&) = delete;
  EmulatedMachine& operator=(EmulatedMachine const&) = delete;
  ~EmulatedMachine() {
    detail::release_own_streams();
    detail::cuda_driver = before_;
    now = nullptr;
  }

  EmulatedMemory memory;
  kernels::device::Faults faults;
  kernels::device::Schedule schedule;
  bool full = false;  ///< allocations are refused
  std::size_t launches = 0;
  std::size_t waits = 0;  ///< times the host waited for a device
  std::size_t allocations = 0;
  std::vector<void*> streams;  ///< of each launch and copy, and of what is taken and given back

  inline static EmulatedMachine* now = nullptr;

 private:
  friend struct EmulatedDriver;
  void used(int ordinal) { streams.push_back(detail::stream_on(ordinal)); }
  detail::CudaDriver const* before_;
  int devices_;
};

/// What the driver of an EmulatedMachine does.
struct EmulatedDriver {
  static int count() { return now().devices_; }
  static Result<void*> allocate(int ordinal, std::size_t bytes) {
    ++now().allocations;
    now().used(ordinal);
    void* const p = now().full ? nullptr : now().memory.allocate(ordinal, bytes);
    if (p == nullptr) return Error(Errc::device, "cudaMallocAsync: out of memory (cudaErrorMemoryAllocation)");
    return p;
  }
  static void deallocate(int ordinal, void* p) {
    now().used(ordinal);
    now().memory.deallocate(ordinal, p);
  }
  static Result<void> to_device(int ordinal, void* to, void const* from, std::size_t bytes) {
    now().used(ordinal);
    return copy(to, from, bytes, now().memory.holds(ordinal, to, bytes));
  }
  static Result<void> to_host(int ordinal, void* to, void const* from, std::size_t bytes) {
    ++now().waits;
    now().used(ordinal);
    return copy(to, from, bytes, now().memory.holds(ordinal, from, bytes));
  }
  static Result<void> between(int b, void* to, int a, void const* from, std::size_t bytes) {
    now().used(a);
    return copy(to, from, bytes, now().memory.holds(b, to, bytes) && now().memory.holds(a, from, bytes));
  }
  static Result<void> clear(int ordinal, void* memory, std::size_t bytes) {
    now().used(ordinal);
    if (!now().memory.holds(ordinal, memory, bytes)) return invalid("cudaMemsetAsync");
    EmulatedMemory::Access const open(now().memory);
    std::memset(memory, 0, bytes);
    return {};
  }
  static Result<CudaInfo> info(int) { return CudaInfo{"emulated", 9, 0, EmulatedMemory::region, 0}; }
  static Result<void*> make_stream(int) { return std::malloc(1); }
  static void destroy_stream(int, void* stream) { std::free(stream); }
  static Result<void> wait(int, void*) {
    ++now().waits;
    return {};
  }

 private:
  static EmulatedMachine& now() { return *EmulatedMachine::now; }
  static Error invalid(char const* call) {
    return Error(Errc::device, std::string(call) + ": invalid argument (cudaErrorInvalidValue)");
  }
  static Result<void> copy(void* to, void const* from, std::size_t bytes, bool inside) {
    if (!inside) return invalid("cudaMemcpyAsync");
    EmulatedMemory::Access const open(now().memory);
    std::memmove(to, from, bytes);
    return {};
  }
};

inline constexpr detail::CudaDriver emulated_driver{
    EmulatedDriver::count,       EmulatedDriver::allocate,       EmulatedDriver::deallocate, EmulatedDriver::to_device,
    EmulatedDriver::to_host,     EmulatedDriver::between,        EmulatedDriver::clear,      EmulatedDriver::info,
    EmulatedDriver::make_stream, EmulatedDriver::destroy_stream, EmulatedDriver::wait};

inline EmulatedMachine::EmulatedMachine(int devices) : before_(detail::cuda_driver), devices_(devices) {
  now = this;
  detail::cuda_driver = &emulated_driver;
}

}  // namespace ashlar::test

namespace ashlar::detail {

template <class Body>
void CudaLauncher::launch(kernels::device::Grid grid, Body const& body) {
  test::EmulatedMachine& machine = *test::EmulatedMachine::now;
  ++machine.launches;
  machine.streams.push_back(stream_->handle);
  test::EmulatedMemory::Access const open(machine.memory);
  using kernels::device::AnyBody;
  kernels::device::CpuLauncher::run(machine.faults, machine.schedule, grid, AnyBody::of(body));
}

}  // namespace ashlar::detail
