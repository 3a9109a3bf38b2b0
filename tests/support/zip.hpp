// Makes zip archives, right and wrong ones, of parts that a test can change.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace ashlar::test {

/// Appends a little-endian number.
template <class T>
void put_le(std::string& to, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof value);
  to.append(raw, sizeof raw);
}

/// One file of an archive, and how it is written.
struct ZipEntry {
  std::string name;
  std::string content;
  bool deflated = false;
  bool zip64 = false;      ///< sizes and offset stand in extra fields
  int descriptor = 0;      ///< bytes behind the content that repeat CRC and sizes: 0, 12, 16, 20 or 24
  std::string padding{};   ///< an extra field of the local header
  bool no_crc = false;
  // For wrong archives, in both headers:
  std::uint16_t flags = 0;
  int method = -1;
  // In the local header or the descriptor alone:
  std::string local_name{};
  std::uint32_t local_crc_flip = 0;
  std::uint32_t local_size_flip = 0;
  std::uint32_t descriptor_flip = 0;
  // In the directory alone:
  std::uint32_t crc_flip = 0;
  std::uint64_t offset_more = 0;
};

struct Zip {
  std::vector<ZipEntry> entries;
  bool zip64 = false;  ///< a zip64 end record
  std::string comment{};
  // For wrong archives:
  std::string before{};        ///< in front of the first entry
  std::string between{};       ///< in front of the directory
  std::string after_entries{}; ///< at the end of the directory
  std::uint16_t disk = 0;
  std::uint16_t more_entries = 0;
  std::uint64_t directory_more = 0;
  std::uint64_t zip64_at_more = 0;
  std::uint64_t zip64_size_more = 0;
  std::uint64_t zip64_count_more = 0;
};

inline std::string raw_deflate(std::string const& content) {
  ::z_stream s{};
  ::deflateInit2(&s, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&s, content.size()), '\0');
  s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  s.avail_in = static_cast<uInt>(content.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  ::deflate(&s, Z_FINISH);
  out.resize(std::min<std::size_t>(out.size(), s.total_out));  // the least: g++ 12 warns of what more would take
  ::deflateEnd(&s);
  return out;
}

/// The bytes of the archive.
inline std::string zip_bytes(Zip const& zip) {
  std::string out = zip.before;
  std::string directory;
  for (ZipEntry const& e : zip.entries) {
    std::string const packed = e.deflated ? raw_deflate(e.content) : e.content;
    std::uint32_t const crc =
        e.no_crc ? 0
                 : static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<Bytef const*>(e.content.data()),
                                                      static_cast<uInt>(e.content.size())));
    auto const method = static_cast<std::uint16_t>(e.method >= 0 ? e.method : e.deflated ? 8 : 0);
    auto const flags = static_cast<std::uint16_t>(e.flags | (e.descriptor != 0 ? 8 : 0));
    std::uint64_t const offset = out.size() + e.offset_more;
    std::string const name = e.local_name.empty() ? e.name : e.local_name;
    bool const later = e.descriptor != 0;

    put_le<std::uint32_t>(out, 0x04034b50);
    put_le<std::uint16_t>(out, 20);
    put_le(out, flags);
    put_le(out, method);
    put_le<std::uint32_t>(out, 0);  // time, date
    put_le<std::uint32_t>(out, later ? 0 : crc ^ e.local_crc_flip);
    std::string extra;
    if (e.zip64 && !later) {
      put_le<std::uint16_t>(extra, 1);
      put_le<std::uint16_t>(extra, 16);
      put_le<std::uint64_t>(extra, e.content.size() ^ e.local_size_flip);
      put_le<std::uint64_t>(extra, packed.size());
      put_le<std::uint64_t>(out, ~std::uint64_t{0});
    } else {
      put_le<std::uint32_t>(out, later ? 0 : static_cast<std::uint32_t>(packed.size()));
      put_le<std::uint32_t>(out, later ? 0 : static_cast<std::uint32_t>(e.content.size()) ^ e.local_size_flip);
    }
    if (!e.padding.empty()) {
      put_le<std::uint16_t>(extra, 0x4246);
      put_le(extra, static_cast<std::uint16_t>(e.padding.size()));
      extra += e.padding;
    }
    put_le(out, static_cast<std::uint16_t>(name.size()));
    put_le(out, static_cast<std::uint16_t>(extra.size()));
    out += name + extra + packed;
    if (e.descriptor == 16 || e.descriptor == 24) put_le<std::uint32_t>(out, 0x08074b50);
    if (later) {
      put_le<std::uint32_t>(out, crc);
      if (e.descriptor >= 20) {
        put_le<std::uint64_t>(out, packed.size());
        put_le<std::uint64_t>(out, e.content.size() ^ e.descriptor_flip);
      } else {
        put_le(out, static_cast<std::uint32_t>(packed.size()));
        put_le(out, static_cast<std::uint32_t>(e.content.size()) ^ e.descriptor_flip);
      }
    }

    put_le<std::uint32_t>(directory, 0x02014b50);
    put_le<std::uint32_t>(directory, 20 | 20 << 16);
    put_le(directory, flags);
    put_le(directory, method);
    put_le<std::uint32_t>(directory, 0);
    put_le<std::uint32_t>(directory, crc ^ e.crc_flip);
    if (e.zip64) {
      put_le<std::uint64_t>(directory, ~std::uint64_t{0});
    } else {
      put_le(directory, static_cast<std::uint32_t>(packed.size()));
      put_le(directory, static_cast<std::uint32_t>(e.content.size()));
    }
    put_le(directory, static_cast<std::uint16_t>(e.name.size()));
    put_le<std::uint16_t>(directory, e.zip64 ? 28 : 0);
    directory.append(10, '\0');  // comment, disk, attributes
    put_le(directory, e.zip64 ? ~std::uint32_t{0} : static_cast<std::uint32_t>(offset));
    directory += e.name;
    if (e.zip64) {
      put_le<std::uint16_t>(directory, 1);
      put_le<std::uint16_t>(directory, 24);
      put_le<std::uint64_t>(directory, e.content.size());
      put_le<std::uint64_t>(directory, packed.size());
      put_le<std::uint64_t>(directory, offset);
    }
  }
  out += zip.between;
  std::uint64_t const at = out.size() + zip.directory_more;
  directory += zip.after_entries;
  out += directory;
  std::uint64_t const count = zip.entries.size() + zip.more_entries;
  if (zip.zip64) {
    std::uint64_t const end = out.size() + zip.zip64_at_more;
    put_le<std::uint32_t>(out, 0x06064b50);
    put_le<std::uint64_t>(out, 44 + zip.zip64_size_more);
    put_le<std::uint32_t>(out, 45 | 45 << 16);
    put_le<std::uint64_t>(out, 0);  // disks
    put_le<std::uint64_t>(out, count + zip.zip64_count_more);
    put_le<std::uint64_t>(out, count + zip.zip64_count_more);
    put_le<std::uint64_t>(out, directory.size());
    put_le<std::uint64_t>(out, at);
    put_le<std::uint32_t>(out, 0x07064b50);
    put_le<std::uint32_t>(out, 0);
    put_le<std::uint64_t>(out, end);
    put_le<std::uint32_t>(out, 1);
  }
  put_le<std::uint32_t>(out, 0x06054b50);
  put_le(out, zip.disk);
  put_le(out, zip.disk);
  put_le(out, zip.zip64 ? std::uint16_t{0xffff} : static_cast<std::uint16_t>(count));
  put_le(out, zip.zip64 ? std::uint16_t{0xffff} : static_cast<std::uint16_t>(count));
  put_le(out, zip.zip64 ? ~std::uint32_t{0} : static_cast<std::uint32_t>(directory.size()));
  put_le(out, zip.zip64 ? ~std::uint32_t{0} : static_cast<std::uint32_t>(at));
  put_le(out, static_cast<std::uint16_t>(zip.comment.size()));
  return out + zip.comment;
}

}  // namespace ashlar::test
