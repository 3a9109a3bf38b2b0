// Ashlar: which devices there are, and the choice of one at run time.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/device.hpp>
#include <ashlar/core/error.hpp>
#include <ashlar/core/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ashlar {

/// What is known of a CUDA device.
struct CudaInfo {
  std::string name;             ///< "NVIDIA H200"
  int major = 0;                ///< compute capability: 9.0
  int minor = 0;
  std::size_t total_bytes = 0;  ///< of its memory
  std::size_t free_bytes = 0;   ///< of which nobody has taken, now
};

namespace detail {

/// What the CUDA part of the library does for the host part, which reaches no CUDA header. Ordinals are valid and sizes
/// are not 0 when these are called. Work is queued on `stream_on(ordinal)`, behind what that has been given before;
/// to_device and to_host come back when the host's side may be used again.
struct CudaDriver {
  int (*count)() = nullptr;
  Result<void*> (*allocate)(int ordinal, std::size_t bytes) = nullptr;
  void (*deallocate)(int ordinal, void* memory) = nullptr;
  Result<void> (*to_device)(int ordinal, void* to, void const* from, std::size_t bytes) = nullptr;
  Result<void> (*to_host)(int ordinal, void* to, void const* from, std::size_t bytes) = nullptr;
  Result<void> (*between)(int to_ordinal, void* to, int from_ordinal, void const* from, std::size_t bytes) = nullptr;
  Result<void> (*clear)(int ordinal, void* memory, std::size_t bytes) = nullptr;  ///< zeros
  Result<CudaInfo> (*info)(int ordinal) = nullptr;
  Result<void*> (*make_stream)(int ordinal) = nullptr;
  void (*destroy_stream)(int ordinal, void* stream) = nullptr;
  Result<void> (*wait)(int ordinal, void* stream) = nullptr;  ///< for all it was given; says what went wrong in that
};

/// Set by the CUDA part before main; null in a program that is built without it.
inline CudaDriver const* cuda_driver = nullptr;

/// The stream that this thread's work on a device goes to: cuda/stream.hpp sets it. Null is the device's own.
struct StreamInUse {
  int ordinal = -1;
  void* stream = nullptr;
};
inline constinit thread_local StreamInUse stream_in_use{};
inline void* stream_on(int ordinal) { return stream_in_use.ordinal == ordinal ? stream_in_use.stream : nullptr; }

}  // namespace detail

/// "cpu", "cuda:1".
inline std::string to_string(Cpu) { return "cpu"; }
inline std::string to_string(Cuda device) { return std::string("cuda:").append(std::to_string(device.ordinal)); }

/// How many devices of a kind this program can use: `device_count<Cuda>()`. There is one Cpu.
template <class D>
int device_count() {
  if constexpr (std::is_same_v<D, Cpu>) {
    return 1;
  } else {
    return detail::cuda_driver == nullptr ? 0 : detail::cuda_driver->count();
  }
}

inline bool is_available(Cpu) { return true; }
inline bool is_available(Cuda device) { return device.ordinal >= 0 && device.ordinal < device_count<Cuda>(); }

/// Says what is missing if a device cannot be used. Error: device.
inline Result<void> try_require(Cuda device) {
  if (is_available(device)) return {};
  std::string headline = to_string(device).append(" cannot be used: ");
  std::vector<std::string> advice;
  int const count = device_count<Cuda>();
  if (detail::cuda_driver == nullptr) {
    headline.append("this program was built without CUDA");
    advice.push_back("a program with CUDA links the CUDA part of Ashlar, built where CMake finds a CUDA compiler");
  } else if (count == 0) {
    headline.append("this machine has no CUDA device, or its driver does not work");
    advice.push_back("nvidia-smi lists the devices that the driver knows");
  } else {
    headline.append("the devices here are cuda:0");
    if (count > 1) headline.append(" to ").append(to_string(Cuda{count - 1}));
  }
  advice.push_back("cuda_or_cpu() gives the cpu where there is no CUDA device");
  return Error(Errc::device, std::move(headline), std::move(advice));
}
inline void require(Cuda device) { try_require(device).value(); }
/// Name, compute capability and memory of a device. Error: device.
inline Result<CudaInfo> try_info(Cuda device) {
  if (auto there = try_require(device); !there) return std::move(there).error();
  return detail::cuda_driver->info(device.ordinal);
}
inline CudaInfo info(Cuda device) { return try_info(device).value(); }

inline Result<void> try_require(Cpu) { return {}; }
inline void require(Cpu) {}

/// A device chosen at run time. A device is part of the type of a value, so code that works on one is written once and
/// instantiated for each kind: `device.visit([&](auto d) { auto there = to(*net, d); ... })`.
class AnyDevice {
 public:
  constexpr AnyDevice(Cpu = {}) : ordinal_(-1) {}
  constexpr AnyDevice(Cuda device) : ordinal_(device.ordinal < 0 ? 0 : device.ordinal) {}

  [[nodiscard]] constexpr bool is_cuda() const { return ordinal_ >= 0; }

  /// f(Cpu) or f(Cuda), which return the same type.
  template <class F>
  decltype(auto) visit(F&& f) const {
    return is_cuda() ? f(Cuda{ordinal_}) : f(Cpu{});
  }
  friend constexpr bool operator==(AnyDevice a, AnyDevice b) { return a.ordinal_ == b.ordinal_; }

 private:
  int ordinal_;
};

inline std::string to_string(AnyDevice device) {
  return device.visit([](auto d) { return to_string(d); });
}

/// "cpu", "cuda" (the first), "cuda:1": what a user writes in a configuration. The device need not be there.
/// Error: value.
inline Result<AnyDevice> try_parse_device(std::string_view text) {
  if (text == "cpu") return AnyDevice(Cpu{});
  if (text == "cuda") return AnyDevice(Cuda{0});
  if (text.substr(0, 5) == "cuda:" && text.size() > 5 && text.size() <= 9) {  // up to four digits
    int ordinal = 0;
    bool digits = true;
    for (char const c : text.substr(5)) {
      digits = digits && c >= '0' && c <= '9';
      ordinal = ordinal * 10 + (c - '0');
    }
    if (digits) return AnyDevice(Cuda{ordinal});
  }
  return Error(Errc::value, std::string("'").append(text).append("' is no device: there are cpu, cuda and cuda:N"));
}
inline AnyDevice parse_device(std::string_view text) { return try_parse_device(text).value(); }

/// The CUDA device with this ordinal if there is one, and else the Cpu.
inline AnyDevice cuda_or_cpu(int ordinal = 0) {
  return is_available(Cuda{ordinal}) ? AnyDevice(Cuda{ordinal}) : AnyDevice(Cpu{});
}

/// All CUDA devices, or the Cpu alone if there are none.
inline std::vector<AnyDevice> all_cuda_or_cpu() {
  std::vector<AnyDevice> out;
  for (int i = 0; i < device_count<Cuda>(); ++i) out.emplace_back(Cuda{i});
  if (out.empty()) out.emplace_back(Cpu{});
  return out;
}

}  // namespace ashlar
