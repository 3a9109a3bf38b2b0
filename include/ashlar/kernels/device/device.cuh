// kernels/device/device.cuh: what kernel bodies are written in.  SPDX-License-Identifier: BSL-1.0
//
// A kernel is a trivially copyable struct
//
//   static constexpr unsigned threads;      a multiple of 32
//   struct Shared { Array<...> ...; };      what the threads of a block share
//   struct Local { ... };                   what each thread keeps in registers from phase to phase
//   template <class Block> ASHLAR_DEVICE void operator()(Block& block) const;
//
// whose call says what a block does, as phases between barriers:
//
//   block.phase(f)   every thread t runs f(t, shared, local); then a barrier of the block
//   block.warps(f)   the same, but the barrier joins the threads of a warp alone
//   block.last(f)    the same without a barrier; nothing follows
//   block.any(f)     a phase whose f returns a bool; true for all threads if it is for one
//
// Outside the phases there is no thread index, so loops and branches there are the same for all threads and no barrier
// can be missed by some. t.index is the thread's number. t.shuffle_xor(local.x, mask) and its like read what other
// lanes had in local.x at the end of the phase before: an exchange is a phase of its own, which costs nothing on the
// GPU.
//
// Such a body runs on the GPU (stream_launcher.cuh) and on the CPU (cpu_launcher.hpp): in several orders of threads and
// blocks with every access to shared memory checked, or with one thread for each CUDA thread. No CUDA header is needed
// to compile it there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#ifdef __CUDACC__
#define ASHLAR_DEVICE __device__ __forceinline__
#define ASHLAR_DEVICE_INLINE __device__ __forceinline__
#define ASHLAR_DEVICE_UNROLL _Pragma("unroll")
#else
#define ASHLAR_DEVICE
#define ASHLAR_DEVICE_INLINE inline  // for functions that are neither templates nor members
#define ASHLAR_DEVICE_UNROLL
#include <ashlar/kernels/device/faults.hpp>

#include <cstring>
#include <string>
#endif

namespace ashlar::kernels::device {

/// Blocks of a launch, as many as are asked for: a launcher says so if a GPU does not take that many.
struct Grid {
  std::size_t x = 1;
  std::size_t y = 1;
  std::size_t z = 1;

  [[nodiscard]] constexpr bool empty() const { return x == 0 || y == 0 || z == 0; }
  /// True if every GPU takes it.
  [[nodiscard]] constexpr bool fits() const { return x <= 0x7fffffff && y <= 65535 && z <= 65535; }
};

/// The place of a block in its grid, or the extents of the grid.
struct BlockIndex {
  unsigned x;
  unsigned y;
  unsigned z;
};

/// Shared or Local of a kernel that has none.
struct None {};

/// What no GPU could run does not compile. More than 48 KiB of shared memory would have to be asked for at run time,
/// and not every GPU has it.
template <class Body>
constexpr void check_body() {
  static_assert(std::is_trivially_copyable_v<Body> && sizeof(Body) <= 4096, "ashlar: a kernel is passed by value");
  static_assert(Body::threads % 32 == 0 && Body::threads <= 1024, "ashlar: a block has whole warps, at most 32");
  static_assert(sizeof(typename Body::Shared) <= 48 * 1024, "ashlar: a block has 48 KiB of shared memory at most");
}

constexpr std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

/// Blocks for n elements at `each` a block, no more than `most`: bodies stride over the grid.
constexpr Grid blocks_for(std::size_t n, std::size_t each, std::size_t most = 4096) {
  std::size_t const wanted = ceil_div(n, each);
  return {wanted < most ? wanted : most};
}

/// Four elements that are loaded and stored at once.
template <class T>
struct alignas(sizeof(T) * 4 < 16 ? sizeof(T) * 4 : 16) Vec4 {
  T v[4];
};

/// True if load4 may be used on rows of `stride` elements that begin at p.
template <class T>
bool is_wide(T const* p, std::size_t stride) {
  return reinterpret_cast<std::uintptr_t>(p) % alignof(Vec4<T>) == 0 && stride % 4 == 0;
}

#ifndef __CUDACC__
namespace detail {
inline void check_alignment(void const* p, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(p) % alignment == 0 || faults == nullptr) return;
  faults->add(Fault::alignment, "a vector of " + std::to_string(alignment) + " bytes at a smaller alignment");
}
}  // namespace detail
#endif

/// p[0..4), which is_wide.
template <class T>
ASHLAR_DEVICE Vec4<T> load4(T const* p) {
#ifdef __CUDACC__
  return *reinterpret_cast<Vec4<T> const*>(p);
#else
  detail::check_alignment(p, alignof(Vec4<T>));
  Vec4<T> out;
  std::memcpy(&out, p, sizeof out);
  return out;
#endif
}
template <class T>
ASHLAR_DEVICE void store4(T* p, Vec4<T> const& x) {
#ifdef __CUDACC__
  *reinterpret_cast<Vec4<T>*>(p) = x;
#else
  detail::check_alignment(p, alignof(Vec4<T>));
  std::memcpy(p, &x, sizeof x);
#endif
}

/// N elements in shared memory. On the CPU each access is checked.
template <class T, unsigned N>
struct Array {
  alignas(16) T all[N];

  ASHLAR_DEVICE T get(unsigned i) const {
#ifndef __CUDACC__
    if (!check(i, 1)) return T{};
    if (watched != nullptr) watched->read(all + i);
#endif
    return all[i];
  }
  ASHLAR_DEVICE void set(unsigned i, T value) {
#ifndef __CUDACC__
    if (!check(i, 1)) return;
    if (watched != nullptr) watched->write(all + i);
#endif
    all[i] = value;
  }
  /// Elements i ... i + 3; i is a multiple of 4.
  ASHLAR_DEVICE Vec4<T> get4(unsigned i) const {
#ifndef __CUDACC__
    if (!check(i, 4)) return Vec4<T>{};
    for (unsigned j = 0; watched != nullptr && j < 4; ++j) watched->read(all + i + j);
#endif
    return load4(all + i);
  }
  ASHLAR_DEVICE void set4(unsigned i, Vec4<T> const& x) {
#ifndef __CUDACC__
    if (!check(i, 4)) return;
    for (unsigned j = 0; watched != nullptr && j < 4; ++j) watched->write(all + i + j);
#endif
    store4(all + i, x);
  }

#ifndef __CUDACC__
 private:
  [[nodiscard]] static bool check(unsigned i, unsigned count) {
    if (i < N && count <= N - i) return true;
    if (faults != nullptr) {
      faults->add(Fault::shared_range, "element " + std::to_string(i) + " of a shared array of " + std::to_string(N));
    }
    return false;
  }
#endif
};

}  // namespace ashlar::kernels::device
