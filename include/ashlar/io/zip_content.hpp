// Ashlar: the bytes of a record of a zip archive.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/crc32.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/zip.hpp>

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace ashlar::detail {

/// Bytes, and what keeps them: null if they lie in the file.
struct ZipContent {
  std::span<std::byte const> bytes;
  std::shared_ptr<std::byte[]> owner;
};

/// Gives out records: stored ones as they lie in the file, deflated ones on the heap.
///
/// Memory  deflated records: together at most 16 times the file and 256 KiB, because deflate reaches 1000:1 and weights
///         do not: a file of a few bytes cannot ask for much.
/// Errors  format.
class ZipUnpacker {
 public:
  ZipUnpacker(std::span<std::byte const> bytes, std::string_view where, bool check_crc)
      : bytes_(bytes), where_(where), budget_(bytes.size() * 16 + (std::size_t{256} << 10)), check_crc_(check_crc) {}

  Result<ZipContent> content(ZipRecord const& record) {
    ZipContent out;
    out.bytes = bytes_.subspan(static_cast<std::size_t>(record.begin), static_cast<std::size_t>(record.packed));
    if (record.deflated) {
      if (record.size > budget_) {
        return fail(record, {"deflated: its size of ", record.size, " bytes exceeds the limit of ", budget_,
                             " for a file of ", bytes_.size()});
      }
      budget_ -= static_cast<std::size_t>(record.size);
      auto const size = static_cast<std::size_t>(record.size);
      out.owner.reset(new std::byte[size]);
      if (auto done = inflate(record, out.bytes, {out.owner.get(), size}); !done) return std::move(done).error();
      out.bytes = {out.owner.get(), size};
    }
    if (check_crc_ && record.crc != 0) {
      std::uint32_t const crc = crc32_of(out.bytes);
      if (crc != record.crc)
        return fail(record, {"corrupt: its CRC-32 is ", crc, ", but the archive says ", record.crc});
    }
    return out;
  }

 private:
  ASHLAR_COLD Error fail(ZipRecord const& record, std::initializer_list<Part> parts) const {
    return error(Errc::format, {where_, ": zip archive: record '", printable(record.name), "': ", message(parts)});
  }

  /// From exactly all of `from` exactly all of `to`.
  Result<void> inflate(ZipRecord const& record, std::span<std::byte const> from, std::span<std::byte> to) const {
    ::z_stream stream{};
    if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();  // its one failure: no memory
    std::unique_ptr<::z_stream, int (*)(::z_stream*)> const end(&stream, &::inflateEnd);
    constexpr std::size_t most = std::size_t{1} << 30;
    std::byte none{};  // zlib wants a place even for no bytes
    int status = Z_OK;
    std::size_t in = 0;
    std::size_t out = 0;
    do {
      std::size_t const more_in = from.size() - in < most ? from.size() - in : most;
      std::size_t const more_out = to.size() - out < most ? to.size() - out : most;
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data() + in));
      stream.avail_in = static_cast<uInt>(more_in);
      stream.next_out = reinterpret_cast<Bytef*>(more_out == 0 ? &none : to.data() + out);
      stream.avail_out = static_cast<uInt>(more_out);
      status = ::inflate(&stream, Z_NO_FLUSH);
      std::size_t const read = more_in - stream.avail_in;
      std::size_t const written = more_out - stream.avail_out;
      in += read;
      out += written;
      if (status == Z_OK && read == 0 && written == 0) status = Z_BUF_ERROR;
    } while (status == Z_OK);
    if (status == Z_BUF_ERROR) {
      return out == to.size() && in < from.size()
                 ? fail(record, {"deflated: corrupt: it expands to more than its size of ", record.size})
                 : fail(record, {"deflated: corrupt: the stream is truncated"});
    }
    if (status != Z_STREAM_END) return fail(record, {"deflated: corrupt: ", stream.msg == nullptr ? "?" : stream.msg});
    if (out != to.size())
      return fail(record, {"deflated: it expands to ", out, " bytes, but its size is ", record.size});
    if (in != from.size()) return fail(record, {"deflated: corrupt: bytes behind the end of the stream"});
    return {};
  }

  std::span<std::byte const> bytes_;
  std::string_view where_;
  std::size_t budget_;
  bool check_crc_;
};

}  // namespace ashlar::detail
