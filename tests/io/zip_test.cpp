// tests/io/zip_test.cpp, mirrors include/ashlar/io/zip.hpp and zip_content.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/crc32.hpp>
#include <ashlar/io/name_index.hpp>
#include <ashlar/io/zip.hpp>
#include <ashlar/io/zip_content.hpp>

#include "support/zip.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using ashlar::Result;
using ashlar::detail::ZipReader;
using ashlar::detail::ZipRecord;
using ashlar::detail::ZipUnpacker;
using ashlar::test::Zip;
using ashlar::test::zip_bytes;
using ashlar::test::ZipEntry;

namespace {

std::span<std::byte const> bytes_of(std::string_view s) { return std::as_bytes(std::span(s)); }

/// The contents of all records, or what is wrong.
struct Outcome {
  std::vector<std::string> contents;
  std::string error;
};
Outcome read(std::string const& bytes) {
  auto const records = ZipReader(bytes_of(bytes), "x.zip").read();
  if (!records) return {{}, records.error().what()};
  Outcome out;
  ZipUnpacker unpacker(bytes_of(bytes), "x.zip", true);
  for (ZipRecord const& r : *records) {
    auto const content = unpacker.content(r);
    if (!content) return {{}, content.error().what()};
    out.contents.emplace_back(reinterpret_cast<char const*>(content->bytes.data()), content->bytes.size());
  }
  return out;
}

std::string const text = "an ashlar is a stone cut so exactly that it needs no mortar, mortar, mortar, mortar";

Zip two() {
  return {.entries = {{.name = "a/one", .content = text}, {.name = "a/two", .content = "2", .deflated = true}}};
}

}  // namespace

TEST_CASE("archives of every form that tools write are read") {
  std::size_t forms = 0;
  for (int const descriptor : {0, 12, 16, 20, 24}) {
    for (unsigned bits = 0; bits < 64; ++bits) {
      ZipEntry const first{.name = "a/one",
                           .content = text,
                           .deflated = (bits & 1) != 0,
                           .zip64 = (bits & 2) != 0,
                           .descriptor = descriptor,
                           .padding = (bits & 4) != 0 ? std::string(31, 'Z') : "",
                           .no_crc = (bits & 8) != 0};
      ZipEntry const empty{.name = "a/empty", .content = "", .descriptor = descriptor};
      Zip const zip{.entries = {first, empty, {.name = "a/last", .content = "x"}},
                    .zip64 = (bits & 16) != 0,
                    .comment = (bits & 32) != 0 ? "by a tool" : ""};
      CAPTURE(descriptor, bits);
      Outcome const got = read(zip_bytes(zip));
      CHECK(got.error == "");
      CHECK(got.contents == std::vector<std::string>{text, "", "x"});
      ++forms;
    }
  }
  CHECK(forms == 320);
  CHECK(read(zip_bytes({.entries = {}})).error == "");
  CHECK(read(zip_bytes({.entries = {{.name = "a/", .content = ""}, {.name = "a/b", .content = "x"}}})).error == "");
}

TEST_CASE("an archive that means two things, or points outside, is refused") {
  struct Case {
    char const* problem;
    std::function<void(Zip&)> break_it;
  };
  std::vector<Case> const cases = {
      {"begins at offset 3, but what stands before it ends at byte 0", [](Zip& z) { z.before = "MZ!"; }},
      {"bytes that belong to no record between byte", [](Zip& z) { z.between = "hidden"; }},
      {"has trailing bytes behind its 2 entries", [](Zip& z) { z.after_entries = "hidden"; }},
      {"the comment at the end holds another end record", [](Zip& z) { z.comment = "PK\5\6"; }},
      {"several disks", [](Zip& z) { z.disk = 1; }},
      {"though 3 are counted", [](Zip& z) { z.more_entries = 1, z.after_entries = std::string(46, 'x'); }},
      {"more than the central directory has room for", [](Zip& z) { z.more_entries = 60000; }},
      {"does not end at the end record", [](Zip& z) { z.directory_more = 4; }},
      {"is not at byte", [](Zip& z) { z.zip64 = true, z.zip64_at_more = 1; }},
      {"is not at byte", [](Zip& z) { z.zip64 = true, z.zip64_at_more = ~std::uint64_t{0} - 300; }},
      {"the zip64 end record has a wrong size", [](Zip& z) { z.zip64 = true, z.zip64_size_more = 8; }},
      {"more than the central directory has room for",
       [](Zip& z) { z.zip64 = true, z.zip64_count_more = std::uint64_t{1} << 60; }},
      {"does not end at the end record", [](Zip& z) { z.zip64 = true, z.directory_more = ~std::uint64_t{0} - 100; }},
      {"'a/one': is encrypted", [](Zip& z) { z.entries[0].flags = 1; }},
      {"'a/one': has the unsupported compression method 12", [](Zip& z) { z.entries[0].method = 12; }},
      {"'a/two': a duplicate name", [](Zip& z) { z.entries[0].name = "a/two"; }},
      {"'a/one': the local header has another name, 'a/new'", [](Zip& z) { z.entries[0].local_name = "a/new"; }},
      {"'a/one': header mismatch: two CRC-32", [](Zip& z) { z.entries[0].local_crc_flip = 1; }},
      {"'a/one': header mismatch: a size of", [](Zip& z) { z.entries[0].local_size_flip = 1; }},
      {"'a/one': header mismatch: a size of",
       [](Zip& z) { z.entries[0].zip64 = true, z.entries[0].local_size_flip = 1; }},
      {"'a/one': header mismatch: its data descriptor",
       [](Zip& z) { z.entries[0].descriptor = 16, z.entries[0].descriptor_flip = 1; }},
      {"'a/one': header mismatch: its data descriptor",
       [](Zip& z) { z.entries[0].descriptor = 24, z.entries[0].crc_flip = 1; }},
      {"'a/two': begins at offset", [](Zip& z) { z.entries[1].offset_more = 1; }},
      {"'a/two': begins at offset",
       [](Zip& z) { z.entries[1].zip64 = true, z.entries[1].offset_more = std::uint64_t{1} << 63; }},
      {"'a/two': overlaps 'a/one'",
       [](Zip& z) { z.entries[1].zip64 = true, z.entries[1].offset_more = ~std::uint64_t{0} - 20; }},
      {"invalid name: it is empty", [](Zip& z) { z.entries[0].name = ""; }},
      {"invalid name: a path with . or ..", [](Zip& z) { z.entries[0].name = "a/../b"; }},
      {"invalid name: a path with . or ..", [](Zip& z) { z.entries[0].name = ".."; }},
      {"invalid name: a path with an empty part", [](Zip& z) { z.entries[0].name = "/etc"; }},
      {"invalid name: a path with an empty part", [](Zip& z) { z.entries[0].name = "a//b"; }},
      {"invalid name: a path with an empty part", [](Zip& z) { z.entries[0].name = "a/"; }},
      {"invalid name: it has a control character", [](Zip& z) { z.entries[0].name = std::string("a\0b", 3); }},
      {"invalid name: it is not UTF-8", [](Zip& z) { z.entries[0].name = "a/\xff", z.entries[0].flags = 1 << 11; }},
      {"invalid name: it is longer", [](Zip& z) { z.entries[0].name = std::string(2000, 'n'); }},
  };
  for (Case const& c : cases) {
    Zip zip = two();
    c.break_it(zip);
    std::string const error = read(zip_bytes(zip)).error;
    CAPTURE(c.problem);
    CHECK(error.find("x.zip: zip archive: ") == 0);
    CHECK_THAT(error, Catch::Contains(c.problem));
  }
}

TEST_CASE("bytes of a record are checked, and expand within a limit") {
  Zip zip = two();
  zip.entries[0].crc_flip = zip.entries[0].local_crc_flip = 1;
  CHECK_THAT(read(zip_bytes(zip)).error, Catch::Contains("record 'a/one': corrupt: its CRC-32 is"));

  // 16 times the file and 256 KiB: just below and just above, of one record and of several together.
  Zip zeros{.entries = {{.name = "z", .content = std::string(200 << 10, '\0'), .deflated = true}}};
  CHECK(read(zip_bytes(zeros)).error == "");
  zeros.entries.push_back({.name = "y", .content = std::string(200 << 10, '\0'), .deflated = true});
  CHECK_THAT(read(zip_bytes(zeros)).error,
             Catch::Contains("record 'y': deflated: its size of 204800 bytes exceeds the limit"));
  zeros.entries[1].deflated = false;
  CHECK(read(zip_bytes(zeros)).error == "");

  // A stream that is not as long as its record says, and one that goes on.
  for (std::string const& more : {std::string(), std::string("!")}) {
    std::string stream = ashlar::test::raw_deflate(text);
    if (more.empty()) {
      stream.pop_back();
    } else {
      stream += more;
    }
    Zip const wrong{.entries = {{.name = "s", .content = stream, .no_crc = true, .method = 8}}};
    CHECK_THAT(read(zip_bytes(wrong)).error, Catch::Contains("record 's': deflated: "));
  }
}

TEST_CASE("the CRC-32 is zlib's, of every length and in parts") {
  std::vector<std::byte> bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i % 251);
  for (std::size_t from = 0; from < 3; ++from) {
    for (std::size_t n = 0; n + from <= 300; ++n) {
      auto const part = std::span(bytes).subspan(from, n);
      std::uint32_t const expected = ashlar::detail::crc32_plain(0, part);
      if (ashlar::detail::crc32_of(part) != expected) FAIL_CHECK(from << " " << n);
    }
  }
  std::span<std::byte const> const all = bytes;
  for (std::size_t const n : {0u, 63u, 64u, 65u, 127u, 128u, 500u, 1000u}) {
    CHECK(ashlar::detail::crc32_of(all.subspan(n), ashlar::detail::crc32_of(all.first(n))) ==
          ashlar::detail::crc32_plain(0, all));
  }
  char const digits[] = "123456789";  // the check value of the CRC's definition
  CHECK(ashlar::detail::crc32_of(std::as_bytes(std::span(digits, 9))) == 0xcbf43926u);
}

TEST_CASE("a sort by hash is a sort, however the hashes lie") {
  using Entry = std::pair<std::uint64_t, int>;
  for (std::size_t const n : {0, 1, 31, 32, 33, 1000}) {
    for (std::uint64_t const factor : {0x9e3779b97f4a7c15u, 1ul, 0ul, 1ul << 63}) {  // spread, low bits, one, two
      std::vector<Entry> entries;
      for (std::size_t i = 0; i < n; ++i) entries.emplace_back(i * factor, static_cast<int>(i * 7919 % 1009));
      std::vector<Entry> expected = entries;
      std::sort(expected.begin(), expected.end());
      ashlar::detail::sort_by_hash(entries, [](Entry const& e) { return e.first; }, std::less<>{});
      CHECK(entries == expected);
    }
  }
}
