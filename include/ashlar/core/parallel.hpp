// Ashlar: work in parts, on several threads where the program has them.  SPDX-License-Identifier: BSL-1.0
//
// An op says what may be cut where; who runs the parts is not its business. Nobody does unless ashlar/threads.hpp is
// told to, so programs of one thread pay for one load, and no header here knows a thread library. Only what leaves
// every sum in its order is cut: the same input gives the same bits for any number of threads.
#pragma once

#include <ashlar/core/language.hpp>

#include <cstddef>

namespace ashlar::detail {

/// Who runs parts. run calls part(work, i) for each i < parts, on any threads, and returns when all have returned.
struct Workers {
  std::size_t threads;
  void (*run)(Workers const& self, std::size_t parts, void (*part)(void const* work, std::size_t i), void const* work);
};

/// Null: there is one thread.
inline constinit Workers const* workers_in_use = nullptr;
inline Workers const* workers() noexcept { return __atomic_load_n(&workers_in_use, __ATOMIC_ACQUIRE); }
inline void set_workers(Workers const* w) noexcept { __atomic_store_n(&workers_in_use, w, __ATOMIC_RELEASE); }
inline std::size_t worker_threads() noexcept {
  Workers const* const w = workers();
  return w == nullptr ? 1 : w->threads;
}

/// Multiply-adds, or elements of a pass over memory, below which a part is not worth the 5 to 20 us that it takes to
/// wake a thread: 20 to 30 us of one core.
inline constexpr std::size_t least_products = std::size_t{1} << 21;
inline constexpr std::size_t least_elements = std::size_t{1} << 16;

/// The items that make a part, where each takes `cost` of `least`; `most_few` at least.
constexpr std::size_t items_of_part(std::size_t least, std::size_t cost, std::size_t most_few = 1) noexcept {
  std::size_t const items = cost == 0 ? least : (least + cost - 1) / cost;
  return items < most_few ? most_few : items;
}

/// f(first, count) for parts of [0, n), one behind the other and as even as they can be, each of at least `least`
/// items. An n of 0 is one part too.
template <class F>
void in_parts(std::size_t n, std::size_t least, F const& f) {
  Workers const* const w = workers();
  std::size_t parts = w == nullptr ? 1 : n / (least == 0 ? 1 : least);
  if (w != nullptr && parts > w->threads) parts = w->threads;
  if (parts < 2) return f(std::size_t{0}, n);
  struct Work {
    F const& f;
    std::size_t n, parts;

    static void part(void const* p, std::size_t i) {
      Work const& work = *static_cast<Work const*>(p);
      std::size_t const each = work.n / work.parts;
      std::size_t const longer = work.n % work.parts;  // parts with one item more
      work.f(each * i + (i < longer ? i : longer), each + (i < longer ? 1 : 0));
    }
  };
  Work const work{f, n, parts};
  w->run(*w, parts, &Work::part, &work);
}

}  // namespace ashlar::detail
