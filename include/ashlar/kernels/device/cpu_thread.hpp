// kernels/device/cpu_thread.hpp: a CUDA thread on the CPU, with a model of its warp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/device/faults.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace ashlar::kernels::device {

/// What gpu_thread.cuh is on the GPU. An exchange reads the registers of the other lanes as they stood at the end of
/// the phase before. On the GPU it reads them as they are; the two agree unless a lane has changed the value since,
/// which is reported.
class CpuThread {
 public:
  /// local: this thread's Local. before: those of all threads of the block at the end of the phase before.
  CpuThread(unsigned thread, void const* local, unsigned char const* before, std::size_t bytes)
      : index(thread), local_(static_cast<unsigned char const*>(local)), before_(before), bytes_(bytes) {}

  unsigned index;

  [[nodiscard]] unsigned lane() const { return index % 32; }
  [[nodiscard]] unsigned warp() const { return index / 32; }
  /// How many exchanges this thread took part in.
  [[nodiscard]] std::uint32_t exchanges() const { return exchanges_; }

  template <class V>
  [[nodiscard]] V shuffle_xor(V const& value, unsigned mask) {
    return exchanged(value, lane() ^ mask);
  }
  template <class V>
  [[nodiscard]] V shuffle_down(V const& value, unsigned delta) {
    return exchanged(value, lane() + delta < 32 ? lane() + delta : lane());
  }
  template <class V>
  [[nodiscard]] V shuffle(V const& value, unsigned from) {
    return exchanged(value, from % 32);
  }
  [[nodiscard]] unsigned ballot(bool const& value) {
    unsigned bits = 0;
    check_own(value);
    for (unsigned l = 0; l < 32; ++l) bits |= static_cast<unsigned>(of_lane(value, l)) << l;
    return bits;
  }

  /// See GpuThread. Products are exact and added in float, along k: the tensor cores' own order is nowhere specified.
  void mma_tf32(float (&c)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    check_own(a);
    check_own(b);
    unsigned const g = lane() / 4;
    for (unsigned e = 0; e < 4; ++e) {
      unsigned const row = g + e / 2 * 8;
      unsigned const column = 2 * (lane() % 4) + e % 2;
      for (unsigned k = 0; k < 8; ++k) {
        unsigned const of_a = of_lane(a[row / 8 + k / 4 * 2], row % 8 * 4 + k % 4);
        unsigned const of_b = of_lane(b[k / 4], column * 4 + k % 4);
        c[e] += tf32(of_a) * tf32(of_b);
      }
    }
  }
  void mma_bf16(float (&c)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    check_own(a);
    check_own(b);
    unsigned const g = lane() / 4;
    for (unsigned e = 0; e < 4; ++e) {
      unsigned const row = g + e / 2 * 8;
      unsigned const column = 2 * (lane() % 4) + e % 2;
      for (unsigned k = 0; k < 16; ++k) {
        unsigned const of_a = of_lane(a[row / 8 + k / 8 * 2], row % 8 * 4 + k % 8 / 2);
        unsigned const of_b = of_lane(b[k / 8], column * 4 + k % 8 / 2);
        c[e] += bf16(of_a, k % 2) * bf16(of_b, k % 2);
      }
    }
  }

 protected:
  static float tf32(unsigned bits) { return __builtin_bit_cast(float, bits & 0xffffe000u); }  // 10 bits of fraction
  static float bf16(unsigned pair, unsigned half) {
    return __builtin_bit_cast(float, half == 0 ? pair << 16 : pair & 0xffff0000u);
  }
  /// A lane's value.
  template <class V>
  V exchanged(V const& value, unsigned from) {
    check_own(value);
    return of_lane(value, from);
  }
  template <class V>
  void check_own(V const& value) {
    ++exchanges_;
    if (!is_member(&value, sizeof(V))) return report("a value is exchanged that is no member of Local");
    std::size_t const at = static_cast<std::size_t>(reinterpret_cast<unsigned char const*>(&value) - local_);
    if (std::memcmp(before_ + index * bytes_ + at, &value, sizeof(V)) != 0) {
      report("a value is exchanged in the phase that changes it");
    }
  }
  [[nodiscard]] bool is_member(void const* value, std::size_t size) const {
    std::ptrdiff_t const at = static_cast<unsigned char const*>(value) - local_;
    return at >= 0 && static_cast<std::size_t>(at) + size <= bytes_;
  }
  template <class V>
  [[nodiscard]] V of_lane(V const& value, unsigned lane_of_value) const {
    if (!is_member(&value, sizeof(V))) return value;
    std::ptrdiff_t const at = reinterpret_cast<unsigned char const*>(&value) - local_;
    V out;
    std::memcpy(&out, before_ + (index / 32 * 32 + lane_of_value) * bytes_ + at, sizeof(V));
    return out;
  }
  void report(char const* what) const {
    if (faults != nullptr) faults->add(Fault::exchange, "thread " + std::to_string(index) + ": " + what);
  }

 private:
  unsigned char const* local_;
  unsigned char const* before_;
  std::size_t bytes_;
  std::uint32_t exchanges_ = 0;
};

}  // namespace ashlar::kernels::device
