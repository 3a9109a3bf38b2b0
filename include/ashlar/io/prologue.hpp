// Ashlar: the first 64 bytes of an .ashlar file.  SPDX-License-Identifier: BSL-1.0
//
//  0  6  magic, "\x89ASHLR"                  24  8  data length
//  6  2  format version, 1                   32  8  file length = data offset + data length
//  8  4  manifest offset, 64                 40 16  layout fingerprint (reflect/fingerprint.hpp)
// 12  4  manifest length, at most 64 MiB     56  8  XXH3-64 of the manifest
// 16  4  data offset, the first multiple of 4096 behind the manifest; zero bytes in between
// 20  4  low half of the XXH3-64 of the other 60 bytes
//
// All little endian. A typed `map` reads nothing else, so these bytes alone must show that a file fits.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/hash.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/reflect/fingerprint.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace ashlar::detail {

static_assert(std::endian::native == std::endian::little,
              "ashlar: .ashlar files hold objects as they lie in memory, little endian; this host is big endian");

inline constexpr std::array<unsigned char, 6> magic{0x89, 'A', 'S', 'H', 'L', 'R'};
inline constexpr std::uint16_t format_version = 1;
inline constexpr std::size_t prologue_size = 64;
inline constexpr std::size_t max_manifest = std::size_t{64} << 20;
inline constexpr std::size_t data_alignment = 4096;

/// "mlp.ashlar: why"
ASHLAR_COLD inline Error format_error(std::string_view where, std::initializer_list<Part> why) {
  return error(Errc::format, {where, ": ", message(why)});
}

struct Prologue {
  std::uint32_t manifest_length = 0;
  std::uint32_t data_offset = 0;
  std::uint64_t data_length = 0;
  Fingerprint fingerprint{};
  std::uint64_t manifest_checksum = 0;

  [[nodiscard]] std::uint64_t file_length() const { return data_offset + data_length; }
};

/// The first multiple of 4096 behind a manifest of this length.
constexpr std::uint32_t data_offset_for(std::size_t manifest_length) {
  return static_cast<std::uint32_t>((prologue_size + manifest_length + data_alignment - 1) / data_alignment *
                                    data_alignment);
}

using PrologueBytes = std::array<std::byte, prologue_size>;

template <class T>
void put(PrologueBytes& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
template <class T>
T get(PrologueBytes const& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

inline std::uint32_t prologue_checksum(PrologueBytes const& bytes) {
  std::array<std::byte, prologue_size - 4> others;
  std::memcpy(others.data(), bytes.data(), 20);
  std::memcpy(others.data() + 20, bytes.data() + 24, 40);
  return static_cast<std::uint32_t>(checksum(others));
}

inline PrologueBytes encode(Prologue const& p) {
  PrologueBytes bytes{};
  put(bytes, 0, magic);
  put(bytes, 6, format_version);
  put(bytes, 8, static_cast<std::uint32_t>(prologue_size));
  put(bytes, 12, p.manifest_length);
  put(bytes, 16, p.data_offset);
  put(bytes, 24, p.data_length);
  put(bytes, 32, p.file_length());
  put(bytes, 40, p.fingerprint);
  put(bytes, 56, p.manifest_checksum);
  put(bytes, 20, prologue_checksum(bytes));
  return bytes;
}

inline bool has_magic(std::span<std::byte const> bytes) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// True if the bytes look like a .pt, zip or legacy, or a .safetensors.
inline bool looks_foreign(PrologueBytes const& bytes) {
  auto const is = [&](std::size_t at, int byte) { return bytes[at] == static_cast<std::byte>(byte); };
  return (is(0, 'P') && is(1, 'K')) || (is(0, 0x80) && is(1, 2)) || is(8, '{');
}

/// Checks everything the prologue says against itself and against the file's true length.
ASHLAR_COLD inline Result<Prologue> decode(PrologueBytes const& bytes, std::uint64_t file_length,
                                           std::string_view where) {
  if (!has_magic(bytes)) {
    return format_error(where, {"not an .ashlar file: the first bytes are not \\x89ASHLR",
                                looks_foreign(bytes) ? "; load reads what it looks like, and `ashlar convert` makes an "
                                                       ".ashlar file of it"
                                                     : ""});
  }
  if (get<std::uint32_t>(bytes, 20) != prologue_checksum(bytes)) {
    return format_error(where, {"the first 64 bytes are damaged: their checksum does not fit"});
  }
  auto const version = get<std::uint16_t>(bytes, 6);
  if (version != format_version) {
    return format_error(where, {"format version ", version, ", but this library reads version ", format_version});
  }
  Prologue p;
  p.manifest_length = get<std::uint32_t>(bytes, 12);
  p.data_offset = get<std::uint32_t>(bytes, 16);
  p.data_length = get<std::uint64_t>(bytes, 24);
  p.fingerprint = get<Fingerprint>(bytes, 40);
  p.manifest_checksum = get<std::uint64_t>(bytes, 56);
  if (get<std::uint32_t>(bytes, 8) != prologue_size) {
    return format_error(where, {"the manifest does not start at byte 64"});
  }
  if (p.manifest_length == 0 || p.manifest_length > max_manifest) {
    return format_error(where, {"a manifest of ", p.manifest_length, " bytes, but 1 to 67108864 are allowed"});
  }
  if (p.data_offset != data_offset_for(p.manifest_length)) {
    return format_error(
        where, {"the data starts at byte ", p.data_offset, " instead of ", data_offset_for(p.manifest_length)});
  }
  std::uint64_t const stated = get<std::uint64_t>(bytes, 32);
  if (p.data_length > ~std::uint64_t{0} - p.data_offset || stated != p.file_length()) {
    return format_error(where, {"the file length stated, ", stated, ", is not ", p.data_offset, " + ", p.data_length});
  }
  if (file_length != stated) {
    return format_error(where, {"the file has ", file_length, " bytes but states ", stated,
                                file_length < stated ? ": it is cut off" : ": something was appended"});
  }
  return p;
}

}  // namespace ashlar::detail
