// Ashlar: zip archives with one meaning, read in place.  SPDX-License-Identifier: BSL-1.0
//
// Other readers look at the central directory, or at the local headers, or search for either; files exist that are
// different archives to each. Here both have to say the same, and records and headers fill the file from its first byte
// to its last: nothing overlaps, nothing is hidden between.
//
// Source  APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/name_index.hpp>
#include <ashlar/io/printable.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A little-endian number at byte `at`, which is inside.
template <class T>
T load_le(std::span<std::byte const> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// One file in an archive. All numbers are checked: the packed bytes lie in the file.
struct ZipRecord {
  std::string_view name;  ///< as stored, with its folders
  std::uint64_t header = 0;  ///< where the local header lies
  std::uint64_t begin = 0;  ///< where the packed bytes lie
  std::uint64_t packed = 0;  ///< how many they are
  std::uint64_t size = 0;  ///< and unpacked
  std::uint32_t crc = 0;  ///< of the unpacked bytes; 0 says that none was computed
  std::uint16_t flags = 0;
  bool deflated = false;
};

/// Reads the directory of an archive; `bytes` is the whole file, `where` names it in messages. With `file`, where
/// `bytes` is its mapping, local headers are read through the system: they lie far from each other, and to touch a page
/// for each takes three times as long (4096 records in 256 MiB, Linux 6.18: 10 ms and 3 ms).
class ZipReader {
 public:
  ZipReader(std::span<std::byte const> bytes, std::string_view where, InputFile const* file = nullptr)
      : bytes_(bytes), where_(where), file_(file), seen_(bytes) {}

  /// All records, in the order of the central directory. Error: format.
  Result<std::vector<ZipRecord>> read() {
    if (!find_directory() || !read_directory() || !read_local_headers() || !check_names()) return std::move(error_);
    return std::move(records_);
  }
  /// Finds the names of the records that were read.
  NameIndex take_index() { return std::move(index_); }

 private:
  static constexpr std::uint16_t has_descriptor = 1 << 3;
  static constexpr std::uint16_t is_utf8_name = 1 << 11;
  static constexpr std::uint16_t encrypted = 1 << 0 | 1 << 6 | 1 << 13;
  static constexpr std::uint32_t max32 = 0xffffffffu;
  static constexpr std::uint16_t zip64_id = 1;

  ASHLAR_COLD bool fail(std::initializer_list<Part> parts) {
    error_ = error(Errc::format, {where_, ": zip archive: ", message(parts)});
    return false;
  }
  ASHLAR_COLD bool fail(ZipRecord const& record, std::initializer_list<Part> parts) {
    return fail({"record '", printable(record.name), "': ", message(parts)});
  }
  template <class T>
  T get(std::uint64_t at) const {
    return load_le<T>(seen_, static_cast<std::size_t>(at - seen_from_));
  }
  std::string_view text(std::uint64_t at, std::size_t length) const {
    return {reinterpret_cast<char const*>(seen_.data()) + (at - seen_from_), length};
  }
  /// Lets `get` and `text` see these bytes, which lie before the directory, and what is read with them.
  bool see(std::uint64_t at, std::uint64_t length) {
    if (file_ == nullptr || (at >= seen_from_ && inside(at - seen_from_, length, seen_.size()))) return true;
    std::uint64_t const usual = std::min<std::uint64_t>(256, directory_ - at);
    buffer_.resize(static_cast<std::size_t>(std::max(length, usual)));
    if (auto done = file_->read(at, buffer_); !done) {
      error_ = std::move(done).error();
      return false;
    }
    seen_ = buffer_;
    seen_from_ = at;
    return true;
  }
  /// Whether `length` bytes lie between `at` and `end`.
  static bool inside(std::uint64_t at, std::uint64_t length, std::uint64_t end) {
    return at <= end && length <= end - at;
  }

  /// The end record, and with it where the directory lies.
  bool find_directory() {
    constexpr std::uint64_t length = 22;
    std::uint64_t const size = bytes_.size();
    if (size < length) return fail({"truncated: ", size, " bytes are too short for an end record"});
    std::uint64_t const lowest = size - length > 0xffff ? size - length - 0xffff : 0;
    std::uint64_t at = size - length;
    while (get<std::uint32_t>(at) != 0x06054b50u || get<std::uint16_t>(at + 20) != size - length - at) {
      if (at-- == lowest) return fail({"truncated, or no zip archive: it does not end with an end record"});
    }
    if (text(at + length, size - at - length).find("PK\5\6") != std::string_view::npos) {
      return fail({"the comment at the end holds another end record"});
    }
    end_ = at;
    if (get<std::uint16_t>(at + 4) != 0 || get<std::uint16_t>(at + 6) != 0) {
      return fail({"the end record says that the archive has several disks"});
    }
    count_ = get<std::uint16_t>(at + 10);
    std::uint64_t directory_size = get<std::uint32_t>(at + 12);
    directory_ = get<std::uint32_t>(at + 16);
    if (get<std::uint16_t>(at + 8) != count_) return fail({"the end record has two counts of records"});
    if (at >= 20 && get<std::uint32_t>(at - 20) == 0x07064b50u) {
      if (!read_zip64_end(at - 20, directory_size)) return false;
    }
    if (!inside(directory_, directory_size, end_) || directory_ + directory_size != end_) {
      return fail({"the central directory, ", directory_size, " bytes at byte ", directory_,
                   ", does not end at the end record at byte ", end_});
    }
    return true;
  }

  bool read_zip64_end(std::uint64_t locator, std::uint64_t& directory_size) {
    std::uint64_t const at = get<std::uint64_t>(locator + 8);
    if (get<std::uint32_t>(locator + 4) != 0 || get<std::uint32_t>(locator + 16) > 1) {
      return fail({"the zip64 locator says that the archive has several disks"});
    }
    if (!inside(at, 56, locator) || get<std::uint32_t>(at) != 0x06064b50u) {
      return fail({"the zip64 end record is not at byte ", at, ", where its locator says"});
    }
    if (get<std::uint64_t>(at + 4) != locator - at - 12) return fail({"the zip64 end record has a wrong size"});
    if (get<std::uint32_t>(at + 16) != 0 || get<std::uint32_t>(at + 20) != 0) {
      return fail({"the zip64 end record says that the archive has several disks"});
    }
    auto const count = get<std::uint64_t>(at + 24);
    auto const size = get<std::uint64_t>(at + 40);
    auto const directory = get<std::uint64_t>(at + 48);
    if (count != get<std::uint64_t>(at + 32) || (count_ != 0xffff && count_ != count) ||
        (directory_size != max32 && directory_size != size) || (directory_ != max32 && directory_ != directory)) {
      return fail({"the two end records disagree: a header mismatch"});
    }
    count_ = count;
    directory_size = size;
    directory_ = directory;
    end_ = at;
    return true;
  }

  bool read_directory() {
    constexpr std::uint64_t length = 46;
    if (count_ > (end_ - directory_) / length) {
      return fail({"the end record counts ", count_, " records, more than the central directory has room for"});
    }
    records_.reserve(static_cast<std::size_t>(count_));
    std::uint64_t at = directory_;
    for (std::uint64_t i = 0; i < count_; ++i) {
      if (!inside(at, length, end_) || get<std::uint32_t>(at) != 0x02014b50u) {
        return fail({"no entry of the central directory at byte ", at, ", though ", count_, " are counted"});
      }
      std::size_t const name = get<std::uint16_t>(at + 28);
      std::size_t const extra = get<std::uint16_t>(at + 30);
      std::size_t const comment = get<std::uint16_t>(at + 32);
      if (!inside(at + length, name + extra + comment, end_)) {
        return fail({"the entry of the central directory at byte ", at, " is truncated"});
      }
      ZipRecord record;
      record.name = text(at + length, name);
      record.flags = get<std::uint16_t>(at + 8);
      record.crc = get<std::uint32_t>(at + 16);
      record.packed = get<std::uint32_t>(at + 20);
      record.size = get<std::uint32_t>(at + 24);
      record.header = get<std::uint32_t>(at + 42);
      auto const method = get<std::uint16_t>(at + 10);
      if (record.flags & encrypted) return fail(record, {"is encrypted, which is unsupported"});
      if (method != 0 && method != 8) return fail(record, {"has the unsupported compression method ", method});
      record.deflated = method == 8;
      if (!read_zip64(record, at + length + name, extra, true)) return false;
      if (get<std::uint16_t>(at + 34) != 0) return fail(record, {"the header says that it lies on another disk"});
      if (!record.deflated && record.packed != record.size) {
        return fail(record,
                    {"is stored, yet has ", record.packed, " bytes in the archive and a size of ", record.size});
      }
      records_.push_back(record);
      at += length + name + extra + comment;
    }
    if (at != end_) return fail({"the central directory has trailing bytes behind its ", count_, " entries"});
    return true;
  }

  /// Takes what does not fit 32 bits from the extra field; `central`: the offset too.
  bool read_zip64(ZipRecord& record, std::uint64_t at, std::size_t length, bool central) {
    std::uint64_t const end = at + length;
    bool found = false;
    while (end - at >= 4) {
      auto const id = get<std::uint16_t>(at);
      std::uint64_t const size = get<std::uint16_t>(at + 2);
      at += 4;
      if (!inside(at, size, end)) return fail(record, {"an extra field reaches beyond its header"});
      if (id == zip64_id) {
        if (std::exchange(found, true)) return fail(record, {"has a duplicate zip64 extra field"});
        std::uint64_t from = at;
        auto const take = [&](std::uint64_t& number) {
          if (number != max32) return true;
          if (!inside(from, 8, at + size)) return false;
          number = get<std::uint64_t>(from);
          from += 8;
          return true;
        };
        if (!take(record.size) || !take(record.packed) || (central && !take(record.header))) {
          return fail(record, {"the zip64 extra field is truncated"});
        }
      }
      at += size;
    }
    return true;
  }

  /// The local headers say what the directory says, and with their records they tile the file up to the directory.
  bool read_local_headers() {
    std::vector<ZipRecord*> by_place(records_.size());
    for (std::size_t i = 0; i < by_place.size(); ++i) by_place[i] = &records_[i];
    std::sort(by_place.begin(), by_place.end(), [](auto* a, auto* b) { return a->header < b->header; });
    if (file_ != nullptr) seen_ = {};
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < by_place.size(); ++i) {
      ZipRecord& record = *by_place[i];
      if (record.header != at) {
        return record.header < at ? fail(record, {"overlaps '", printable(by_place[i - 1]->name), "'"})
                                  : fail(record, {"begins at offset ", record.header,
                                                  ", but what stands before it ends at byte ", at});
      }
      if (!read_local_header(record)) return false;
      at = record.begin + record.packed;
      std::uint64_t const next = i + 1 < by_place.size() ? by_place[i + 1]->header : directory_;
      if ((record.flags & has_descriptor) && !read_descriptor(record, at, next)) return false;
    }
    if (at != directory_) {
      return fail({"bytes that belong to no record between byte ", at, " and the central directory at ", directory_});
    }
    return true;
  }

  bool read_local_header(ZipRecord& record) {
    constexpr std::uint64_t length = 30;
    std::uint64_t const at = record.header;
    if (!inside(at, length, directory_)) return fail(record, {"the offset of its local header lies outside"});
    if (!see(at, length)) return false;
    if (get<std::uint32_t>(at) != 0x04034b50u) return fail(record, {"there is no local header at byte ", at});
    std::size_t const name = get<std::uint16_t>(at + 26);
    std::size_t const extra = get<std::uint16_t>(at + 28);
    if (!inside(at + length, name + extra, directory_))
      return fail(record, {"the local header reaches beyond the records"});
    if (!see(at, length + name + extra)) return false;
    if (text(at + length, name) != record.name) {
      return fail(record, {"the local header has another name, '", printable(text(at + length, name)), "'"});
    }
    ZipRecord local;
    local.flags = get<std::uint16_t>(at + 6);
    local.crc = get<std::uint32_t>(at + 14);
    local.packed = get<std::uint32_t>(at + 18);
    local.size = get<std::uint32_t>(at + 22);
    local.name = record.name;
    if (!read_zip64(local, at + length + name, extra, false)) return false;
    if (get<std::uint16_t>(at + 8) != (record.deflated ? 8 : 0)) {
      return fail(record, {"header mismatch: the local header has another compression method"});
    }
    if ((local.flags ^ record.flags) & (encrypted | has_descriptor)) {
      return fail(record, {"header mismatch: the local header has other flags"});
    }
    bool const later = (record.flags & has_descriptor) && local.crc == 0 && local.packed == 0 && local.size == 0;
    if (!later && (local.packed != record.packed || local.size != record.size)) {
      return fail(record, {"header mismatch: a size of ", local.size, " in the local header, of ", record.size,
                           " in the central directory"});
    }
    if (!later && local.crc != record.crc) return fail(record, {"header mismatch: two CRC-32 checksums"});
    record.begin = at + length + name + extra;
    if (!inside(record.begin, record.packed, directory_)) {
      return fail(record, {"its ", record.packed, " bytes reach beyond the records"});
    }
    return true;
  }

  /// Sizes and CRC behind the record, in one of four forms: with a signature or without, 32 or 64 bits.
  bool read_descriptor(ZipRecord const& record, std::uint64_t& at, std::uint64_t next) {
    std::uint64_t const length = next - at;
    if (length == 0 && record.packed == 0) return true;  // PyTorch leaves it out where there is nothing to describe
    if (next < at || (length != 12 && length != 16 && length != 20 && length != 24)) {
      return fail(record, {"no data descriptor between its end at byte ", at, " and the next header at byte ", next});
    }
    if (!see(at, length)) return false;
    bool const wide = length >= 20;
    std::uint64_t const crc = length % 8 == 0 ? at + 4 : at;
    if (crc != at && get<std::uint32_t>(at) != 0x08074b50u)
      return fail(record, {"its data descriptor has no signature"});
    std::uint64_t const packed = wide ? get<std::uint64_t>(crc + 4) : get<std::uint32_t>(crc + 4);
    std::uint64_t const size = wide ? get<std::uint64_t>(crc + 12) : get<std::uint32_t>(crc + 8);
    if (get<std::uint32_t>(crc) != record.crc || packed != record.packed || size != record.size) {
      return fail(record, {"header mismatch: its data descriptor has another size or CRC-32"});
    }
    at = next;
    return true;
  }

  bool check_names() {
    index_ = NameIndex(records_.size(), [&](std::size_t i) { return records_[i].name; });
    if (std::ptrdiff_t const i = index_.duplicate(); i >= 0) {
      return fail(records_[static_cast<std::size_t>(i)], {"a duplicate name"});
    }
    for (ZipRecord const& record : records_) {
      if (char const* const why = name_problem(record); why != nullptr) return fail(record, {"invalid name: ", why});
    }
    return true;
  }
  static char const* name_problem(ZipRecord const& record) {
    std::string_view const name = record.name;
    if (name.empty()) return "it is empty";
    if (name.size() > 1024) return "it is longer than 1024 bytes";
    if ((record.flags & is_utf8_name) && !is_utf8(name)) return "it is not UTF-8";
    for (char const c : name) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "it has a control character";
    }
    for (std::size_t begin = 0; begin <= name.size();) {
      std::size_t const end = std::min(name.find('/', begin), name.size());
      std::string_view const part = name.substr(begin, end - begin);
      if (part == "." || part == "..") return "a path with . or .. in it";
      if (part.empty() && (end != name.size() || record.size != 0)) return "a path with an empty part";
      begin = end + 1;
    }
    return nullptr;
  }

  std::span<std::byte const> bytes_;
  std::string_view where_;
  InputFile const* file_;
  std::span<std::byte const> seen_;  ///< a part of the file
  std::uint64_t seen_from_ = 0;  ///< where that begins
  std::vector<std::byte> buffer_;
  std::uint64_t end_ = 0;  ///< where the central directory ends
  std::uint64_t directory_ = 0;  ///< where it begins
  std::uint64_t count_ = 0;
  std::vector<ZipRecord> records_;
  NameIndex index_;
  Error error_{Errc::format, ""};
};

}  // namespace ashlar::detail
