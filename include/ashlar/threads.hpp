// Ashlar: ops on several threads, by oneTBB. Link ashlar::threads.  SPDX-License-Identifier: BSL-1.0
//
// One unit of a program includes this and asks; all its ops then use the threads, wherever they were compiled.
#pragma once

#if !__has_include(<tbb/task_arena.h>)
#error "ashlar: ashlar/threads.hpp needs oneTBB: install libtbb-dev, or leave this header out and use one thread"
#endif

#include <ashlar/core/parallel.hpp>

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <cstddef>
#include <map>
#include <mutex>

namespace ashlar {
namespace detail {

/// An arena of its own for each number of threads that was asked for. Threads of the arena sleep when there is nothing
/// to do, and the caller works too.
struct TbbWorkers : Workers {
  explicit TbbWorkers(std::size_t n) : Workers{n, &TbbWorkers::run_in_arena}, arena(static_cast<int>(n)) {}

  mutable tbb::task_arena arena;

  static void run_in_arena(Workers const& self, std::size_t parts, void (*part)(void const*, std::size_t),
                           void const* work) {
    static_cast<TbbWorkers const&>(self).arena.execute([=] {
      tbb::parallel_for(std::size_t{0}, parts, [=](std::size_t i) { part(work, i); }, tbb::simple_partitioner());
    });
  }

  /// The workers of n threads. Never destroyed: another thread may be about to use them.
  static TbbWorkers const* of(std::size_t n) {
    static std::mutex& mutex = *new std::mutex;
    static auto& all = *new std::map<std::size_t, TbbWorkers>;
    std::lock_guard const lock(mutex);
    return &all.try_emplace(n, n).first->second;
  }
};

}  // namespace detail

/// Threads that ops of layers, matmul, and optimizers may use, the caller's among them; 0: as many as the machine runs
/// at once. 1, as at the start, means no others. Results have the same bits for any number. Ops that take less than
/// about 0.05 ms keep to one thread. Any thread may call it at any time; ops that run go on as they began.
///
/// Source  torch.set_num_threads.
inline void set_num_threads(std::size_t n) {
  if (n == 0) n = static_cast<std::size_t>(tbb::this_task_arena::max_concurrency());
  detail::set_workers(n == 1 ? nullptr : detail::TbbWorkers::of(n));
}

/// What set_num_threads set last.
[[nodiscard]] inline std::size_t get_num_threads() noexcept { return detail::worker_threads(); }

}  // namespace ashlar
