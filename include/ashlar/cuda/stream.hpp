// Ashlar: streams, in which a CUDA device works off what it is given.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/devices.hpp>
#include <ashlar/cuda/device_arena.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace ashlar {

/// How exactly Linear multiplies values of float on a device: as they are; or, where tensor cores are faster for it,
/// rounded to TF32, 11 bits, or to bfloat16, 8 bits. Sums are of float, whatever it is.
enum class Float32MatmulPrecision : std::uint8_t { highest, high, medium };

namespace detail {

/// A stream and what work in it needs: memory for the values inside a network, and for what one kernel leaves to the
/// next. Work in one stream is done in order, so both are used again at once. It is there as long as a Stream, a thread
/// or a tape uses it.
struct StreamState : std::enable_shared_from_this<StreamState> {
  StreamState(int device, void* stream)
      : ordinal(device), handle(stream), arena(device), workspace(CudaMemory::allocate(Cuda{device}, 0).value()) {}
  StreamState(StreamState const&) = delete;
  StreamState& operator=(StreamState const&) = delete;
  ~StreamState();

  int ordinal;
  void* handle;  // a cudaStream_t; null is the device's own stream
  DeviceArena arena;
  CudaMemory workspace;
};

inline thread_local Float32MatmulPrecision float32_matmul_precision = Float32MatmulPrecision::highest;
inline thread_local StreamState* chosen_stream = nullptr;
inline thread_local std::vector<std::shared_ptr<StreamState>> own_streams;  // of this thread, one a device

/// While it lives, this thread's work on the stream's device goes there.
class InStream {
 public:
  explicit InStream(StreamState& stream)
      : stream_(std::exchange(chosen_stream, &stream)),
        in_use_(std::exchange(stream_in_use, {stream.ordinal, stream.handle})) {}
  InStream(InStream const&) = delete;
  InStream& operator=(InStream const&) = delete;
  ~InStream() {
    chosen_stream = stream_;
    stream_in_use = in_use_;
  }

 private:
  StreamState* stream_;
  StreamInUse in_use_;
};

/// Its memory goes back behind the work that uses it.
inline StreamState::~StreamState() {
  {
    InStream const here(*this);
    static_cast<void>(DeviceArena(std::move(arena)));
    static_cast<void>(CudaMemory(std::move(workspace)));
  }
  if (handle != nullptr) cuda_driver->destroy_stream(ordinal, handle);
}

/// The stream that this thread uses on a device. Error: device, if it cannot be used.
inline StreamState& current_stream(int ordinal) {
  if (chosen_stream != nullptr && chosen_stream->ordinal == ordinal) return *chosen_stream;
  for (auto const& s : own_streams) {
    if (s->ordinal == ordinal) return *s;
  }
  own_streams.push_back(std::make_shared<StreamState>(ordinal, nullptr));
  return *own_streams.back();
}

/// Gives the memory back that this thread keeps for the devices' own streams.
inline void release_own_streams() { own_streams.clear(); }

}  // namespace detail

/// A queue of work for one CUDA device, beside its own. What is put into one stream is done in order; two streams know
/// nothing of each other. A thread's work goes to the stream that an `OnStream` names, and else to the device's own.
///
/// Errors  run time: device.
/// Note    one thread at a time uses a stream. A value made in one stream is for others when `wait` has come back; and
///         its memory goes back in the stream in use where it ends: another that still works on it must be waited for.
class Stream {
 public:
  explicit Stream(Cuda device = {})
      : state_((require(device), std::make_shared<detail::StreamState>(
                                     device.ordinal, detail::cuda_driver->make_stream(device.ordinal).value()))) {}
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) noexcept = default;

  /// Until all work in it is done. Error: device, if a kernel failed.
  void wait() const { detail::cuda_driver->wait(state_->ordinal, state_->handle).value(); }

  [[nodiscard]] Cuda device() const { return {state_->ordinal}; }
  /// The cudaStream_t, for kernels of one's own.
  [[nodiscard]] void* handle() const { return state_->handle; }
  [[nodiscard]] detail::StreamState& state() const { return *state_; }

 private:
  std::shared_ptr<detail::StreamState> state_;
};

/// While it lives, this thread's work on the stream's device goes to that stream.
class OnStream {
 public:
  explicit OnStream(Stream const& stream) : here_(stream.state()) {}

 private:
  detail::InStream here_;
};

/// What Linear may round from now on in this thread, both ways: torch.set_float32_matmul_precision. `highest` at the
/// start. `high` and `medium` use tensor cores: a GPU older than compute capability 8.0, or a program that is compiled
/// for none as late, gets an Error: device.
inline void set_float32_matmul_precision(Float32MatmulPrecision precision) {
  detail::float32_matmul_precision = precision;
}
[[nodiscard]] inline Float32MatmulPrecision get_float32_matmul_precision() { return detail::float32_matmul_precision; }

/// Until the work that this thread has given the device is done: after it, what went wrong in a kernel has been said.
/// Errors: device.
inline void wait(Cuda device = {}) {
  require(device);
  detail::cuda_driver->wait(device.ordinal, detail::stream_on(device.ordinal)).value();
}

}  // namespace ashlar
