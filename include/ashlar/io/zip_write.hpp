// Ashlar: writing zip archives of stored, aligned records.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/append.hpp>
#include <ashlar/io/atomic_write.hpp>
#include <ashlar/io/crc32.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A zip archive that is written from front to back. Each record's data begins at a multiple of 64, as PyTorch has it;
/// nothing is compressed. ZIP64 fields are there where sizes, offsets or the number of records need them.
///
/// Memory  about 100 bytes a record, for the directory at the end. What `add` was given has to stay until finish().
class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file), out_(file) {}

  /// One record. `name` is ASCII.
  Result<void> add(std::string_view name, std::span<std::byte const> bytes) {
    Record record{std::string(name), out_.position(), bytes.size(), 0};
    auto const padding = static_cast<std::size_t>(-(record.at + local_size(record)) % alignment);
    // A small record's CRC is taken first. A large one is read once: its header is written when its CRC is known.
    bool const small = bytes.size() <= chunk;
    if (small) {
      record.crc = crc32_of(bytes);
      if (auto done = out_.add_copy(local_header(record, padding)); !done) return done;
      if (auto done = out_.add(bytes); !done) return done;
    } else {
      if (auto done = out_.skip(local_size(record) + padding); !done) return done;
      for (std::size_t at = 0; at < bytes.size(); at += chunk) {
        auto const part = bytes.subspan(at, bytes.size() - at < chunk ? bytes.size() - at : chunk);
        record.crc = crc32_of(part, record.crc);
        if (auto done = out_.add(part); !done) return done;
      }
      std::string const header = local_header(record, padding);
      if (auto done = file_.write(std::as_bytes(std::span(header)), record.at); !done) return done;
    }
    records_.push_back(std::move(record));
    return {};
  }

  /// The directory, after which the file is complete.
  Result<void> finish() {
    std::uint64_t const begin = out_.position();
    std::string tail;
    for (Record const& record : records_) put_central(tail, record);
    put_end(tail, begin, tail.size());
    if (auto done = out_.add(std::as_bytes(std::span(tail))); !done) return done;
    return out_.flush();
  }

 private:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t chunk = std::size_t{256} << 10;  // stays in the cache between CRC and write
  static constexpr std::uint64_t max16 = 0xffff;
  static constexpr std::uint64_t max32 = 0xffffffff;

  struct Record {
    std::string name;
    std::uint64_t at;  // of the local header
    std::uint64_t size;
    std::uint32_t crc;
    [[nodiscard]] bool large() const { return size >= max32; }
  };

  template <std::size_t Bytes>
  static void put(std::string& out, std::uint64_t value) {
    for (std::size_t i = 0; i < Bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  }
  static std::uint64_t capped(std::uint64_t value, std::uint64_t most) { return value < most ? value : most; }

  static std::size_t local_size(Record const& record) {
    return 30 + record.name.size() + (record.large() ? 20 : 0) + 4;  // 4: head of the padding field
  }
  static std::string local_header(Record const& record, std::size_t padding) {
    std::string out = "PK\x03\x04";
    put_common(out, record);
    put<2>(out, record.name.size());
    put<2>(out, (record.large() ? 20 : 0) + 4 + padding);
    out += record.name;
    if (record.large()) {
      put<2>(out, 1);
      put<2>(out, 16);
      put<8>(out, record.size);
      put<8>(out, record.size);
    }
    out += "FB";  // PyTorch's own name for it
    put<2>(out, padding);
    out.append(padding, 'Z');
    return out;
  }
  /// From the version needed to the sizes: the same in both headers of a record.
  static void put_common(std::string& out, Record const& record) {
    put<2>(out, record.large() || record.at >= max32 ? 45 : 20);
    put<2>(out, 0);     // flags
    put<2>(out, 0);     // stored
    put<2>(out, 0);     // midnight
    put<2>(out, 0x21);  // on the first of January 1980: equal objects give equal files
    put<4>(out, record.crc);
    put<4>(out, capped(record.size, max32));
    put<4>(out, capped(record.size, max32));
  }
  static void put_central(std::string& out, Record const& record) {
    bool const far = record.at >= max32;
    std::size_t const extra = (record.large() ? 16 : 0) + (far ? 8 : 0);
    out += "PK\x01\x02";
    put<2>(out, 45);
    put_common(out, record);
    put<2>(out, record.name.size());
    put<2>(out, extra == 0 ? 0 : extra + 4);
    put<2>(out, 0);  // comment
    put<2>(out, 0);  // disk
    put<2>(out, 0);
    put<4>(out, 0);  // attributes
    put<4>(out, capped(record.at, max32));
    out += record.name;
    if (extra == 0) return;
    put<2>(out, 1);
    put<2>(out, extra);
    if (record.large()) {
      put<8>(out, record.size);
      put<8>(out, record.size);
    }
    if (far) put<8>(out, record.at);
  }
  void put_end(std::string& out, std::uint64_t begin, std::uint64_t size) const {
    std::uint64_t const count = records_.size();
    if (count >= max16 || begin >= max32 || size >= max32) {
      out += "PK\x06\x06";
      put<8>(out, 44);
      put<2>(out, 45);
      put<2>(out, 45);
      put<4>(out, 0);
      put<4>(out, 0);
      put<8>(out, count);
      put<8>(out, count);
      put<8>(out, size);
      put<8>(out, begin);
      out += "PK\x06\x07";
      put<4>(out, 0);
      put<8>(out, begin + size);
      put<4>(out, 1);
    }
    out += "PK\x05\x06";
    put<2>(out, 0);
    put<2>(out, 0);
    put<2>(out, capped(count, max16));
    put<2>(out, capped(count, max16));
    put<4>(out, capped(size, max32));
    put<4>(out, capped(begin, max32));
    put<2>(out, 0);
  }

  AtomicFile& file_;
  Appender out_;
  std::vector<Record> records_;
};

}  // namespace ashlar::detail
