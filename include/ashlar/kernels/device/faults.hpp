// kernels/device/faults.hpp: what the executors on the CPU find wrong with a kernel.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::kernels::device {

enum class Fault {
  shared_range,  ///< an index outside an array in shared memory
  shared_unset,  ///< shared memory is read that no thread of the block has written
  shared_race,   ///< two threads touch an element, one writes, and no barrier stands between
  alignment,     ///< a vector load or store at an address that is not a multiple of its size
  exchange,      ///< lanes of a warp exchange what is not ready, or not all of them do
  order,         ///< the result depends on the order of threads or blocks, or on what was in memory before
  guard,         ///< bytes next to a buffer were written
  grid           ///< more blocks than a GPU takes
};

/// A list of findings that any thread may add to. Of each kind the first few are kept, and all are counted.
class Faults {
 public:
  void add(Fault kind, std::string text) {
    std::scoped_lock const lock(mutex_);
    std::size_t& count = counts_[static_cast<std::size_t>(kind)];
    if (count++ < kept) texts_.push_back(std::move(text));
  }
  [[nodiscard]] std::size_t count(Fault kind) const {
    std::scoped_lock const lock(mutex_);
    return counts_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] bool none() const {
    std::scoped_lock const lock(mutex_);
    return texts_.empty();
  }
  /// One line for each finding.
  [[nodiscard]] std::string text() const {
    std::scoped_lock const lock(mutex_);
    std::string all;
    for (auto const& one : texts_) all.append(one).append("\n");
    return all;
  }

 private:
  static constexpr std::size_t kept = 4;
  mutable std::mutex mutex_;
  std::size_t counts_[8] = {};
  std::vector<std::string> texts_;
};

/// Follows the accesses to the shared memory of one block. An element's last writer and its readers since are known,
/// and which barriers have been passed since then.
class Watch {
 public:
  Watch(Faults& faults, void const* base, std::size_t bytes)
      : faults_(&faults), base_(static_cast<unsigned char const*>(base)), cells_(bytes / grain + 1) {}

  void thread(unsigned index) { thread_ = index; }
  void passed_barrier() { ++block_epoch_, warp_epoch_ = 0; }
  void passed_warp_barrier() { ++warp_epoch_; }

  void read(void const* at) {
    Cell& cell = cell_of(at);
    if (cell.writer == nobody) {
      faults_->add(Fault::shared_unset, describe("reads", at) + " and nobody wrote it");
    } else if (unordered(cell.writer, cell.write_epoch, cell.write_warp_epoch)) {
      faults_->add(Fault::shared_race,
                   describe("reads", at) + ", thread " + std::to_string(cell.writer) + " writes it");
    }
    bool const lately = cell.reader != nobody && cell.read_epoch == block_epoch_;
    bool const same_warp = lately && cell.reader / 32 == thread_ / 32;
    bool const ordered = same_warp && cell.read_warp_epoch != warp_epoch_;
    if (!lately || (ordered && cell.readers == Readers::of_a_warp)) {
      cell.readers = Readers::one;
    } else if (!same_warp) {
      cell.readers = Readers::of_warps;
    } else if (cell.readers == Readers::one && cell.reader != thread_ && !ordered) {
      cell.readers = Readers::of_a_warp;
    }
    cell.reader = thread_;
    cell.read_epoch = block_epoch_;
    cell.read_warp_epoch = warp_epoch_;
  }
  void write(void const* at) {
    Cell& cell = cell_of(at);
    if (cell.writer != nobody && unordered(cell.writer, cell.write_epoch, cell.write_warp_epoch)) {
      faults_->add(Fault::shared_race, describe("writes", at) + ", so does thread " + std::to_string(cell.writer));
    }
    bool const lately = cell.reader != nobody && cell.read_epoch == block_epoch_;
    bool const several = lately && cell.readers != Readers::one &&
                         (cell.readers == Readers::of_warps || cell.read_warp_epoch == warp_epoch_);
    if (several || (lately && unordered(cell.reader, cell.read_epoch, cell.read_warp_epoch))) {
      faults_->add(Fault::shared_race, describe("writes", at) + ", another thread reads it");
    }
    cell.writer = thread_;
    cell.write_epoch = block_epoch_;
    cell.write_warp_epoch = warp_epoch_;
  }

 private:
  static constexpr std::size_t grain = 2;  // bytes of the smallest element that kernels keep in shared memory
  static constexpr std::uint32_t nobody = 0xffffffffu;
  enum class Readers : std::uint8_t { one, of_a_warp, of_warps };  // since the last barrier that orders them
  struct Cell {
    std::uint32_t writer = nobody;
    std::uint32_t write_epoch = 0;
    std::uint32_t write_warp_epoch = 0;
    std::uint32_t reader = nobody;
    std::uint32_t read_epoch = 0;
    std::uint32_t read_warp_epoch = 0;
    Readers readers = Readers::one;
  };

  Cell& cell_of(void const* at) {
    return cells_[static_cast<std::size_t>(static_cast<unsigned char const*>(at) - base_) / grain];
  }
  [[nodiscard]] bool unordered(std::uint32_t other, std::uint32_t epoch, std::uint32_t warp_epoch) const {
    if (other == thread_ || epoch != block_epoch_) return false;
    return other / 32 != thread_ / 32 || warp_epoch == warp_epoch_;
  }
  [[nodiscard]] std::string describe(char const* does, void const* at) const {
    return "thread " + std::to_string(thread_) + " " + does + " byte " +
           std::to_string(static_cast<unsigned char const*>(at) - base_) + " of shared memory between barriers " +
           std::to_string(block_epoch_) + " and " + std::to_string(block_epoch_ + 1);
  }

  Faults* faults_;
  unsigned char const* base_;
  std::vector<Cell> cells_;
  std::uint32_t thread_ = 0;
  std::uint32_t block_epoch_ = 0;
  std::uint32_t warp_epoch_ = 0;
};

/// Where the kernel that runs on this thread reports to; null outside of kernels. watched is null under the thread
/// sanitizer's executor, which must see nothing but the kernel's own accesses.
inline thread_local Faults* faults = nullptr;
inline thread_local Watch* watched = nullptr;

}  // namespace ashlar::kernels::device
