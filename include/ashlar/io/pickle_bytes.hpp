// Ashlar: the bytes of a pickle, taken one after the other.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/pickle_opcodes.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ashlar::detail {

/// Gives out opcodes and what follows them, and says of what goes wrong where it did.
class PickleBytes {
 public:
  PickleBytes(PickleBytes const&) = delete;
  PickleBytes& operator=(PickleBytes const&) = delete;

 protected:
  PickleBytes(std::span<std::byte const> bytes, std::string_view where, std::size_t base)
      : bytes_(bytes), where_(where), base_(base) {}
  ~PickleBytes() = default;

  /// Notes what is wrong with the last opcode. False, for the caller to hand on.
  ASHLAR_COLD bool fail(std::initializer_list<Part> parts) {
    std::string op;
    if (opcode_at_ < bytes_.size()) {
      auto const code = static_cast<std::uint8_t>(bytes_[opcode_at_]);
      constexpr char hex[] = "0123456789abcdef";
      std::string_view const name = opcode_name(code);
      char const number[] = {'0', 'x', hex[code >> 4], hex[code & 15], '\0'};
      op = name.empty() ? message({" (opcode ", number, ")"}) : message({" (opcode ", name, ", ", number, ")"});
    }
    error_ = error(Errc::format, {where_, ": at byte ", base_ + opcode_at_, op, ": ", message(parts)});
    failed_ = true;
    return false;
  }
  ASHLAR_COLD bool fail_truncated() { return fail({"truncated: the pickle ends inside an opcode, or without STOP"}); }

  [[nodiscard]] bool has_failed() const { return failed_; }
  Error take_error() { return std::move(error_); }

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  /// How many bytes were taken, and where the last opcode begins.
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t opcode_at() const { return opcode_at_; }
  [[nodiscard]] bool begins_with(std::uint8_t code) const {
    return bytes_.size() >= 2 && bytes_[0] == static_cast<std::byte>(code);
  }

  bool take_opcode(std::uint8_t& code) {
    opcode_at_ = at_;
    // Python's pickler leaves out a frame that would have less than 4 bytes.
    if (frame_end_ != 0 && at_ > outside_ + 3) return fail({"stands outside of the frames"});
    return take(code);
  }
  /// The next `count` bytes; empty after `fail`.
  bool take(std::size_t count, std::span<std::byte const>& out) {
    if (count > bytes_.size() - at_) return fail_truncated();
    if (opcode_at_ < frame_end_ && at_ + count > frame_end_) return fail({"reaches beyond the frame it is in"});
    out = bytes_.subspan(at_, count);
    at_ += count;
    if (count >= large && at_ > outside_) outside_ = at_;
    return true;
  }
  template <class T>
  bool take(T& out) {
    std::span<std::byte const> raw;
    if (!take(sizeof(T), raw)) return false;
    std::memcpy(&out, raw.data(), sizeof(T));
    return true;
  }
  bool take_line(std::string_view& out) {
    char const* const begin = reinterpret_cast<char const*>(bytes_.data()) + at_;
    void const* const end = at_ == bytes_.size() ? nullptr : std::memchr(begin, '\n', bytes_.size() - at_);
    if (end == nullptr) return fail_truncated();
    out = {begin, static_cast<std::size_t>(static_cast<char const*>(end) - begin)};
    at_ += out.size() + 1;
    if (opcode_at_ < frame_end_ && at_ > frame_end_) return fail({"reaches beyond the frame it is in"});
    return true;
  }
  /// So many bytes are whole opcodes, for readers that fetch them at once.
  bool frame() {
    std::uint64_t length = 0;
    if (!take(length)) return false;
    if (at_ < frame_end_) return fail({"a frame inside a frame"});
    if (length > bytes_.size() - at_) return fail_truncated();
    frame_end_ = outside_ = at_ + static_cast<std::size_t>(length);
    return true;
  }

 private:
  static constexpr std::size_t large = std::size_t{64} << 10;  // text and bytes that are in no frame

  std::span<std::byte const> bytes_;
  std::string_view where_;
  std::size_t base_;
  std::size_t at_ = 0;
  std::size_t opcode_at_ = 0;
  std::size_t frame_end_ = 0;  // of the last frame; 0 before there is one
  std::size_t outside_ = 0;    // behind that, and behind what is large: here a frame, or the end, is expected
  bool failed_ = false;
  Error error_{Errc::format, ""};
};

}  // namespace ashlar::detail
