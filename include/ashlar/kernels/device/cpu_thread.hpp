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
    exchanged(value, lane());
    for (unsigned l = 0; l < 32; ++l) bits |= static_cast<unsigned>(of_lane(value, l)) << l;
    return bits;
  }

 protected:
  /// A lane's value; an exchange is counted once.
  template <class V>
  V exchanged(V const& value, unsigned from) {
    ++exchanges_;
    V const own = of_lane(value, lane());
    if (std::memcmp(&own, &value, sizeof(V)) != 0) report("a value is exchanged in the phase that changes it");
    return of_lane(value, from);
  }
  template <class V>
  [[nodiscard]] V of_lane(V const& value, unsigned lane_of_value) const {
    std::ptrdiff_t const at = reinterpret_cast<unsigned char const*>(&value) - local_;
    if (at < 0 || static_cast<std::size_t>(at) + sizeof(V) > bytes_) {
      report("a value is exchanged that is no member of Local");
      return value;
    }
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
